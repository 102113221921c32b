"""Answer plain HTTP requests below ``WEBSOCKET_URL``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NO_CONTENT = 204
UPGRADE_NEEDED = b"This address serves websockets: a websocket upgrade is needed.\n"


async def answer(send: Any, status: int, text: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send a whole response with a plain text."""
    own = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
    if status == NO_CONTENT:
        own = []  # RFC 9110, 8.6: there must be no Content-Length.
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": text})
