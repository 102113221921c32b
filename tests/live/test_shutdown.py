"""How a server ends while sockets are open."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest
import redis
from websockets.exceptions import ConnectionClosed

from tests.live.client import Socket
from tests.live.servers import RunningSite, daphne, uvicorn, wsgi
from tests.raw_websocket import RawWebsocket, connect_socket
from tests.waiting import SCALE, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

SERVERS = {"daphne": daphne, "uvicorn": uvicorn}
PROMPTLY = 5 * SCALE
"""Seconds; service managers kill after ten (Docker) to ninety (systemd)."""


@pytest.fixture(params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind a server that the test may end."""
    options = ["--timeout-graceful-shutdown", "2"] if request.param == "uvicorn" else []
    with SERVERS[request.param](surroundings, *options) as site:
        yield site


@contextmanager
def prompt_end(site: RunningSite) -> Iterator[None]:
    """Send SIGTERM, run the block, and check that the server ends by itself and soon."""
    begin = time.monotonic()
    site.process.signal(signal.SIGTERM)
    yield
    site.process.wait()
    assert time.monotonic() - begin < PROMPTLY


def test_terminated_server_ends_promptly(site, live_redis, facility):
    """SIGTERM ends sockets and process at once, without an error in the log or a connection left in Redis."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(site.connect(facility, "subscribe-broadcast")) for _ in range(5)]
        assert subscribed(live_redis)
        with prompt_end(site):
            for socket in sockets:
                socket.closing()
    assert "Traceback" not in site.output()
    wait_until(lambda: not subscribed(live_redis), "the server's subscription is still there")


def test_terminated_server_says_that_it_restarts(site, facility):
    """Clients are told 1012, so that they know from a log that the network was not at fault."""
    with site.connect(facility, "subscribe-broadcast") as socket, prompt_end(site):
        assert socket.closing()[0] == 1012


def test_terminated_server_does_not_wait_for_clients_that_do_not_read(site, facility):
    """Clients that do not read do not keep a server from ending."""
    with site.connect(facility, "subscribe-broadcast", max_queue=1, close_timeout=0):
        site.get(f"/publish/?facility={facility}&count=80&size=100000").raise_for_status()
        with prompt_end(site):
            pass


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_subscriber_of_each_socket_is_released_at_shutdown(surroundings, live_redis, server):
    """A client that does not answer the close frame keeps no subscriber from being released."""
    settings = {
        "WS4REDIS_SUBSCRIBER": "tests.legacy_subscribers.Releasing",
        "WS4CHANNELS_SHUTDOWN_SPREAD": 0.2,
    }
    options = ["--timeout-graceful-shutdown", "2"] if server == "uvicorn" else []
    live_redis.delete("released")
    with SERVERS[server](surroundings, *options, settings=settings) as site, ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(RawWebsocket(connect_socket(site.host)))
            client.open(site.host, "/ws/releasing?subscribe-broadcast")
        site.process.signal(signal.SIGTERM)
        site.process.wait()
    assert live_redis.get("released") == b"4"


def subscribed(client: redis.Redis) -> list[str]:
    """Return the channels of the layer to which somebody is subscribed."""
    return list(client.pubsub_channels("asgi*"))


# Over some time

COUNT = 40
SPREAD = 1.5
LAYERS = {"pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer", "core": "channels_redis.core.RedisChannelLayer"}


@pytest.fixture(params=["daphne-pubsub", "daphne-core", "uvicorn-pubsub"])
def patient(request, surroundings) -> Iterator[tuple[RunningSite, RunningSite]]:
    """The site behind a server that takes its time to close its sockets, and another that has pages alone."""
    server, _, layer = request.param.partition("-")
    config = {"hosts": [{"address": surroundings.redis_url, "socket_timeout": None}]}
    settings = {
        "WS4CHANNELS_SHUTDOWN_SPREAD": SPREAD,
        "CHANNEL_LAYERS": {"default": {"BACKEND": LAYERS[layer], "CONFIG": config}},
    }
    options = ["--ws-per-message-deflate", "false"] if server == "uvicorn" else []
    with SERVERS[server](surroundings, *options, settings=settings) as site, wsgi(surroundings, settings) as publisher:
        yield site, publisher


@contextmanager
def publishing(publisher: RunningSite, facility: str) -> Iterator[list[str]]:
    """Publish one message after the other until the block ends; yield those that were sent."""
    sent: list[str] = []
    ending = threading.Event()

    def publish() -> None:
        with publisher.pages() as client:
            while not ending.wait(0.01):
                client.get(f"/publish/?facility={facility}&text={len(sent)}.").raise_for_status()
                sent.append(f"{len(sent)}.0")

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield sent
    finally:
        ending.set()
        thread.join()


@dataclass(frozen=True)
class End:
    """What a socket was sent before it was closed, with which code, and when."""

    messages: list[str | bytes]
    code: int | None
    time: float


def end_of(socket: Socket) -> End:
    """Read until the server closes."""
    messages: list[str | bytes] = []
    while True:
        try:
            messages.append(socket.receive())
        except ConnectionClosed as closed:
            return End(messages, closed.rcvd.code if closed.rcvd else None, time.monotonic())


def test_sockets_are_closed_one_by_one(patient, live_redis, facility):
    """Each is told 1012 at a moment of its own and gets, up to then, all that is published; no new one gets in.

    Nothing remains in Redis: no subscription, and no member of a group.
    """
    site, publisher = patient
    # Other tests kill servers in this Redis's sight.
    before = set(members(live_redis))
    with ExitStack() as stack:
        sockets = [stack.enter_context(site.connect(facility, "subscribe-broadcast")) for _ in range(COUNT)]
        pool = stack.enter_context(ThreadPoolExecutor(COUNT))
        assert set(members(live_redis)) - before
        with publishing(publisher, facility) as sent:
            wait_until(lambda: len(sent) > 3, "messages are published")
            begin = time.monotonic()
            site.process.signal(signal.SIGTERM)
            ending = [pool.submit(end_of, socket) for socket in sockets]
            wait(ending, return_when=FIRST_COMPLETED)
            with pytest.raises(ConnectionRefusedError), site.connect(facility):
                pass
            ends = [each.result() for each in ending]
        site.process.wait()
    assert {end.code for end in ends} == {1012}
    times = [end.time - begin for end in ends]
    assert max(times) - min(times) > SPREAD / 2
    for end in ends:
        assert end.messages == sent[: len(end.messages)]
    counts = [len(end.messages) for end in sorted(ends, key=lambda end: end.time)]
    assert counts[-1] > counts[0]
    assert "Traceback" not in site.output()
    wait_until(lambda: not set(members(live_redis)) - before, "something of the server is still there")


def test_server_whose_sockets_have_all_gone_leaves_nothing_either(surroundings, live_redis, facility):
    """Also a server that has no socket left when it ends leaves no member of a group in Redis."""
    config = {"hosts": [{"address": surroundings.redis_url, "socket_timeout": None}]}
    settings = {"CHANNEL_LAYERS": {"default": {"BACKEND": LAYERS["core"], "CONFIG": config}}}
    before = set(members(live_redis))
    with daphne(surroundings, settings=settings) as site:
        with site.connect(facility, "subscribe-broadcast"):
            assert set(members(live_redis)) - before
        site.process.signal(signal.SIGTERM)
        site.process.wait()
    wait_until(lambda: not set(members(live_redis)) - before, "something of the server is still there")


def members(client: redis.Redis) -> list[str]:
    """Return the layer's channels to which somebody is subscribed, and its groups that have members."""
    return [*subscribed(client), *client.keys("asgi:group:*")]


@pytest.mark.parametrize("server", sorted(SERVERS))
def test_server_waits_half_a_second_for_clients_that_do_not_answer(surroundings, facility, server):
    """A client that does not answer the closing has half a second more."""
    settings = {"WS4CHANNELS_SHUTDOWN_SPREAD": 0.2}
    with SERVERS[server](surroundings, settings=settings) as site, RawWebsocket(connect_socket(site.host)) as client:
        client.open(site.host, f"/ws/{facility}?subscribe-broadcast")
        with prompt_end(site):
            assert client.read_frame().close_code == 1012
        assert "Traceback" not in site.output()
