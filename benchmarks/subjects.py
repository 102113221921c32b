"""The servers under test: what runs, and how messages reach it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks import original, other_servers


def _daphne(application: str) -> Callable[[int], list[str]]:
    # Twisted's default backlog of 50 would make bursts of connects wait for TCP retries; uvicorn's is 2048.
    return lambda port: [
        *(sys.executable, "-m", "daphne", "-v", "0"),
        *("-e", f"tcp:port={port}:interface=127.0.0.1:backlog=2048"),
        f"benchmarks.site.{application}:application",
    ]


def _uvicorn(application: str) -> Callable[[int], list[str]]:
    return lambda port: [
        *(sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port)),
        *("--ws", "websockets-sansio", "--loop", "asyncio", "--log-level", "warning", "--no-access-log"),
        f"benchmarks.site.{application}:application",
    ]


def _ceiling(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.ceiling", str(port), "broadcast:ceiling"]


@dataclass(frozen=True, eq=False)
class Subject:
    """One server under test.

    ``way`` names the function of `publisher.Ways` that reaches it. ``name`` is also the facility of its sockets, so
    that no server gets what was meant for another. ``is_ours`` decides what may be lost: nothing. ``patience`` is how
    many seconds without a delivery end a run that is not complete, ``connect_patience`` after how many no further
    connect is begun: a server that breaks shall not use up the time of the others. ``headers`` are what its clients
    send besides at the handshake, `client` the module of these, `window` how many messages may be under way.
    """

    name: str
    label: str
    command: Callable[[int], list[str]]
    way: str
    environment: dict[str, str] = field(default_factory=dict)
    is_ours: bool = False
    patience: float = 8.0
    connect_patience: float = 60.0
    headers: dict[str, str] = field(default_factory=dict)
    client: str = "benchmarks.client"
    window: int = 64


PLAIN = {"BENCH_DIRECT_WRITES": "0"}
SHARED = {"BENCH_DIRECT_WRITES": "1"}
COMPRESSION = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}  # as Chromium offers it
OVER_REDIS = {**SHARED, "BENCH_TRANSPORT": "redis"}

DAPHNE_BARE = Subject("daphne-bare", "bare socket, Daphne", _daphne("asgi_bare"), "raw")
DAPHNE_STOCK = Subject("daphne-stock", "stock Channels, Daphne", _daphne("asgi_stock"), "layer")
DAPHNE_PLAIN = Subject("daphne-plain", "ours, plain send, Daphne", _daphne("asgi_ours"), "ours", PLAIN, True)
DAPHNE_SHARED = Subject(
    "daphne-shared", "ours, shared frame, Daphne", _daphne("asgi_ours"), "ours", SHARED, is_ours=True
)
DAPHNE_REDIS = Subject(
    "daphne-redis",
    "ours over the redis transport, Daphne",
    _daphne("asgi_ours"),
    "ours_over_redis",
    OVER_REDIS,
    is_ours=True,
)
UVICORN_BARE = Subject("uvicorn-bare", "bare socket, uvicorn", _uvicorn("asgi_bare"), "raw")
UVICORN_STOCK = Subject("uvicorn-stock", "stock Channels, uvicorn", _uvicorn("asgi_stock"), "layer")
UVICORN_PLAIN = Subject(
    "uvicorn-plain", "ours, plain send, uvicorn", _uvicorn("asgi_ours"), "ours", PLAIN, is_ours=True
)
UVICORN_SHARED = Subject(
    "uvicorn-shared", "ours, shared frame, uvicorn", _uvicorn("asgi_ours"), "ours", SHARED, is_ours=True
)
UVICORN_BROWSERS = Subject(
    "uvicorn-browsers",
    "ours, clients that offer compression, uvicorn",
    _uvicorn("asgi_ours"),
    "ours",
    SHARED,
    is_ours=True,
    headers=COMPRESSION,
)
STREAM_CLIENT = "benchmarks.stream_client"
MOST_OF_EVENTSTREAM = 8  # It drops what exceeds ten messages for a stream.
DAPHNE_STREAMS = Subject(
    "daphne-streams", "ours, event streams, Daphne", _daphne("asgi_ours"), "ours", SHARED, True, client=STREAM_CLIENT
)
UVICORN_STREAMS = Subject(
    "uvicorn-streams", "ours, event streams, uvicorn", _uvicorn("asgi_ours"), "ours", SHARED, True, client=STREAM_CLIENT
)
EVENTSTREAM = {"BENCH_EVENTSTREAM": "1"}
DAPHNE_EVENTSTREAM = Subject(
    "daphne-eventstream",
    "django-eventstream, Daphne",
    _daphne("asgi_eventstream"),
    "eventstream",
    EVENTSTREAM,
    patience=3.0,
    client=STREAM_CLIENT,
    window=MOST_OF_EVENTSTREAM,
)
UVICORN_EVENTSTREAM = Subject(
    "uvicorn-eventstream",
    "django-eventstream, uvicorn",
    _uvicorn("asgi_eventstream"),
    "eventstream",
    EVENTSTREAM,
    patience=3.0,
    client=STREAM_CLIENT,
    window=MOST_OF_EVENTSTREAM,
)
ORIGINAL = Subject(
    "original", "original, uWSGI and gevent", original.command, "raw", patience=1.5, connect_patience=15.0
)
NCHAN = Subject("nchan", "nginx with nchan (C)", other_servers.nchan, "nchan")
NODE = Subject("node-ws", "Node.js with ws, one frame for all", other_servers.node_ws, "raw")
BUN = Subject("bun", "Bun (uWebSockets, C++)", other_servers.bun, "raw")
CEILING = Subject("ceiling", "ceiling: picows on Redis", _ceiling, "raw")
