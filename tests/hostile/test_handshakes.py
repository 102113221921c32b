"""Handshakes that nobody's browser makes: each has a valid outcome, and none fails inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress

import pytest
from channels.testing import WebsocketCommunicator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.test_garbage import undisturbed
from tests.raw_websocket import RawWebsocket, connect_socket
from tests.waiting import TIMEOUT
from ws4channels.asgi import get_asgi_application

CHANNELS = [
    "subscribe-broadcast",
    "publish-user",
    "subscribe-session",
    "subscribe=group",
    "echo",
    "subscribe-x",
    "=",
    "%",
]
HEADERS = [b"host", b"origin", b"cookie", b"sec-websocket-protocol", b"x-forwarded-for", b"authorization", b"x-odd"]
TELLING = [
    b"127.0.0.1",
    b"http://127.0.0.1",
    b"null",
    b"sessionid=abc",
    b"sessionid=\xff\x00; csrftoken",
    b"http://[::1",
    b"http://127.0.0.1:99999",
    b"a, b",
    b"\r\nSet-Cookie: x=y",
    "ünï".encode(),
]

paths = st.text(max_size=50) | st.sampled_from(["", "%", "%00", "..", "a:b", "\ud800", "x" * 10_000, "\r\nforged line"])
queries = st.binary(max_size=50) | st.lists(st.sampled_from(CHANNELS), max_size=10).map(
    lambda names: "&".join(names).encode()
)
headers = st.lists(st.tuples(st.sampled_from(HEADERS), st.sampled_from(TELLING) | st.binary(max_size=50)), max_size=6)


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop of all examples, which one hub serves."""
    loop = asyncio.new_event_loop()
    yield loop
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.wait(tasks, timeout=TIMEOUT))
    loop.close()


async def outcome(path: str, query: bytes, headers: list[tuple[bytes, bytes]]) -> str:
    """Return how the application answers a handshake. Raises what it raises."""
    client = WebsocketCommunicator(get_asgi_application(), "/ws/", headers)
    client.scope.update(path=f"/ws/{path}", query_string=query)
    await client.send_input({"type": "websocket.connect"})
    answer = await client.receive_output(timeout=TIMEOUT)
    await client.send_input({"type": "websocket.disconnect", "code": 1001})
    # A refused one has ended already.
    await client.wait(timeout=TIMEOUT)
    kind: str = answer["type"]
    return kind


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=paths, query=queries, headers=headers)
def test_every_handshake_is_accepted_or_refused(
    loop: asyncio.AbstractEventLoop,
    caplog: pytest.LogCaptureFixture,
    path: str,
    query: bytes,
    headers: list[tuple[bytes, bytes]],
) -> None:
    """Whatever stands in URL and headers, the client is let in or gets 403; a log line stays one line."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert loop.run_until_complete(outcome(path, query, headers)) in ("websocket.accept", "websocket.close")
    ours = [record for record in caplog.records if record.name.startswith("ws4channels")]
    assert not [record for record in ours if record.exc_info or "\n" in record.getMessage()]


START = b"GET /ws/news?subscribe-broadcast HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
KEY = b"Sec-WebSocket-Key: c2l4dGVlbiBieXRlcyBvaw==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
HANDSHAKES = {
    "no key": START + VERSION + b"\r\n",
    "short key": START + VERSION + b"Sec-WebSocket-Key: eA==\r\n\r\n",
    "no version": START + KEY + b"\r\n",
    "version 99": START + KEY + b"Sec-WebSocket-Version: 99\r\n\r\n",
    "two keys": START + VERSION + KEY + KEY + b"\r\n",
    "POST": START.replace(b"GET", b"POST") + KEY + VERSION + b"\r\n",
    "HTTP/1.0": START.replace(b"HTTP/1.1", b"HTTP/1.0") + KEY + VERSION + b"\r\n",
    "no host": START.replace(b"Host: 127.0.0.1\r\n", b"") + KEY + VERSION + b"\r\n",
    "foreign host": START.replace(b"127.0.0.1", b"evil.example")
    + KEY
    + VERSION
    + b"Origin: http://evil.example\r\n\r\n",
    "null origin": START + KEY + VERSION + b"Origin: null\r\n\r\n",
    "cookie that is no text": START + KEY + VERSION + b"Cookie: sessionid=\xff\xfe\r\n\r\n",
    "zero in the path": START.replace(b"news", b"a%00b") + KEY + VERSION + b"\r\n",
    "path that is no UTF-8": START.replace(b"news", b"%ff%fe") + KEY + VERSION + b"\r\n",
    "line break in the path": START.replace(b"news", b"a%0d%0aX-Forged:%20yes") + KEY + VERSION + b"\r\n",
    "long path": START.replace(b"news", b"x" * 8000) + KEY + VERSION + b"\r\n",
    "many headers": START + KEY + VERSION + b"".join(b"X-%d: y\r\n" % n for n in range(90)) + b"\r\n",
    "header without a colon": START + KEY + VERSION + b"nonsense\r\n\r\n",
    "endless extension offer": START + KEY + VERSION + b"Sec-WebSocket-Extensions: " + b"x; " * 2000 + b"\r\n\r\n",
    "protocols that are none": START + KEY + VERSION + b"Sec-WebSocket-Protocol: , ,,\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
    "half a handshake": START + KEY,
    "half a line": START[:20],
    "nothing": b"",
}


@pytest.mark.live
@pytest.mark.parametrize("name", HANDSHAKES)
def test_odd_handshake_is_answered_or_cut(site, facility, name):
    """The server says why, opens a socket, or hangs up; it never fails, and others notice nothing."""
    with undisturbed(site, facility), RawWebsocket(connect_socket(site.host)) as client:
        client.connection.sendall(HANDSHAKES[name])
        client.connection.settimeout(1)
        answer = b""
        with suppress(TimeoutError, ConnectionError):
            answer = client.connection.recv(4096)
        assert b" 500 " not in answer.partition(b"\r\n")[0]


@pytest.mark.live
def test_slow_handshakes_keep_nobody_waiting(site, facility):
    """Two hundred clients that never end their handshakes do not keep others from theirs."""
    clients = [connect_socket(site.host) for _ in range(200)]
    try:
        for client in clients:
            client.sendall(START[: len(START) // 2])
        with undisturbed(site, facility), site.connect(f"{facility}-new", "publish-broadcast"):
            for client in clients:
                client.sendall(b"x")
    finally:
        for client in clients:
            client.close()
