"""The channels of keys, and the notes on which the numbers of their messages travel. Pure.

Servers of the original listen to the channel that is named as the key, so a message goes there as it is. Its numbers go
out in a note right before it, by the same script: Redis keeps the order on one connection, and nothing of the key comes
between. In a cluster, where other nodes may put something between, the whole message is in the note's place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ws4channels.transports.numbers import extras_of


class Message(NamedTuple):
    """What was published to a key."""

    key: str
    raw: bytes
    numbers: str
    """As ``build_event`` takes them."""


class Channels:
    """Which channels belong to which keys, and the note that came last on the connection."""

    def __init__(self) -> None:
        self._keys: dict[bytes, str] = {}
        self._noting: dict[bytes, str] = {}
        self._note: Message | None = None
        self._noted_size = 0

    @property
    def all(self) -> tuple[list[bytes], list[bytes]]:
        """The channels of the keys, and those of their notes."""
        return list(self._keys), list(self._noting)

    def add(self, keys: Iterable[str]) -> tuple[list[bytes], list[bytes]]:
        """Add keys; return their channels and those of their notes."""
        channels = {key.encode("utf-8"): key for key in keys}
        notes = {extras_of(key).note.encode("utf-8"): key for key in channels.values()}
        self._keys.update(channels)
        self._noting.update(notes)
        return list(channels), list(notes)

    def remove(self, keys: Iterable[str]) -> list[bytes]:
        """Remove keys; return all their channels."""
        removed = []
        for key in keys:
            channel, note = key.encode("utf-8"), extras_of(key).note.encode("utf-8")
            self._keys.pop(channel, None)
            self._noting.pop(note, None)
            removed += [channel, note]
        return removed

    def forget_note(self) -> None:
        """Note that the connection is lost: a message that comes now is not the one of the last note."""
        self._note = None

    def take(self, channel: bytes, raw: bytes) -> Message | None:
        """Return the message in what came on a channel; None for a note, and where the key was removed."""
        note, self._note = self._note, None
        key = self._keys.get(channel)
        if key is not None:
            is_noted = note is not None and note.key == key and self._noted_size == len(raw)
            return Message(key, raw, note.numbers if is_noted and note is not None else "")
        key = self._noting.get(channel)
        return None if key is None else self._take_note(key, raw)

    def _take_note(self, key: str, raw: bytes) -> Message | None:
        head, newline, body = raw.partition(b"\n")
        try:
            if newline:
                return Message(key, body, head.decode("ascii"))
            numbers, _, size = head.decode("ascii").rpartition(":")
            self._noted_size = int(size)
        except ValueError:
            return None  # Somebody else published it.
        self._note = Message(key, b"", numbers)
        return None
