"""The outbox of one socket: what it has still to be sent, in order, bounded in messages and bytes.

The hub puts deliveries in without waiting; one writer per socket takes them out and awaits the server's ``send``. So
a client that reads slowly delays nobody, and one that does not keep up at all is closed instead of piling up.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ws4channels import settings
from ws4channels.messages import Delivery, Payload

logger = logging.getLogger(__name__)

Send = Callable[[dict[str, Any]], Awaitable[None]]

_CLOSE_TIMEOUT = 5.0


class Outbox:
    """Bounded queue and writer of one socket.

    It holds everything back until `open`, so that kept messages can go first. `send` is the server's, and `overflow` is
    called once, with the number of messages dropped, when more waits than may; nothing is sent after that.
    Without `echo`, what equals `last_received`, the last message that came from this client, is left out.
    """

    __slots__ = (
        "_bytes",
        "_is_closing",
        "_max_bytes",
        "_max_messages",
        "_overflow",
        "_queue",
        "_room",
        "_send",
        "_wakeup",
        "_writer",
        "echo",
        "is_closed",
        "last_received",
    )

    def __init__(self, send: Send, *, echo: bool, overflow: Callable[[int], None]) -> None:
        self._send = send
        self._overflow = overflow
        self._max_messages: int = settings.WS4CHANNELS_OUTBOX_MESSAGES
        self._max_bytes: int = settings.WS4CHANNELS_OUTBOX_BYTES
        self._queue: deque[Delivery] = deque()
        self._bytes = 0
        self._is_closing = False
        self._room: asyncio.Future[None] | None = None
        self._wakeup: asyncio.Future[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self.echo = echo
        self.is_closed = False
        self.last_received: Payload | None = None

    def put(self, delivery: Delivery) -> None:
        """Add a published message, unless it is this client's own and it did not ask for an echo."""
        if delivery.payload == self.last_received and not self.echo:
            return
        self.put_own(delivery)

    def put_own(self, delivery: Delivery) -> None:
        """Add a message that is for this socket in any case, such as a heartbeat."""
        if self.is_closed or self._is_closing:
            return
        if self._is_full(delivery):
            self._give_up()
            return
        self._queue.append(delivery)
        self._bytes += delivery.size
        if self._wakeup is not None:
            _resolve(self._wakeup)
            self._wakeup = None

    async def put_waiting(self, delivery: Delivery) -> None:
        """Add a message that the site's own consumer sends, when there is room for it."""
        while self._is_full(delivery) and not self.is_closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._room])
        self.put_own(delivery)

    def put_last(self, closing: Delivery) -> None:
        """Add the closing of the socket; what is put in later is not sent."""
        self.put_own(closing)
        self._is_closing = True

    def open(self, kept: Iterable[Delivery] = ()) -> None:
        """Begin to send: the kept messages, then what has been published since the keys were joined.

        A kept message that has been published since then as well is sent once, in its place among the others.
        """
        held = {(delivery.key, delivery.payload) for delivery in self._queue}
        first = [delivery for delivery in kept if (delivery.key, delivery.payload) not in held]
        self._queue.extendleft(reversed(first))
        self._bytes += sum(delivery.size for delivery in first)
        # In a context of its own: the handshake's would keep its request alive as long as the socket.
        self._writer = contextvars.Context().run(asyncio.create_task, self._write())

    async def aclose(self) -> None:
        """Stop the writer and forget what waits, except for a closing that is under way."""
        self.is_closed = True
        writer, self._writer = self._writer, None
        if writer is not None:
            if self._is_closing:
                await asyncio.wait([writer], timeout=_CLOSE_TIMEOUT)
            writer.cancel()
            await asyncio.wait([writer])
        self._queue.clear()

    def _is_full(self, delivery: Delivery) -> bool:
        # One message may wait whatever its size: the bound is for what piles up behind it.
        queue = self._queue
        return bool(queue) and (len(queue) >= self._max_messages or self._bytes + delivery.size > self._max_bytes)

    def _give_up(self) -> None:
        self.is_closed = True
        dropped = len(self._queue) + 1
        self._queue.clear()
        self._make_room()
        self._overflow(dropped)

    def _make_room(self) -> None:
        if self._room is not None:
            _resolve(self._room)
            self._room = None

    async def _write(self) -> None:
        try:
            await self._write_forever()
        except Exception:
            # The server's send fails when the client has gone; the consumer learns of it by "websocket.disconnect".
            self.is_closed = True
            logger.debug("A websocket's send failed.", exc_info=True)

    async def _write_forever(self) -> None:
        loop = asyncio.get_running_loop()
        queue = self._queue
        while True:
            while queue:
                delivery = queue.popleft()
                self._bytes -= delivery.size
                self._make_room()
                await self._send(delivery.message)
                if delivery.is_closing:
                    return
            self._wakeup = loop.create_future()
            await self._wakeup


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
