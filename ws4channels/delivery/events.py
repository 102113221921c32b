"""Messages as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

An event's ``id`` holds the positions of all keys of its stream, for clients come back with the last one only.
"""

from __future__ import annotations

import json
import random
import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

from ws4channels import settings
from ws4channels.delivery.forms import position_of
from ws4channels.transports.messages import Delivery, Payload, to_raw

CONTROL = "ws4channels"
"""The type of events that tell the client something about its stream."""

COMMENT = b":\n\n"
"""What keeps a stream alive: a comment, which clients ignore."""

_RETRY = (1000, 3000)  # milliseconds; a range, so that the clients of a server that died do not come back all at once
_LINE_END = re.compile(r"\r\n|\n|\r")


def fields_of(delivery: Delivery, is_binary: bool) -> tuple[bytes, bytes]:
    """Return the fields of a message's event, and its position or nothing; built once for all streams."""
    if delivery.forms is None:
        delivery.forms = {}
    form = (CONTROL, is_binary)
    built: tuple[bytes, bytes] | None = delivery.forms.get(form)
    if built is None:
        position = position_of(delivery.key, delivery.number) if delivery.number else ""
        built = delivery.forms[form] = _message_fields(delivery.payload, is_binary), position.encode("ascii")
    return built


def _message_fields(payload: Payload, is_binary: bool) -> bytes:
    if is_binary or isinstance(payload, bytes):
        return b"event: binary\ndata: %s\n" % b64encode(to_raw(payload))
    # A line may end with CR, LF or both: clients get LF for each.
    return "".join(f"data: {line}\n" for line in _LINE_END.split(payload)).encode("utf-8")


def control(
    content: Mapping[str, Any], retry: int | None = None, ids: bytes = b"", key: str = "", number: int = 0
) -> Delivery:
    """Return the event that tells a client something, and after how many milliseconds to come back.

    `ids` are the positions of its whole stream; or with a key, the client is at `number` there from now on.
    """
    text = json.dumps(content)
    fields = f"event: {CONTROL}\ndata: {text}\n".encode("ascii")
    if retry is not None:
        fields += b"retry: %d\n" % retry
    if ids:
        fields += b"id: %s\n" % ids
    # No key is like that: what looks the same is no repetition of a message.
    delivery = Delivery(text, key or "!", number)
    position = position_of(key, number) if number else ""
    built = fields, position.encode("ascii")
    delivery.forms = {(CONTROL, False): built, (CONTROL, True): built}
    return delivery


def of_control_frame(frame: Delivery) -> Delivery:
    """Return the frame that tells resuming websockets something, to be sent as an event; built once for all streams."""
    if frame.forms is None:
        assert isinstance(frame.payload, str)
        built = f"event: {CONTROL}\ndata: {frame.payload[1:]}\n".encode("ascii"), b""
        frame.forms = {(CONTROL, False): built, (CONTROL, True): built}
    return frame


def comment() -> Delivery:
    """Return what keeps a stream alive."""
    delivery = Delivery(":")
    delivery.forms = {(CONTROL, is_binary): (COMMENT[:-1], b"") for is_binary in (False, True)}
    return delivery


def closing_event(code: int) -> bytes:
    """Return the last event of a stream that the server ends, with what websockets get as close code."""
    content = {"close": code}
    fields, _ = fields_of(control(content, retry_delay(settings.WS4CHANNELS_SHUTDOWN_SPREAD)), False)
    return fields + b"\n"


def retry_delay(spread: float = 0.0) -> int:
    """Return after how many milliseconds a client may come back, later by up to `spread` seconds."""
    return random.randint(*_RETRY) + random.randint(0, int(spread * 1000))
