"""ASGI's lifespan: the record of a process is removed when its server shuts down.

uvicorn needs this: it ends by the signal that it was sent, without ending its event loop or Python first. Daphne has no
lifespan, and ends as Python does.
"""

from __future__ import annotations

from typing import Any

from ws4channels.processes.telling import end_all


async def lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Serve the scope ``lifespan``, https://asgi.readthedocs.io/en/latest/specs/lifespan.html."""
    while True:
        event = (await receive())["type"]
        if event == "lifespan.shutdown":
            await end_all()
        await send({"type": f"{event}.complete"})
        if event == "lifespan.shutdown":
            return
