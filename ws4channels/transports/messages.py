"""One message, from bytes in Redis to the event in a channel-layer group to what a socket is sent.

A payload is text (``str``) where the bytes are valid UTF-8 and ``bytes`` otherwise, as WebSocket knows text frames
and binary frames (RFC 6455, 5.6). Only this module decides which.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

Payload = str | bytes

EVENT_TYPE = "ws4channels.message"

DIGITS = 16
"""How many digits a message's number is written with everywhere, so that numbers compare as texts; see ``numbers``."""

NO_NUMBERS = "0" * 2 * DIGITS
"""Stands for the numbers of a message that has none."""


def to_payload(raw: bytes) -> Payload:
    """Return the payload that stands for `raw`."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def to_raw(payload: Payload) -> bytes:
    """Return the bytes that `payload` stands for."""
    return payload.encode("utf-8") if isinstance(payload, str) else payload


def split_numbers(numbers: str | bytes) -> tuple[int, int]:
    """Return number and predecessor from the digits of both; raise ValueError for anything else."""
    if len(numbers) != 2 * DIGITS:
        raise ValueError(f"{numbers!r} is not two numbers of {DIGITS} digits.")
    return int(numbers[:DIGITS]), int(numbers[DIGITS:])


def build_event(key: str, payload: Payload, numbers: str = "", carries_bytes: bool = True) -> dict[str, Any]:
    """Return the channel-layer event that carries `payload` to the group of `key`.

    `numbers` are its own and that of the message before it, and the database of the key: ``NUMBER PREVIOUS:DATABASE``
    without the space, or empty. For layers that cannot carry bytes these are encoded as ``base64``.
    """
    event: dict[str, Any] = {"type": EVENT_TYPE, "key": key}
    if isinstance(payload, str):
        event["text"] = payload
    elif carries_bytes:
        event["bytes"] = payload
    else:
        event["base64"] = b64encode(payload).decode("ascii")
    if numbers:
        event["numbers"] = numbers
    return event


class ForeignEvent(Exception):
    """An event that was not made by `build_event`."""


class Publication(NamedTuple):
    """One message for the keys of one publisher: checked, encoded, and not yet written anywhere."""

    keys: tuple[str, ...]
    raw: bytes
    expire: int
    """Seconds to keep the message; 0: it is not kept."""

    def events(self, numbers: Sequence[str], carries_bytes: bool = True) -> list[tuple[str, dict[str, Any]]]:
        """Return each key with its event; `numbers` are those of each key, as `build_event` takes them."""
        payload = to_payload(self.raw)
        pairs = zip(self.keys, numbers, strict=True)
        return [(key, build_event(key, payload, each, carries_bytes)) for key, each in pairs]


class Delivery:
    """One message on its way to sockets, as the ASGI event that the server is given. All sockets share the object.

    `number` and `previous` are 0 for a message without number. `size` is the payload's length in bytes, by which queues
    are bounded and deliveries counted.
    """

    __slots__ = ("deflated", "forms", "frame", "is_closing", "key", "message", "number", "payload", "previous", "size")

    def __init__(self, payload: Payload, key: str = "", number: int = 0, previous: int = 0) -> None:
        self.key = key
        self.number = number
        self.previous = previous
        self.payload = payload
        self.frame: bytes | None = None  # built and remembered by ``servers``, as is the next
        self.deflated: bytes | None = None
        self.forms: dict[Any, Any] | None = None  # likewise by ``forms`` and ``events``
        self.is_closing = False
        self.message: dict[str, Any]
        if isinstance(payload, str):
            self.message = {"type": "websocket.send", "text": payload}
            self.size = len(payload) if payload.isascii() else len(payload.encode("utf-8", "surrogatepass"))
        else:
            self.message = {"type": "websocket.send", "bytes": payload}
            self.size = len(payload)

    @classmethod
    def closing(cls, message: dict[str, Any]) -> Delivery:
        """Build the last delivery of a socket out of a ``websocket.close`` event."""
        delivery = cls("")
        delivery.message = message
        delivery.is_closing = True
        return delivery

    @classmethod
    def from_event(cls, event: Mapping[str, Any], database: int) -> Delivery:
        """Build the delivery of an event made by `build_event`; raise ForeignEvent for any other event.

        The numbers of messages in another database than `database` mean nothing here.
        """
        try:
            payload = event.get("text")
            if payload is None:
                payload = b64decode(event["base64"]) if "base64" in event else event["bytes"]
            if event["type"] == EVENT_TYPE:
                numbers, _, of_database = event.get("numbers", "").partition(":")
                is_numbered = numbers and int(of_database) == database
                return cls(payload, event["key"], *(split_numbers(numbers) if is_numbered else (0, 0)))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ForeignEvent(f"type {event.get('type')!r}") from error
        raise ForeignEvent(f"type {event.get('type')!r}")


def without_repeats(
    first: Iterable[Delivery], since: Iterable[Delivery], seen: Mapping[str, int]
) -> tuple[list[Delivery], list[Delivery]]:
    """Return what a socket is sent first and what has been published since it joined its keys, each message once.

    `seen` has the newest number of each key in `first`. A message without number that is in both stays in its place
    among the later ones.
    """
    later = [each for each in since if not each.number or each.number > seen.get(each.key, 0)]
    held = {(each.key, each.payload) for each in later if not each.number}
    # What a site's own subscriber sends has no key, so only the payload can be compared.
    held.update(("", each.payload) for each in later)
    return [each for each in first if each.number or (each.key, each.payload) not in held], later
