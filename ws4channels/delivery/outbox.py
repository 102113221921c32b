"""The outbox of one websocket: a queue of messages to send, bounded in messages and bytes.

The hub puts deliveries in without waiting, and calls `flush` when it has no more for now; one writer per websocket
takes them out and awaits the server's ``send``. So a client that reads slowly delays nobody, and one that does not read
is closed. ``delivery.servers`` has outboxes that write to a server's transport and need no writer.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from enum import IntEnum
from typing import Any

from ws4channels import settings
from ws4channels.delivery.close_frames import CLOSE_ERROR, CLOSE_RESTART, is_disconnect, shortened
from ws4channels.delivery.own_messages import OwnMessages
from ws4channels.shown import error_on_one_line
from ws4channels.transports.messages import Delivery, without_repeats

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

_FIRST_PRIVATE_CODE = 3000
_NOTHING_SEEN: Mapping[str, int] = {}


class State(IntEnum):
    """What an outbox does. It only moves down this list."""

    HOLDING = 1
    """Takes messages, and sends them when it is opened."""
    OPEN = 2
    """Takes and sends messages."""
    CLOSING = 3
    """Sends what waits, then a close frame; takes nothing."""
    CLOSED = 4
    """Takes and sends nothing; a close frame may be on its way."""
    ABANDONED = 5
    """The server could not close the websocket, so its consumer was cancelled."""


class Outbox:
    """Bounded queue and writer of one websocket, over any ASGI ``send``.

    It holds everything back until `open`, so that kept messages can go first. `on_overflow` is called once, with the
    number of messages dropped, when more messages wait than may; after that only a close frame is sent. Without `echo`,
    the client's own messages are left out; see `OwnMessages`. A client that has not read a close after
    ``WS4CHANNELS_CLOSE_TIMEOUT`` is cut off by `abort`; without one, the task that serves it is cancelled.
    """

    __slots__ = (
        "_bytes",
        "_closer",
        "_deadline",
        "_dropped",
        "_max_bytes",
        "_max_messages",
        "_on_overflow",
        "_queue",
        "_restart_timer",
        "_room",
        "_send",
        "_state",
        "_wakeup",
        "_writer",
        "abort",
        "own",
        "owner",
    )

    def __init__(self, send: Send, *, echo: bool, on_overflow: Callable[[int], Any]) -> None:
        self.abort: Callable[[], None] | None = None
        self._send = send
        self._deadline: asyncio.TimerHandle | None = None
        self._on_overflow = on_overflow
        self._max_messages: int = settings.WS4CHANNELS_OUTBOX_MESSAGES
        self._max_bytes: int = settings.WS4CHANNELS_OUTBOX_BYTES
        self._queue: deque[Delivery] = deque()
        self._bytes = 0
        self._state = State.HOLDING
        self._dropped = 0
        self._closer: asyncio.Task[None] | None = None
        self._restart_timer: asyncio.TimerHandle | None = None
        self._room: asyncio.Future[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self.own = None if echo else OwnMessages()
        self.owner = asyncio.current_task()
        """The task that serves the socket, if a task made this."""

    @property
    def is_closed(self) -> bool:
        """Whether the websocket is closed or about to be, so that nothing more is taken."""
        return self._state >= State.CLOSING

    @property
    def is_abandoned(self) -> bool:
        """Whether the server could not close the websocket, so that its consumer was cancelled."""
        return self._state is State.ABANDONED

    @property
    def waiting(self) -> int:
        """How many messages wait to be sent."""
        return len(self._queue)

    def put(self, delivery: Delivery) -> None:
        """Add a published message, unless it is this client's own and it did not ask for an echo."""
        own = self.own
        if own is not None and own.is_used and own.take(delivery.payload):
            return
        if self._queue or self._state >= _CLOSING:
            self.put_own(delivery)
        else:  # As mostly. Not a call more than needed: this runs once per delivery.
            self._queue.append(delivery)
            self._bytes = delivery.size

    def put_own(self, delivery: Delivery) -> None:
        """Add a message that is for this socket in any case, such as a heartbeat."""
        if self._state >= _CLOSING:
            return
        if self._is_full(delivery):
            self._give_up()
            return
        self._queue.append(delivery)
        self._bytes += delivery.size

    def put_gap(self, key: str, number: int) -> None:
        """Do nothing: plain frames cannot tell the client of it."""

    def flush(self) -> None:
        """Begin to send what has been put in."""
        if self._wakeup is not None:
            _resolve(self._wakeup)
            self._wakeup = None

    async def put_waiting(self, delivery: Delivery) -> None:
        """Add and send a message of the site's own consumer, when there is room for it."""
        while self._is_full(delivery) and not self.is_closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._room])
        self.put_own(delivery)
        self.flush()

    def put_last(self, closing: Delivery) -> None:
        """Close the socket after the messages that wait; later ones are not sent."""
        if not self.is_closed:
            self._state = State.CLOSING
            self._set_deadline()
            self._queue.append(closing)
            self.flush()

    def open(self, first: Iterable[Delivery] = (), seen: Mapping[str, int] = _NOTHING_SEEN) -> None:
        """Begin to send `first`, whatever its size, then what came since joining, each once; see `without_repeats`."""
        self._state = max(self._state, State.OPEN)
        if self._dropped:
            self._on_overflow(self._dropped)
            return
        before, later = without_repeats(first, self._queue, seen)
        self._queue, self._bytes = deque(before + later), sum(each.size for each in (*before, *later))
        # A long history does not mean that the client reads slowly.
        self._max_messages += len(before)
        self._max_bytes += sum(each.size for each in before)
        self._start()

    def close_now(self, code: int, reason: str | None = None) -> None:
        """Close the socket at once; messages that wait are dropped."""
        self._forget()
        self._set_deadline()
        self._closer = contextvars.Context().run(asyncio.create_task, self._close_now(code, reason))

    def close_for_restart(self) -> None:
        """Close the socket with 1012 some time within ``WS4CHANNELS_SHUTDOWN_SPREAD`` seconds; until then, send."""
        if self._restart_timer is None:
            delay = random.uniform(0, settings.WS4CHANNELS_SHUTDOWN_SPREAD)
            self._restart_timer = asyncio.get_running_loop().call_later(delay, self._close_for_restart)

    @property
    def will_close_for_restart(self) -> bool:
        """Whether the socket is open and `close_for_restart` will close it."""
        return not self.is_closed and self._restart_timer is not None

    async def aclose(self) -> None:
        """Stop the writer and drop what waits; wait for a close frame that is being sent."""
        is_closing = self._state is State.CLOSING
        self._state = max(self._state, State.CLOSING)
        if self._restart_timer is not None:
            self._restart_timer.cancel()
        for task in filter(None, (self._writer, self._closer)):
            if is_closing or task is self._closer:
                await asyncio.wait([task], timeout=settings.WS4CHANNELS_CLOSE_TIMEOUT)
            task.cancel()
            await asyncio.wait([task])
        if self._deadline is not None and self.abort is None:
            self._deadline.cancel()
        self._forget()
        self._on_overflow = bool  # Not the consumer's method, which would keep both for the garbage collector to free.

    def _close_for_restart(self) -> None:
        if not self.is_closed:
            self.close_now(CLOSE_RESTART)

    def _set_deadline(self) -> None:
        if self._deadline is None:
            end = self.abort or self._abandon
            self._deadline = asyncio.get_running_loop().call_later(settings.WS4CHANNELS_CLOSE_TIMEOUT, end)

    def _abandon(self) -> None:
        """Cancel the consumer, because ASGI has no other way to hang up."""
        self._state = State.ABANDONED
        for task in filter(None, (self._writer, self._closer, self.owner)):
            task.cancel()

    def _start(self) -> None:
        # In a new context: the handshake's would keep its request alive as long as the socket.
        self._writer = contextvars.Context().run(asyncio.create_task, self._write())

    def _is_full(self, delivery: Delivery) -> bool:
        # One message may wait whatever its size; the bound is for those behind it.
        queue = self._queue
        return bool(queue) and (len(queue) >= self._max_messages or self._bytes + delivery.size > self._max_bytes)

    def _give_up(self) -> None:
        was_open = self._state is State.OPEN
        self._dropped = len(self._queue) + 1
        self._forget()
        # Before it is open, the websocket is not accepted and cannot be closed; `open` reports it.
        if was_open:
            self._on_overflow(self._dropped)

    def _forget(self) -> None:
        self._state = max(self._state, State.CLOSED)
        self._queue.clear()
        self._make_room()

    def _take(self) -> Delivery:
        delivery = self._queue.popleft()
        self._bytes -= delivery.size
        return delivery

    def _take_message(self) -> dict[str, Any]:
        return self._take().message

    def _make_room(self) -> None:
        if self._room is not None:
            _resolve(self._room)
            self._room = None

    async def _write(self) -> None:
        try:
            while True:
                while self._queue:
                    if self._queue[0].is_closing:
                        await self._send_closing(self._take().message)
                        return
                    await self._send(self._take_message())
                self._make_room()
                self._wakeup = asyncio.get_running_loop().create_future()
                await self._wakeup
        except Exception as error:
            self._forget()
            if is_disconnect(error):
                logger.debug("A websocket's send failed.", exc_info=True)  # The consumer gets "websocket.disconnect".
                return
            logger.warning("Closed a websocket whose server refused a message: %s", error_on_one_line(error))
            self.close_now(CLOSE_ERROR)

    async def _send_closing(self, message: dict[str, Any]) -> None:
        if message.get("reason"):
            # uvicorn fails for a reason that is too long, and cuts the connection.
            message = {**message, "reason": shortened(message["reason"])}
        try:
            await self._send(message)
        except Exception:
            # autobahn, in Daphne, lets applications send 1000 and private codes only: where middleware wraps `send`.
            if message.get("code", _FIRST_PRIVATE_CODE) >= _FIRST_PRIVATE_CODE:
                raise
            await self._send({**message, "code": message["code"] + _FIRST_PRIVATE_CODE})

    async def _close_now(self, code: int, reason: str | None) -> None:
        if self._writer is not None:
            self._writer.cancel()
        try:
            await self._send_closing({"type": "websocket.close", "code": code, "reason": reason or ""})
        except Exception:
            logger.debug("A websocket could not be closed; it has gone.", exc_info=True)


_CLOSING = State.CLOSING  # a global: `put_own` runs once per delivery


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
