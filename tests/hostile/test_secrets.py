"""What a server logs and tells its clients when everything fails names no password, cookie or session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from example_project.redis_server import RedisServer
from tests.faults.sites import run_site, send
from tests.layers import CORE, PUBSUB
from tests.live.servers import RunningSite, Surroundings
from tests.waiting import wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

PASSWORD = "s3cret-of-redis"
BACKENDS = {"pubsub": PUBSUB, "core": CORE, "redis": None}


@pytest.fixture
def guarded_redis() -> Iterator[RedisServer]:
    """A Redis that asks for a password."""
    with RedisServer(password=PASSWORD) as server:
        yield server


@pytest.fixture(params=sorted(BACKENDS))
def guarded_site(request, guarded_redis) -> Iterator[RunningSite]:
    """The site, which has that password in its settings, over each transport."""
    backend = BACKENDS[request.param]
    settings: dict[str, object] = {"WS4CHANNELS_PROBE_INTERVAL": 0.2, "WS4REDIS_ALLOWED_CHANNELS": None}
    if backend is None:
        settings |= {"WS4CHANNELS_TRANSPORT": "redis", "CHANNEL_LAYERS": {}}
    else:
        hosts = [{"address": guarded_redis.url, "socket_timeout": None}]
        settings["CHANNEL_LAYERS"] = {"default": {"BACKEND": backend, "CONFIG": {"hosts": hosts}}}
    with tempfile.TemporaryDirectory(prefix="ws4-") as directory:
        surroundings = Surroundings(guarded_redis.url, Path(directory).resolve())
        surroundings.manage("prepare")
        with run_site(surroundings, "daphne", **settings) as site:
            yield site


def test_log_of_an_outage_names_no_secret(guarded_site, guarded_redis, facility):
    """Redis dies under a signed-in client that publishes, and others that connect: the log says so, and no secret."""
    cookie = guarded_site.signed_in()
    channels = ("subscribe-broadcast", "subscribe-session", "publish-session")
    with guarded_site.connect(facility, *channels, additional_headers=cookie) as socket:
        send(guarded_site, facility, 1)
        guarded_redis.kill()
        told: list[str | bytes] = []
        with suppress(ConnectionClosed):
            socket.send("hello")
            while True:
                told.append(socket.receive())
        with guarded_site.connect(facility, *channels, additional_headers=cookie) as late:
            code, reason = late.closing()
        assert code == 1013
    wait_until(lambda: "may be lost" in guarded_site.output(), "the outage is logged")
    session_key = cookie["Cookie"].partition("=")[2]
    for text in (guarded_site.output(), reason, *map(str, told)):
        assert PASSWORD not in text
        assert session_key not in text
