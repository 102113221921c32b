"""One message, from bytes in Redis to the event in a channel-layer group to what a socket is sent.

A payload is text (``str``) where the bytes are valid UTF-8 and ``bytes`` otherwise, as WebSocket knows text frames
and binary frames (RFC 6455, 5.6). Only this module decides which.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Payload = str | bytes

EVENT_TYPE = "ws4channels.message"


def to_payload(raw: bytes) -> Payload:
    """Return the payload that stands for `raw`."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw


def build_event(key: str, payload: Payload, is_kept: bool | None = True, carries_bytes: bool = True) -> dict[str, Any]:
    """Return the channel-layer event that carries `payload` to the group of `key`.

    It says so if the message is not kept, because then the kept message of its key is still the one before; also if
    that is not known (None). For layers that cannot carry bytes these are encoded as ``base64``.
    """
    event: dict[str, Any] = {"type": EVENT_TYPE, "key": key}
    if isinstance(payload, str):
        event["text"] = payload
    elif carries_bytes:
        event["bytes"] = payload
    else:
        event["base64"] = b64encode(payload).decode("ascii")
    if is_kept is not True:
        event["kept"] = is_kept
    return event


class ForeignEvent(Exception):
    """An event that was not made by `build_event`."""


@dataclass(frozen=True)
class Publication:
    """One message for the keys of one publisher: checked, encoded, and not yet written anywhere."""

    keys: tuple[str, ...]
    raw: bytes
    expire: int
    """Seconds to keep the message; 0: it is not kept."""

    def events(self, carries_bytes: bool = True) -> list[tuple[str, dict[str, Any]]]:
        """Return each key with its event."""
        payload = to_payload(self.raw)
        return [(key, build_event(key, payload, self.expire > 0, carries_bytes)) for key in self.keys]


class Delivery:
    """One message on its way to sockets, as the ASGI event that the server is given. All sockets share the object.

    `size` is the payload's length in bytes, by which queues are bounded and deliveries counted.
    """

    __slots__ = ("frame", "is_closing", "is_kept", "key", "message", "payload", "size")

    def __init__(self, payload: Payload, key: str = "", is_kept: bool | None = True) -> None:
        self.key = key
        self.is_kept = is_kept
        self.payload = payload
        self.frame: bytes | None = None  # built and remembered by ``servers``
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
    def from_event(cls, event: Mapping[str, Any]) -> Delivery:
        """Build the delivery of an event made by `build_event`; raise ForeignEvent for any other event."""
        try:
            payload = event.get("text")
            if payload is None:
                payload = b64decode(event["base64"]) if "base64" in event else event["bytes"]
            if event["type"] == EVENT_TYPE:
                return cls(payload, event["key"], event.get("kept", True))
        except (KeyError, TypeError, ValueError) as error:
            raise ForeignEvent(f"type {event.get('type')!r}") from error
        raise ForeignEvent(f"type {event.get('type')!r}")
