"""Bare: a socket that is accepted and no more, without Django or Channels; what the server itself needs for one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Event = dict[str, Any]


async def application(
    scope: Event, receive: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
) -> None:
    if scope["type"] != "websocket":
        raise NotImplementedError(f"only websockets are served here, not {scope['type']!r}")
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass
