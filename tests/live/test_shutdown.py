"""How a server ends while sockets are open."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import redis

from tests.live.servers import RunningSite, daphne, uvicorn
from tests.waiting import SCALE, wait_until

pytestmark = pytest.mark.live

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


def test_terminated_server_does_not_wait_for_deaf_clients(site, facility):
    """Clients that do not read do not keep a server from ending."""
    with site.connect(facility, "subscribe-broadcast", max_queue=1, close_timeout=0):
        site.get(f"/publish/?facility={facility}&count=80&size=100000").raise_for_status()
        with prompt_end(site):
            pass


def subscribed(client: redis.Redis) -> list[str]:
    """Return the channels of the layer to which somebody is subscribed."""
    return list(client.pubsub_channels("asgi*"))
