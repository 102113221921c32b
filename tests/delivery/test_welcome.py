"""Tests of `ws4channels.delivery.welcome`."""

from __future__ import annotations

from typing import Any

import pytest

from ws4channels.counters import counts
from ws4channels.delivery.sequences import State
from ws4channels.delivery.welcome import Start, Welcome, make_welcome, note_recovery
from ws4channels.transports.messages import Delivery
from ws4channels.transports.numbers import Record

A, B = "broadcast:a", "broadcast:b"
EMPTY = State(Record())


def message(number: int, key: str = A, previous: int | None = None) -> Delivery:
    """Return a message; it follows the even number before its own."""
    return Delivery(f"{key[-1]}{number}", key, number, number - 2 if previous is None else previous)


def state(*log: Delivery) -> State:
    """Return what Redis has of a key whose newest messages these are, the last of them kept."""
    return State(Record(log[-1].number, log[-1].previous, log[-1]), log)


def without_log(newest: Delivery) -> State:
    """Return what Redis has of a key without a history."""
    return State(Record(newest.number, newest.previous, newest))


def expired(number: int, previous: int) -> Delivery:
    """Return what is read of a message past its deadline."""
    return Delivery("", A, number, previous)


BY_HAND = State(Record(4, 2, Delivery("by hand", A)))


def payloads(welcome: Welcome) -> list[Any]:
    """Return the payloads of what is sent first."""
    return [each.payload for each in welcome.deliveries]


def test_kept_message_of_each_key_is_sent_first() -> None:
    """As in the original; `seen` says which must not be sent again."""
    welcome = make_welcome({A: without_log(message(4)), B: EMPTY}, Start())
    assert (payloads(welcome), welcome.seen, welcome.recovered) == (["a4"], {A: 4, B: 0}, None)


def test_history_is_sent_in_the_order_of_publishing() -> None:
    """Over all keys; a message without number is the newest of its key."""
    states = {A: state(message(2), message(6)), B: state(message(4, B), message(8, B))}
    assert payloads(make_welcome(states, Start(history=10))) == ["a2", "b4", "a6", "b8"]
    assert payloads(make_welcome({A: State(BY_HAND.record, [message(2)])}, Start(history=10))) == ["a2", "by hand"]


def test_history_holds_no_message_past_its_deadline() -> None:
    """A one-time code is not readable an hour later."""
    welcome = make_welcome({A: state(message(2), expired(4, 2), message(6))}, Start(history=10))
    assert payloads(welcome) == ["a2", "a6"]


@pytest.mark.parametrize(
    ("position", "missed"), [(2, ["a4", "a6"]), (4, ["a6"]), (6, [])], ids=["two missed", "one missed", "none missed"]
)
def test_client_that_comes_back_gets_what_it_missed(position: int, missed: list[str]) -> None:
    """From a log that reaches back to its position, with the position before the messages."""
    welcome = make_welcome({A: state(message(2), message(4), message(6))}, Start(0, True, {A: position}))
    assert (payloads(welcome), welcome.recovered, welcome.positions) == (missed, True, {A: position})


def test_kept_message_is_the_one_that_was_missed() -> None:
    """Without a history one message can be missed."""
    assert make_welcome({A: without_log(message(6))}, Start(0, True, {A: 6})).recovered is True
    assert payloads(make_welcome({A: without_log(message(6))}, Start(0, True, {A: 4}))) == ["a6"]
    welcome = make_welcome({A: without_log(message(6))}, Start(0, True, {A: 2}))
    assert (payloads(welcome), welcome.recovered) == (["a6"], False)


def test_message_past_its_deadline_is_not_missing() -> None:
    """It is skipped, and what was missed is complete."""
    states = {A: state(message(2), expired(4, 2), message(6))}
    welcome = make_welcome(states, Start(0, True, {A: 2}))
    assert (payloads(welcome), welcome.recovered) == (["a6"], True)


@pytest.mark.parametrize(
    ("found", "position"),
    [
        (state(message(6), message(8)), 2),
        (state(message(2), message(8, previous=0)), 2),
        (state(message(2), message(8)), 2),
        (state(message(2), message(4)), 6),
        (state(message(2), message(4)), 9_999_999_999_999_998),
        (BY_HAND, 4),
        (State(Record(4, 2)), 2),
        (EMPTY, 2),
        (EMPTY, 0),
    ],
    ids=["trimmed", "begun anew", "hole", "ahead", "huge", "by hand", "expired", "record gone", "forged"],
)
def test_part_of_what_was_missed_is_never_called_the_whole(found: State, position: int) -> None:
    """Then the client is sent the newest message, and told."""
    welcome = make_welcome({A: found}, Start(0, True, {A: position}))
    newest = found.record.kept
    assert (welcome.recovered, payloads(welcome)) == (False, [newest.payload] if newest else [])


def test_one_key_that_cannot_be_recovered_is_told() -> None:
    """The others are all the same."""
    states = {A: state(message(2), message(4), message(6)), B: state(message(12, B))}
    welcome = make_welcome(states, Start(0, True, {A: 2, B: 4}))
    assert (payloads(welcome), welcome.recovered) == (["a4", "a6", "b12"], False)
    assert make_welcome(states, Start(0, True, {A: 2})).recovered is False
    assert make_welcome(states, Start(0, True, {})).recovered is False


def test_position_is_known_of_each_key() -> None:
    """By the frame of its newest message, or by name where there is none: begun, expired, written by hand."""
    states = {A: without_log(message(4)), B: State(Record(7)), "c": State(Record(4, 2)), "d": BY_HAND}
    welcome = make_welcome(states, Start(0, True))
    assert (welcome.positions, welcome.recovered) == ({B: 7, "c": 4, "d": 4}, None)


def test_how_it_went_is_counted() -> None:
    """Only where somebody came back."""
    before = counts.copy()
    for recovered in (None, True, False):
        note_recovery(Welcome(recovered=recovered))
    assert {name: counts[name] - before[name] for name in ("resumes", "resumes_complete", "resumes_incomplete")} == {
        "resumes": 2,
        "resumes_complete": 1,
        "resumes_incomplete": 1,
    }
