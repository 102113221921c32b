"""Tests of `ws4channels.delivery.sequences`."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ws4channels.delivery.sequences import Sequences, State, follow
from ws4channels.transports.messages import Delivery
from ws4channels.transports.numbers import Record

KEY = "k"


def message(number: int, previous: int | None = None) -> Delivery:
    """Return a message; it follows the even number before its own."""
    return Delivery(f"{number}", KEY, number, number - 2 if previous is None else previous)


def state(*log: Delivery, last: Delivery | None = None) -> State:
    """Return what Redis has: a log, and the newest message, which is kept."""
    newest = last or log[-1]
    return State(Record(newest.number, newest.previous, newest), log)


def joined(number: int) -> Sequences:
    """Return the sequences of a hub that joined the key when `number` was its newest."""
    sequences = Sequences()
    sequences.begin(KEY, number)
    return sequences


def numbers(deliveries: object) -> list[int]:
    """Return the numbers of deliveries."""
    return [each.number for each in deliveries]  # type: ignore[attr-defined]


def deliver(sequences: Sequences, found: list[Delivery]) -> list[int]:
    """Do with what was found as `Gaps` does; return the numbers that are delivered."""
    delivered = [each for each in found if sequences.advance(each)]
    return numbers([*delivered, *sequences.settle(KEY)])


def test_messages_that_follow_each_other_are_delivered() -> None:
    """Each once; one that comes twice is dropped."""
    sequences = joined(2)
    assert [numbers(sequences.take(message(n), False)) for n in (4, 4, 6, 4, 8)] == [[4], [], [6], [], [8]]
    assert sequences.held == {}


def test_first_message_of_a_key_is_delivered() -> None:
    """Whatever it follows: what was before, the socket reads."""
    sequences = Sequences()
    assert numbers(sequences.take(message(40), True)) == [40]


def test_message_that_overtook_another_waits_for_it() -> None:
    """Then both are delivered in their order."""
    sequences = joined(2)
    assert [numbers(sequences.take(message(n), False)) for n in (8, 6, 4)] == [[], [], [4, 6, 8]]
    assert sequences.held == {}


def test_gap_is_filled_from_the_log() -> None:
    """What is missing comes before what was held."""
    sequences = joined(2)
    sequences.take(message(8), False)
    found = sequences.missed(KEY, state(*map(message, (2, 4, 6, 8))))
    assert found is not None
    assert deliver(sequences, found) == [4, 6, 8]
    assert sequences.held == {}


def test_kept_message_fills_a_gap_of_one() -> None:
    """Without a log, too."""
    sequences = joined(2)
    found = sequences.missed(KEY, state(last=message(4)))
    assert found is not None
    assert deliver(sequences, found) == [4]


def test_gap_that_the_log_does_not_reach_is_not_filled() -> None:
    """What there is is delivered, and the sequence goes on from there."""
    sequences = joined(2)
    sequences.take(message(10), False)
    trimmed = state(*map(message, (6, 8, 10)))
    assert sequences.missed(KEY, trimmed) is None
    assert deliver(sequences, sequences.rest(KEY, trimmed)) == [10]
    assert numbers(sequences.take(message(12), False)) == [12]


def test_sequence_that_begins_anew_is_no_gap_on_an_uninterrupted_connection() -> None:
    """The record has expired: nothing is missing."""
    for beginning in (0, 7):
        sequences = joined(2)
        assert numbers(sequences.take(message(8, beginning), False)) == [8]
        assert numbers(sequences.take(message(10), False)) == [10]


def test_sequence_that_begins_anew_after_an_interruption_is_a_gap() -> None:
    """Nobody knows what was before it."""
    sequences = joined(2)
    new = message(8, 0)
    assert numbers(sequences.take(new, True)) == []
    assert sequences.missed(KEY, state(new)) is None
    assert deliver(sequences, sequences.rest(KEY, state(new))) == [8]


def test_sequence_may_begin_anew_with_smaller_numbers() -> None:
    """After a restart without data on a server whose clock is behind."""
    sequences = joined(100)
    new = message(8, 0)
    assert numbers(sequences.take(new, False)) == []
    assert sequences.missed(KEY, state(new)) is None
    assert deliver(sequences, sequences.rest(KEY, state(new))) == [8]
    assert numbers(sequences.take(message(10), False)) == [10]


def test_first_message_that_comes_again_is_dropped() -> None:
    """Redis says that the sequence did not begin anew."""
    sequences = joined(0)
    first = message(2, 0)
    assert numbers(sequences.take(first, False)) == [2]
    assert numbers(sequences.take(message(4), False)) == [4]
    assert numbers(sequences.take(first, False)) == []
    found = sequences.missed(KEY, state(first, message(4)))
    assert found is not None
    assert deliver(sequences, found) == []
    assert sequences.held == {}


def test_beginning_that_another_process_made_is_followed() -> None:
    """Where there was no record, a resuming client makes one, to which no message belongs."""
    assert numbers(joined(0).take(message(8, 7), True)) == [8]
    assert numbers(follow(0, [message(8, 7)])[0]) == [8]
    assert numbers(joined(7).take(message(8, 7), True)) == [8]


def test_record_that_is_gone_after_an_interruption_is_told() -> None:
    """Nobody knows whether there were others; where there never was one, nothing is missing."""
    assert joined(2).missed(KEY, State(Record())) is None
    assert joined(0).missed(KEY, State(Record())) == []
    sequences = joined(2)
    assert sequences.rest(KEY, State(Record())) == []
    assert numbers(sequences.take(message(8, 0), True)) == [8]


def test_nothing_is_left_of_a_key_that_nobody_wants() -> None:
    """Neither its number nor what was held."""
    sequences = joined(2)
    sequences.take(message(8), False)
    sequences.forget(KEY)
    assert (sequences.last, sequences.held) == ({}, {})


def test_too_much_is_not_held() -> None:
    """The bound is in messages and bytes."""
    few, many, large = joined(2), joined(2), joined(2)
    for number in range(6, 3000, 2):
        many.take(message(number), False)
    few.take(message(6), False)
    large.take(Delivery("x" * 2_000_000, KEY, 6, 4), False)
    assert [each.is_overfull(KEY) for each in (few, many, large)] == [False, True, True]


EVENTS = st.lists(st.tuples(st.sampled_from(["arrives", "again", "late", "lost", "compare"]), st.integers(0, 5)))


def play(events: list[tuple[str, int]], history: int) -> tuple[list[int], list[int], int]:
    """Publish messages that arrive, arrive twice or late, or get lost; return all, those delivered, and the gaps told.

    The log holds so many of the newest.
    """
    sequences, published, late = joined(0), [message(2, 0)], []
    delivered = numbers(sequences.take(published[0], False))
    told = 0

    def compare() -> None:
        nonlocal told
        now = state(*published[-history:]) if history else state(last=published[-1])
        found = sequences.missed(KEY, now)
        told += found is None
        delivered.extend(deliver(sequences, sequences.rest(KEY, now) if found is None else found))

    for what, index in events:
        if what == "compare":
            compare()
            continue
        published.append(message(published[-1].number + 2))
        if what == "late":
            late.append(published[-1])
        if what in ("arrives", "again"):
            delivered.extend(numbers(sequences.take(published[-1], False)))
        if what == "again":
            delivered.extend(numbers(sequences.take(published[index % len(published)], False)))
        if late and index == 0:
            delivered.extend(numbers(sequences.take(late.pop(), False)))
    compare()
    return numbers(published), delivered, told


@given(events=EVENTS)
def test_each_message_is_delivered_once_and_in_order_with_a_full_log(events: list[tuple[str, int]]) -> None:
    """However messages overtake each other, come again or get lost; and nobody is notified of a gap."""
    published, delivered, told = play(events, history=1000)
    assert (delivered, told) == (published, 0)


@given(events=EVENTS, history=st.integers(0, 4))
def test_missing_message_is_told_with_a_short_log(events: list[tuple[str, int]], history: int) -> None:
    """What is delivered is in order and once, and if something is missing, that is said."""
    published, delivered, told = play(events, history)
    assert all(earlier < later for earlier, later in pairwise(delivered))
    assert told or delivered == published
    assert delivered[-1] == published[-1]
