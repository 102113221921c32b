"""Scopes of websockets, as servers make them, and what is agreed with them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from typing import Any

from tests.waiting import TIMEOUT
from ws4channels.access.handshake import Agreement, negotiate


def a_scope(
    query: str = "", path: str = "/ws/f", cookies: dict[str, str] | None = None, **extra: Any
) -> dict[str, Any]:
    """Return the scope of a websocket as a server makes it."""
    headers = [(b"host", b"testserver"), (b"x-forwarded-proto", b"https"), (b"user-agent", b"tests")]
    if cookies:
        headers.append((b"cookie", SimpleCookie(cookies).output(header="", sep=";").strip().encode()))
    return {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "ws",
        "headers": headers,
        "client": ["203.0.113.7", 54321],
        "server": ["testserver", 80],
        "subprotocols": [],
        **extra,
    }


async def agree(scope: dict[str, Any], load_user: bool = False) -> tuple[Agreement, Any]:
    """Run one handshake."""
    with ThreadPoolExecutor(1) as threads:
        return await asyncio.wait_for(negotiate(scope, threads, load_user), TIMEOUT)
