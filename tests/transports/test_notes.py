"""Tests of `ws4channels.transports.notes`."""

from __future__ import annotations

import pytest

from ws4channels.transports.notes import Channels, Message
from ws4channels.transports.numbers import extras_of

KEY, OTHER = "broadcast:f", "broadcast:g"
CHANNEL, NOTE = KEY.encode(), extras_of(KEY).note.encode()
NUMBERS = f"{2:016}{0:016}:0"


@pytest.fixture
def channels() -> Channels:
    """The channels of two keys."""
    channels = Channels()
    channels.add([KEY, OTHER])
    return channels


def note(raw: bytes, numbers: str = NUMBERS) -> bytes:
    """Return the note for a message."""
    return f"{numbers}:{len(raw)}".encode()


def test_note_numbers_the_message_right_after_it(channels: Channels) -> None:
    """And only that one."""
    assert channels.take(NOTE, note(b"hello")) is None
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", NUMBERS)
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", "")


def test_message_of_the_original_has_no_number(channels: Channels) -> None:
    """A message without a note before it is as it is."""
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", "")


def test_note_is_for_no_other_message(channels: Channels) -> None:
    """Another key, another length, a message in between or a lost connection: the note is discarded."""
    channels.take(NOTE, note(b"hello"))
    assert channels.take(OTHER.encode(), b"hello") == Message(OTHER, b"hello", "")
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", "")
    channels.take(NOTE, note(b"hello"))
    assert channels.take(CHANNEL, b"longer") == Message(KEY, b"longer", "")
    channels.take(NOTE, note(b"hello"))
    channels.forget_note()
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", "")


def test_later_note_takes_the_place_of_an_earlier_one(channels: Channels) -> None:
    """Of two notes in a row the first belongs to a message that did not come."""
    later = f"{4:016}{2:016}:0"
    channels.take(NOTE, note(b"hello"))
    channels.take(NOTE, note(b"hello", later))
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", later)


def test_whole_message_comes_on_the_channel_of_notes_in_a_cluster(channels: Channels) -> None:
    """Its bytes may hold anything, line feeds too."""
    raw = b"\xff\n:5\n"
    assert channels.take(NOTE, NUMBERS.encode() + b"\n" + raw) == Message(KEY, raw, NUMBERS)


@pytest.mark.parametrize("garbage", [b"", b"5", b"x:y", b"\xff:5", b"\xff\nhello", b":", b"1:"])
def test_what_is_no_note_harms_nothing(channels: Channels, garbage: bytes) -> None:
    """Somebody else may publish anything there; the next message has no number, or that of its own note."""
    assert channels.take(NOTE, garbage) is None
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", "")
    channels.take(NOTE, note(b"hello"))
    assert channels.take(CHANNEL, b"hello") == Message(KEY, b"hello", NUMBERS)


def test_removed_keys_leave_nothing() -> None:
    """Both channels are named for unsubscribing, and what still comes on them is nobody's."""
    channels = Channels()
    assert channels.add([KEY]) == ([CHANNEL], [NOTE])
    assert channels.all == ([CHANNEL], [NOTE])
    assert channels.remove([KEY, OTHER]) == [CHANNEL, NOTE, OTHER.encode(), extras_of(OTHER).note.encode()]
    assert channels.all == ([], [])
    assert channels.take(NOTE, note(b"hello")) is None
    assert channels.take(CHANNEL, b"hello") is None
