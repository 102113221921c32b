"""Bound what one handshake costs: long URLs and large headers are refused before any hook runs.

Twisted, under Daphne, refuses request lines and headers above 16 KiB itself, with 400; websockets, under uvicorn, lines
above 8 KiB. Other servers may take much more.
"""

from __future__ import annotations

from typing import Any

from ws4channels.access import refusals
from ws4channels.access.answers import answer
from ws4channels.access.observers import observer_of
from ws4channels.delivery.outbox import Send

MAX_URL = 7 * 1024
"""The largest path with its query, in bytes. Less than the servers' limits, of which uvicorn 0.54 does not tell."""

MAX_HEADERS = 16 * 1024
"""The largest sum of names and values of all headers, in bytes: that of Twisted."""


async def is_within_limits(scope: Any, send: Send) -> bool:
    """Tell whether a handshake is small enough; otherwise refuse it: with 414 or 431 where ASGI can, else with 403."""
    url = len(scope.get("raw_path") or scope["path"].encode("utf-8", "replace")) + 1 + len(scope["query_string"])
    headers = sum(len(name) + len(value) for name, value in scope["headers"])
    if url > MAX_URL:
        status, reason = 414, f"its URL has {url} bytes; {MAX_URL} are allowed"
    elif headers > MAX_HEADERS:
        status, reason = 431, f"its headers have {headers} bytes; {MAX_HEADERS} are allowed"
    else:
        return True
    observer = observer_of(scope)
    if observer is not None:
        observer.tell("size", "refused", f"{reason} (status {status})")
        return False
    refusals.note_too_large_handshake(scope, reason)
    if scope["type"] == "http":
        await answer(send, status)
    elif "websocket.http.response" in (scope.get("extensions") or {}):
        await send({"type": "websocket.http.response.start", "status": status, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close"})
    return False
