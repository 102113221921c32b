"""The outbox of one event stream: that of a websocket, whose messages go out as pieces of one HTTP response."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ws4channels.delivery import events
from ws4channels.delivery.forms import position_of
from ws4channels.delivery.outbox import Outbox, Send
from ws4channels.delivery.welcome import Welcome
from ws4channels.transports.messages import Delivery

_PIECE = 64 * 1024  # bytes; as much as servers buffer before they say that it is full


class StreamOutbox(Outbox):
    """Sends events over ASGI's ``send``, after ``http.response.start``.

    The ids are made when events are sent: only then is it known what the client has been sent before.
    """

    __slots__ = ("_is_binary", "_positions")

    def __init__(self, send: Send, *, is_binary: bool, on_overflow: Callable[[int], None]) -> None:
        super().__init__(send, echo=True, on_overflow=on_overflow)
        self._is_binary = is_binary
        self._positions: dict[str, bytes] = {}

    def begin(self, welcome: Welcome, dropped: Mapping[str, str], copies: int = 0) -> None:
        """Begin to send: what the client is told first, what it gets first, and what has been published since.

        `copies` is how often a message that the client posts comes back to it; 0 if not at all, or if that is unknown.
        """
        for key, number in welcome.positions.items():
            self._positions[key] = position_of(key, number).encode("ascii")
        content = {"recovered": welcome.recovered, "dropped": dict(dropped)} | ({"copies": copies} if copies else {})
        first = events.control(content, events.retry_delay(), self._ids())
        self.open([first, *welcome.deliveries], welcome.seen)

    def _ids(self) -> bytes:
        return b",".join(self._positions.values())

    def _take_message(self) -> dict[str, Any]:
        pieces: list[bytes] = []
        size = 0
        while self._queue and size < _PIECE and not self._queue[0].is_closing:
            pieces.append(self._event(self._take()))
            size += len(pieces[-1])
        return {"type": "http.response.body", "body": b"".join(pieces), "more_body": True}

    def _event(self, delivery: Delivery) -> bytes:
        fields, position = events.fields_of(delivery, self._is_binary)
        if not position:
            return fields + b"\n"
        self._positions[delivery.key] = position
        return b"%sid: %s\n\n" % (fields, self._ids())

    async def _send_closing(self, message: dict[str, Any]) -> None:
        body = events.closing_event(message.get("code", 1000))
        await self._send({"type": "http.response.body", "body": body, "more_body": False})


class StreamSubscriber:
    """Stands between the hub and the outbox of an event stream."""

    def __init__(self, outbox: StreamOutbox, shows_heartbeats: bool = False) -> None:
        self._outbox = outbox
        self._heartbeat = events.control({"heartbeat": True}) if shows_heartbeats else events.comment()

    def put(self, delivery: Delivery) -> None:
        """Take a published message."""
        self._outbox.put_own(delivery)

    def put_own(self, delivery: Delivery) -> None:
        """Take a heartbeat, or a control frame, which is told as an event."""
        is_control = isinstance(delivery.payload, str) and delivery.payload.startswith("!")
        self._outbox.put_own(events.of_control_frame(delivery) if is_control else self._heartbeat)

    def put_gap(self, key: str, number: int) -> None:
        """Tell the client that messages of a key before `number`'s successor are lost."""
        self._outbox.put_own(events.control({"gap": True}, key=key, number=number))

    def flush(self) -> None:
        """Send what has been taken."""
        self._outbox.flush()

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return self._outbox.waiting
