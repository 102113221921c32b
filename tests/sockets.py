"""Websockets at ASGI level: clients of the consumer with the tests' own time limits, and what they are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from channels.testing import WebsocketCommunicator

from tests.waiting import TIMEOUT
from ws4channels.consumers import FacilityConsumer
from ws4channels.publisher import RedisPublisher

Payload = str | bytes


class Socket(WebsocketCommunicator):
    """The client of one websocket."""

    def __init__(
        self,
        path: str,
        application: Any = None,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        subprotocols: Iterable[str] = (),
        **scope: Any,
    ) -> None:
        super().__init__(application or FacilityConsumer.as_asgi(), path, list(headers), list(subprotocols))
        self.scope.update(scope)

    async def open(self) -> Socket:
        """Connect; fail if the websocket is refused."""
        accepted, answer = await self.connect(timeout=TIMEOUT)
        assert accepted, f"refused with {answer}"
        return self

    async def is_refused(self) -> bool:
        """Connect, and tell whether it is refused before it was accepted, which is HTTP status 403."""
        accepted, _ = await self.connect(timeout=TIMEOUT)
        return not accepted

    async def next(self) -> Payload:
        """Return the next message, text or binary; fail if the websocket is closed instead."""
        payload: Payload = await self.receive_from(timeout=TIMEOUT)
        return payload

    async def take(self, count: int) -> list[Payload]:
        """Return the next `count` messages."""
        return [await self.next() for _ in range(count)]

    async def until(self, last: Payload) -> list[Payload]:
        """Return all messages before `last`, which is taken as well."""
        messages = []
        while (message := await self.next()) != last:
            messages.append(message)
        return messages

    async def close_code(self) -> int:
        """Return the code with which the server closes, which must be the next that it does."""
        event = await self.receive_output(timeout=TIMEOUT)
        assert event["type"] == "websocket.close", event
        code: int = event["code"]
        return code

    async def leave(self, code: int = 1000) -> None:
        """Disconnect and return when the application has ended; raise what it raised."""
        await self.send_input({"type": "websocket.disconnect", "code": code})
        await self.wait(timeout=TIMEOUT)


@asynccontextmanager
async def connected(path: str, application: Any = None, **kwargs: Any) -> AsyncIterator[Socket]:
    """Open a websocket for the duration of a block."""
    socket = await Socket(path, application, **kwargs).open()
    try:
        yield socket
    finally:
        if not socket.future.done():
            await socket.leave()


async def broadcast(facility: str, *messages: Payload, expire: int = 0) -> None:
    """Publish messages to everybody on a facility; by default they are not kept."""
    publisher = RedisPublisher(facility=facility, broadcast=True)
    for message in messages:
        await publisher.apublish_message(message, expire=expire)


def cookie_header(session_key: str) -> list[tuple[bytes, bytes]]:
    """Return the headers of a browser that has this session."""
    return [(b"cookie", f"sessionid={session_key}".encode())]
