"""Many clients at once, and many one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from itertools import count
from typing import Any

import psutil
import pytest
import redis
from websockets.asyncio.client import ClientConnection, connect

from tests.faults.sites import SERVERS, next_messages, run_site, send, state_of
from tests.layers import CORE
from tests.live.client import Socket
from tests.live.servers import RunningSite, wsgi
from tests.waiting import QUIET, SCALE, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

AT_ONCE = 500
VISITORS = int(os.environ.get("WS4CHANNELS_TEST_VISITORS", "300"))
"""How many clients come and go in one test. CI has 1,000 come, `make soak` 10,000; the default is for `make test`."""
SIDE_BY_SIDE = 50
MAY_GROW = {"connections to Redis": SIDE_BY_SIDE, "file descriptors": SIDE_BY_SIDE, "threads": 16}
"""Pools have as many as were ever needed at once, which is not the same each time; nothing to do with how many came."""
GROWTH = 8 * 1024 * 1024
"""Bytes that a process may keep of memory it has used: allocators give little back. Outboxes alone would take more."""


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind a server. There is a hook, so that each handshake needs a thread."""
    options = ["--websocket_connect_timeout", "60"] if request.param == "daphne" else []
    settings = {"WS4CHANNELS_MAX_SOCKETS_PER_SESSION": None, "WS4REDIS_HEARTBEAT": None}
    with run_site(surroundings, request.param, *options, **settings) as site:
        yield site
        assert "Traceback" not in site.output()


async def open_socket(site: RunningSite, facility: str, *channels: str, **options: Any) -> ClientConnection:
    """Open a websocket; raise what says why if it is refused."""
    uri = f"ws://{site.host}/ws/{facility}?{'&'.join(channels)}"
    return await connect(uri, compression=None, open_timeout=60 * SCALE, proxy=None, **options)


async def test_five_hundred_handshakes_at_once_succeed(site, live_redis: redis.Redis, surroundings, facility):
    """Five hundred at once, with hooks, sessions and users to look up, all get in, and all that is published then."""
    headers = await asyncio.to_thread(site.signed_in)
    async with AsyncExitStack() as stack:
        channels = ("subscribe-broadcast", "subscribe-user")
        opening = [open_socket(site, facility, *channels, additional_headers=headers) for _ in range(AT_ONCE)]
        opened = await asyncio.gather(*opening, return_exceptions=True)
        sockets = [each for each in opened if isinstance(each, ClientConnection)]
        for socket in sockets:
            stack.push_async_callback(socket.close)
        assert [each for each in opened if each not in sockets] == []
        sent = await asyncio.to_thread(send, site, facility, 3)
        for socket in sockets:
            assert [await socket.recv() for _ in sent] == sent
    assert " 500 " not in site.output()


def test_burst_reaches_a_client_that_reads(site, facility):
    """A thousand messages, published as fast as one can, arrive in order, all of them, and none twice."""
    with site.connect(facility, "subscribe-broadcast") as socket:
        sent = send(site, facility, 1000)
        assert next_messages(socket, 1000) == sent
        assert socket.is_quiet()


def until_quiet(socket: Socket) -> Iterator[str | bytes]:
    """Yield what comes, until nothing does for a while."""
    with suppress(TimeoutError):
        while True:
            yield socket.receive(timeout=3 * QUIET)


def test_messages_beyond_the_layers_capacity_are_counted(surroundings, facility):
    """What `channels_redis.core` drops is counted and logged once; the rest arrives in order, and none twice."""
    hosts = [{"address": surroundings.redis_url, "socket_timeout": None}]
    layer = {"BACKEND": CORE, "CONFIG": {"hosts": hosts, "capacity": 20, "prefix": "narrow"}}
    settings = {"CHANNEL_LAYERS": {"default": layer}, "WS4REDIS_HEARTBEAT": None}
    with (
        run_site(surroundings, "daphne", **settings) as site,
        wsgi(surroundings, settings) as publisher,
        site.connect(facility, "subscribe-broadcast") as socket,
    ):
        site.process.signal(signal.SIGSTOP)
        sent = send(publisher, facility, 1000)
        site.process.signal(signal.SIGCONT)
        # There is no history, so what is missing cannot be read.
        received = list(until_quiet(socket))
        sent += send(publisher, facility, 1, "shown ")
        received += next_messages(socket, 1)
        assert received == [message for message in sent if message in set(received)]
        assert len(received) < 1000
        wait_until(lambda: state_of(site)["counts"].get("gaps_unfilled", 0) > 0, "the loss is counted")
        assert site.output().count("Messages were lost on their way here and cannot be read again.") == 1


async def come_and_go(site: RunningSite, facility: str, visitors: int) -> None:
    """Have clients come, publish something, receive it and go, some at a time; every second one just hangs up."""
    numbers = count()

    async def visit_again_and_again() -> None:
        while (number := next(numbers)) < visitors:
            channels = ("subscribe-broadcast", "publish-broadcast", "echo")
            socket = await open_socket(site, f"{facility}-{number}", *channels)
            await socket.send("hello")
            assert await socket.recv() == "hello"
            if number % 2:
                socket.transport.abort()
            await socket.close()

    await asyncio.gather(*(visit_again_and_again() for _ in range(SIDE_BY_SIDE)))


async def test_sockets_that_are_gone_leave_nothing_in_the_server(site, live_redis: redis.Redis, facility):
    """After hundreds or thousands, the server has the connections, descriptors, tasks and memory that it had before."""
    server = psutil.Process(site.process.process.pid)

    def possessions() -> dict[str, int]:
        state = state_of(site)
        return {
            "file descriptors": server.num_fds(),
            "connections to Redis": len(live_redis.client_list()),
            "channels in Redis": len(live_redis.pubsub_channels()),
            **{name: state[name] for name in ("tasks", "threads", "consumers", "outboxes")},
        }

    # Threads, pooled connections and caches are there to stay.
    await come_and_go(site, f"{facility}-first", max(250, VISITORS // 2))
    baseline = {name: value + MAY_GROW.get(name, 0) for name, value in possessions().items()}
    memory = server.memory_info().rss
    await come_and_go(site, facility, VISITORS)
    left: list[dict[str, int]] = []

    def nothing_is_left() -> bool:
        left.append(exceeding(possessions(), baseline))
        return not left[-1]

    try:
        await asyncio.to_thread(wait_until, nothing_is_left, "the server gives back what they took")
    except AssertionError as error:
        raise AssertionError(f"{error}: {left[-1]}, more than {baseline}") from None
    assert server.memory_info().rss - memory < GROWTH


def exceeding(now: dict[str, int], baseline: dict[str, int]) -> dict[str, int]:
    """Return what there is more of than at the baseline."""
    return {name: value for name, value in now.items() if value > baseline[name]}
