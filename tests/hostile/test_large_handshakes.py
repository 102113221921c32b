"""Handshakes with long URLs and large headers are refused before any hook runs."""

from __future__ import annotations

from contextlib import suppress

import pytest
import redis

from tests.outbox_site.running import Running, Servers, servers_of_module
from tests.raw_websocket import connect_socket
from tests.waiting import wait_until

pytestmark = pytest.mark.live

STATUS = {
    ("daphne", "query"): b" 403 ",
    ("daphne", "cookie"): b" 400 ",  # Twisted's own limit
    ("daphne", "headers"): b" 400 ",
    ("uvicorn", "query"): b" 414 ",
    ("uvicorn", "cookie"): b" 431 ",
    ("uvicorn", "headers"): b" 431 ",
}
LARGE = {
    "query": ("&".join(f"x{number}" for number in range(1450)), []),
    "cookie": ("", ["Cookie: a=" + "x" * 8000, "X-Other: " + "x" * 8000, "X-More: " + "x" * 1000]),
    "headers": ("", [f"X-{number}: " + "y" * 200 for number in range(90)]),
}


# Its hook tells Redis that it began.
servers = servers_of_module(WS4REDIS_ALLOWED_CHANNELS="tests.faults.site.hooks.allow_channels")


def answer(server: Running, path: str, headers: list[str]) -> bytes:
    """Return the first line of the answer to a handshake; nothing if the server hangs up instead."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {server.site.host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyBvaw==",
        "Sec-WebSocket-Version: 13",
        *headers,
    ]
    with connect_socket(server.site.host) as connection, suppress(ConnectionError):
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.recv(4096).partition(b"\r\n")[0]
    return b""


@pytest.mark.parametrize("what", LARGE)
@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_large_handshake_is_refused_before_any_hook(
    servers: Servers, redis_client: redis.Redis, kind: str, what: str
) -> None:
    """The client is told why where the server can; no hook runs."""
    server = servers.get(kind)
    query, headers = LARGE[what]
    assert STATUS[kind, what] in answer(server, f"/ws/waiting-{what}?subscribe-broadcast&{query}", headers) + b" "
    if STATUS[kind, what] != b" 400 ":
        wait_until(
            lambda: f"Refused a websocket to /ws/waiting-{what}: its " in server.process.output(), "it is logged"
        )
    assert not redis_client.exists(f"began:waiting-{what}")


@pytest.mark.parametrize("kind", ["daphne", "uvicorn"])
def test_megabyte_of_cookie_is_never_accepted(servers: Servers, redis_client: redis.Redis, kind: str) -> None:
    """Each server refuses it or hangs up."""
    cookie = "Cookie: a=" + "x" * 2**20
    assert b" 101 " not in answer(servers.get(kind), "/ws/waiting-cookies?subscribe-broadcast", [cookie])
    assert not redis_client.exists("began:waiting-cookies")


def test_ten_thousand_words_are_never_accepted(servers: Servers, redis_client: redis.Redis) -> None:
    """Daphne refuses them or hangs up."""
    words = "&".join(f"word{number}" for number in range(10_000))
    assert b" 101 " not in answer(servers.get("daphne"), f"/ws/waiting-words?subscribe-broadcast&{words}", [])
    assert not redis_client.exists("began:waiting-words")
