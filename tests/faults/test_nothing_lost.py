"""A client that resumes gets each message exactly once and in order, whatever happens, or is told that it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import redis
from websockets.asyncio.client import ClientConnection, connect

from example_project.redis_server import HOST, RedisServer
from tests.faults.proxy import Proxy
from tests.faults.sites import HEARTBEAT, next_messages, run_site, send, state_of
from tests.layers import CORE, IN_MEMORY, PUBSUB
from tests.live.servers import RunningSite, Surroundings
from tests.resuming import ResumingClient
from tests.waiting import TIMEOUT, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

CYCLES = int(os.environ.get("WS4CHANNELS_TEST_CUTS", "3"))
"""How often the clients are cut off in one test; `make soak` has them cut off for a minute."""
OPEN, CUT = 1.0, 0.7
VISITORS = int(os.environ.get("WS4CHANNELS_TEST_VISITORS", "200"))
LAYERS = {"pubsub": PUBSUB, "core": CORE, "redis": None}
COMBINATIONS = [
    ("daphne", "pubsub"),
    ("daphne", "core"),
    ("daphne", "in-memory"),
    ("uvicorn", "pubsub"),
    ("uvicorn", "redis"),
    ("uvicorn", "in-memory"),
]


def settings_for(transport: str, redis_url: str, **more: Any) -> dict[str, Any]:
    """Return the settings of a site with a history that uses one way between processes."""
    settings = {"WS4CHANNELS_HISTORY": 500, "WS4REDIS_CONNECTION": {"url": redis_url}, **more}
    if transport == "in-memory":
        return {"CHANNEL_LAYERS": {"default": {"BACKEND": IN_MEMORY}}, **settings}
    backend = LAYERS[transport]
    if backend is None:
        return {"WS4CHANNELS_TRANSPORT": "redis", "CHANNEL_LAYERS": {}, **settings}
    hosts = [{"address": redis_url, "socket_timeout": None}]
    return {"CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}, **settings}


@contextmanager
def publishing(site: RunningSite, facility: str) -> Iterator[list[str]]:
    """Publish some 50 messages a second while the block runs; the list has those that were published."""
    sent: list[str] = []
    is_over = threading.Event()

    def publish() -> None:
        for number in range(10_000):
            if is_over.wait(0.1):
                return
            sent.extend(send(site, facility, 5, f"{number}."))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield sent
    finally:
        is_over.set()
        thread.join(TIMEOUT)


def check_all_arrive(clients: list[ResumingClient], sent: list[str]) -> None:
    """Check that each client gets all messages, each once and in order."""
    for client in clients:
        client.wait_for(len(sent), "all messages arrive")
        assert client.payloads == sent
        assert False not in client.recoveries
        assert client.gaps == 0


@pytest.mark.parametrize(("server", "transport"), COMBINATIONS)
def test_clients_that_are_cut_off_again_and_again_miss_nothing(
    surroundings: Surroundings, server: str, transport: str, facility: str
) -> None:
    """Cut off at the network for a part of each second, clients have all that was published meanwhile."""
    settings = settings_for(transport, surroundings.redis_url)
    with ExitStack() as stack:
        site = stack.enter_context(run_site(surroundings, server, **settings))
        proxy = stack.enter_context(Proxy(int(site.host.rpartition(":")[2])))
        uri = f"ws://{HOST}:{proxy.port}/ws/{facility}?subscribe-broadcast"
        clients = [stack.enter_context(ResumingClient(lambda: uri)) for _ in range(3)]
        for client in clients:
            client.wait_until_connected()
        with publishing(site, facility) as sent:
            for _ in range(CYCLES):
                time.sleep(OPEN)
                proxy.cut()
                time.sleep(CUT)
                proxy.mend()
            time.sleep(OPEN)
        check_all_arrive(clients, sent)
        assert all(client.recoveries.count(True) >= CYCLES for client in clients)
        assert "Traceback" not in site.output()


@pytest.mark.parametrize("transport", LAYERS)
def test_clients_of_a_killed_server_miss_nothing(surroundings: Surroundings, transport: str, facility: str) -> None:
    """They come back to another server, and have all that was published meanwhile."""
    settings = settings_for(transport, surroundings.redis_url)
    with ExitStack() as stack:
        first = stack.enter_context(run_site(surroundings, "daphne", **settings))
        second = stack.enter_context(run_site(surroundings, "uvicorn", **settings))
        hosts = [first.host]
        uri = f"/ws/{facility}?subscribe-broadcast"
        clients = [stack.enter_context(ResumingClient(lambda: f"ws://{hosts[-1]}{uri}")) for _ in range(3)]
        for client in clients:
            client.wait_until_connected()
        with publishing(second, facility) as sent:
            wait_until(lambda: len(sent) > 20, "some are published")
            first.process.signal(signal.SIGKILL)
            count = len(sent)
            wait_until(lambda: len(sent) > count + 20, "some more are published")
            hosts.append(second.host)
            for client in clients:
                client.wait_until_connected(2)
        check_all_arrive(clients, sent)


def killing(client: redis.Redis) -> None:
    """Break what receives, and again each time that it has reconnected, for a second."""
    for _ in range(40):
        client.client_kill_filter(_type="pubsub")
        time.sleep(0.025)


def pausing(client: redis.Redis) -> None:
    """Have Redis answer nobody for a while."""
    client.client_pause(1500)


FAULTS = {"connections killed": killing, "redis paused": pausing}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("transport", LAYERS)
def test_server_fills_the_gaps_of_sockets_that_stay_open(
    surroundings: Surroundings, transport: str, fault: str, facility: str
) -> None:
    """Also those of old clients, which know of no positions, get each message once and in order."""
    with RedisServer() as own, own.client() as client, ExitStack() as stack:
        settings = settings_for(transport, own.url, WS4CHANNELS_PROBE_INTERVAL=0.5, WS4REDIS_HEARTBEAT=None)
        site = stack.enter_context(run_site(surroundings, "daphne", **settings))
        other = stack.enter_context(run_site(surroundings, "uvicorn", **settings))
        plain = stack.enter_context(site.connect(facility, "subscribe-broadcast"))
        uri = f"ws://{site.host}/ws/{facility}?subscribe-broadcast"
        resuming = stack.enter_context(ResumingClient(lambda: uri))
        resuming.wait_until_connected()
        with publishing(other, facility) as sent:
            for _ in range(4):
                count = len(sent)
                wait_until(lambda count=count: len(sent) > count + 20, "some are published")
                FAULTS[fault](client)
        check_all_arrive([resuming], sent)
        assert next_messages(plain, len(sent)) == sent
        assert plain.is_quiet()
        assert resuming.recoveries == [None]
        counts = state_of(site)["counts"]
        assert counts.get("gaps_unfilled", 0) == 0
        if fault == "connections killed" and transport != "core":
            assert counts["messages_recovered"] > 0


def test_messages_beyond_the_layers_capacity_are_read_from_the_log(surroundings: Surroundings, facility: str) -> None:
    """What a layer drops because a process takes nothing for a while, the process reads afterwards."""
    hosts = [{"address": surroundings.redis_url, "socket_timeout": None}]
    layer = {"BACKEND": CORE, "CONFIG": {"hosts": hosts, "capacity": 20, "prefix": "narrow-history"}}
    settings = {"CHANNEL_LAYERS": {"default": layer}, "WS4CHANNELS_HISTORY": 500, "WS4REDIS_HEARTBEAT": None}
    with (
        run_site(surroundings, "daphne", **settings) as site,
        run_site(surroundings, "uvicorn", **settings) as publisher,
        site.connect(facility, "subscribe-broadcast") as socket,
    ):
        site.process.signal(signal.SIGSTOP)
        sent = send(publisher, facility, 300)
        site.process.signal(signal.SIGCONT)
        sent += send(publisher, facility, 1, "shown ")
        assert next_messages(socket, 301) == sent
        assert socket.is_quiet()
        counts = state_of(site)["counts"]
        assert (counts["messages_recovered"] > 0, counts.get("gaps_unfilled", 0)) == (True, 0)


@pytest.mark.parametrize("loss", ["flushed", "trimmed", "record gone"])
def test_incomplete_recovery_is_told(surroundings: Surroundings, facility: str, loss: str) -> None:
    """Where Redis has not all that a client missed, it is sent the newest message, and told that some are missing."""
    with RedisServer() as own, own.client() as client, ExitStack() as stack:
        settings = settings_for("pubsub", own.url, WS4CHANNELS_HISTORY=5)
        site = stack.enter_context(run_site(surroundings, "daphne", **settings))
        proxy = stack.enter_context(Proxy(int(site.host.rpartition(":")[2])))
        uri = f"ws://{HOST}:{proxy.port}/ws/{facility}?subscribe-broadcast"
        resuming = stack.enter_context(ResumingClient(lambda: uri))
        resuming.wait_until_connected()
        sent = send(site, facility, 2, "before ")
        resuming.wait_for(2, "the first arrive")
        proxy.cut()
        send(site, facility, 10, "missed ")
        if loss == "flushed":
            client.flushall()
            send(site, facility, 1, "after ")
        elif loss == "record gone":
            client.delete(*client.keys("ws4channels:l*"))
        proxy.mend()
        resuming.wait_until_connected(2)
        newest = {"flushed": "after 0", "trimmed": "missed 9", "record gone": "missed 9"}[loss]
        resuming.wait_for(3, "the newest arrives")
        assert resuming.payloads == [*sent, newest]
        assert resuming.recoveries == [None, False]
        sent += [newest, *send(site, facility, 3, "on ")]
        resuming.wait_for(len(sent), "it goes on")
        assert resuming.payloads == sent
        assert state_of(site)["counts"]["resumes_incomplete"] == 1


def test_client_resumes_after_redis_was_restarted_without_its_data(surroundings: Surroundings, facility: str) -> None:
    """Sockets that stayed open are told as well; what is published from then on arrives once."""
    with RedisServer() as own, ExitStack() as stack:
        settings = settings_for("redis", own.url, WS4CHANNELS_PROBE_INTERVAL=0.5)
        site = stack.enter_context(run_site(surroundings, "daphne", **settings))
        uri = f"ws://{site.host}/ws/{facility}?subscribe-broadcast"
        resuming = stack.enter_context(ResumingClient(lambda: uri))
        resuming.wait_until_connected()
        sent = send(site, facility, 3, "before ")
        resuming.wait_for(3, "the first arrive")
        own.restart()
        wait_until(lambda: resuming.gaps, "the client is told")
        sent += send(site, facility, 3, "after ")
        resuming.wait_for(6, "it goes on")
        assert resuming.payloads == sent
        assert resuming.gaps == 1


@pytest.mark.parametrize("transport", LAYERS)
def test_client_that_connects_in_a_burst_has_no_hole_and_no_duplicate(
    surroundings: Surroundings, transport: str, facility: str
) -> None:
    """History and live messages join without a seam, also where equal messages follow each other."""
    settings = settings_for(transport, surroundings.redis_url, WS4CHANNELS_HISTORY=2000, WS4REDIS_HEARTBEAT=None)
    with ExitStack() as stack:
        site = stack.enter_context(run_site(surroundings, "daphne", **settings))
        other = stack.enter_context(run_site(surroundings, "uvicorn", **settings))
        sent: list[str] = []
        burst = threading.Thread(target=lambda: [sent.extend(send(other, facility, 10)) for _ in range(100)])
        burst.start()
        sockets = []
        for _ in range(10):
            count = len(sent)
            wait_until(lambda count=count: len(sent) > count or not burst.is_alive(), "some are published")
            sockets.append(stack.enter_context(site.connect(facility, "subscribe-broadcast", "history=2000")))
        burst.join(TIMEOUT)
        for socket in sockets:
            assert next_messages(socket, 1000) == sent
            assert socket.is_quiet()


async def test_clients_that_resume_at_once_read_the_log_once(surroundings: Surroundings, facility: str) -> None:
    """All that come back within some seconds share what was read; a log of 500 messages fills no outbox."""
    with RedisServer() as own, own.client() as client, ExitStack() as stack:
        settings = settings_for("pubsub", own.url, WS4CHANNELS_MAX_SOCKETS_PER_SESSION=None)
        site = stack.enter_context(run_site(surroundings, "daphne", "--websocket_connect_timeout", "60", **settings))
        uri = f"ws://{site.host}/ws/{facility}?subscribe-broadcast"
        first = stack.enter_context(ResumingClient(lambda: uri))
        await asyncio.to_thread(first.wait_until_connected)
        await asyncio.to_thread(send, site, facility, 1, "first ")
        await asyncio.to_thread(first.wait_for, 1, "the first arrives")
        positions = ",".join(first.positions.values())
        sent = await asyncio.to_thread(send, site, facility, 500, "missed ")
        before = client.info("commandstats").get("cmdstat_lrange", {}).get("calls", 0)

        async def resume() -> list[str]:
            async with connect(f"{uri}&resume={positions}", compression=None, proxy=None, open_timeout=None) as socket:
                frames = [frame async for frame in first_of(socket, 501)]
            assert frames[0].startswith('!{"recovered": true')
            return [frame.partition("\n")[2] for frame in frames[1:]]

        began = time.monotonic()
        received = await asyncio.gather(*(resume() for _ in range(VISITORS)))
        assert received == [sent] * VISITORS
        # In pieces of 32, 128 and 512 messages; what was read is shared for ten seconds.
        reads = 3 * (1 + int((time.monotonic() - began) / 10))
        assert 0 < client.info("commandstats")["cmdstat_lrange"]["calls"] - before <= reads
        counts = await asyncio.to_thread(lambda: state_of(site)["counts"])
        assert (counts.get("slow_clients_closed", 0), counts["resumes_complete"]) == (0, VISITORS)


async def first_of(socket: ClientConnection, count: int) -> AsyncIterator[str]:
    """Yield so many text frames that are no heartbeats."""
    while count:
        frame = await socket.recv()
        if frame != HEARTBEAT:
            count -= 1
            yield str(frame)
