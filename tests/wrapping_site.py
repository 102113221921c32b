"""The live tests' site, behind a middleware that logs which outbox a websocket gets.

Under ``/ws/wrapped…`` it puts itself between the server and the consumer, as middlewares do that look at what is sent.
"""

from __future__ import annotations

from typing import Any

from tests.live.site.asgi import application as site
from ws4channels.delivery.servers import make_outbox


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Serve the site."""

    async def pass_on(message: dict[str, Any]) -> None:
        await send(message)

    if scope["type"] != "websocket":
        await site(scope, receive, send)
        return
    given = pass_on if scope["path"].startswith("/ws/wrapped") else send
    outbox = make_outbox(given, echo=False, on_overflow=lambda dropped: None)
    print(f"{scope['path']} gets {type(outbox).__name__}")
    await site(scope, receive, given)
