"""Answer a handshake that failed with status 500, without raising the error, which is logged already.

ASGI itself has no event for that: an application raises, and the server logs the traceback a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ws4channels.delivery.servers import without_sessions
from ws4channels.delivery.servers.daphne import daphne_protocol

_TEXT = b"Internal Server Error"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(_TEXT))]


async def answer_with_500(scope: Mapping[str, Any], send: Any, error: Exception) -> bool:
    """Answer a handshake with status 500 and return True, or return False if the server has no way to do so.

    uvicorn and others take an HTTP response (ASGI's extension "Websocket Denial Response"). Daphne does not: there this
    calls the method of its protocol that Daphne itself calls up to a second after an application has raised `error`.
    """
    if "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": 500, "headers": _HEADERS})
        await send({"type": "websocket.http.response.body", "body": _TEXT})
        return True
    protocol = daphne_protocol(without_sessions(send))
    # Daphne deletes the attribute when it has answered the handshake.
    if protocol is None or not hasattr(protocol, "handshake_deferred"):
        return False
    protocol.handle_exception(error)
    return True
