"""Publishing from every kind of process to a browser's socket on Daphne, without a connection per message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from tests.live.servers import RunningSite, Surroundings, daphne, wsgi
from tests.waiting import wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

COUNT = 50


def layer(surroundings: Surroundings, backend: str) -> dict[str, Any]:
    """Return the settings for a layer of channels_redis."""
    host = {"address": surroundings.redis_url, "socket_timeout": None, "client_name": "live:layer"}
    return {
        "CHANNEL_LAYERS": {"default": {"BACKEND": backend, "CONFIG": {"hosts": [host]}}},
        # A probe that is sent while a message is published takes one more connection from the layer's pool, once.
        "WS4CHANNELS_PROBE_INTERVAL": 3600,
    }


LAYERS = {
    "pubsub": "channels_redis.pubsub.RedisPubSubChannelLayer",
    "core": "channels_redis.core.RedisChannelLayer",
}


@pytest.fixture(scope="module", params=sorted(LAYERS))
def layer_name(request) -> str:
    """The layer that carries the messages."""
    return request.param


@pytest.fixture(scope="module")
def layer_settings(surroundings, layer_name) -> dict[str, Any]:
    """The settings of all processes that take part."""
    return layer(surroundings, LAYERS[layer_name])


@pytest.fixture(scope="module")
def site(surroundings, layer_settings) -> Iterator[RunningSite]:
    """The process with the sockets, and with views."""
    with daphne(surroundings, settings=layer_settings) as site:
        yield site
        assert "Traceback" not in site.output()


@pytest.fixture(scope="module")
def wsgi_site(surroundings, layer_settings) -> Iterator[RunningSite]:
    """A process with views and no sockets."""
    with wsgi(surroundings, settings=layer_settings) as site:
        yield site
        assert "Traceback" not in site.output()


def connections_made(client: redis.Redis) -> int:
    """Return how many connections Redis has taken so far, those included that ended."""
    return int(client.info("stats")["total_connections_received"])


def numbers(count: int = COUNT) -> list[str]:
    """Return what a process that publishes `count` messages sends."""
    return [str(number) for number in range(count)]


@pytest.mark.parametrize("server", ["daphne", "wsgi"])
@pytest.mark.parametrize("view", ["publish", "publish-async"])
def test_views_publish_over_connections_that_they_have(site, wsgi_site, live_redis, facility, server, view):
    """Sync and async views publish, in order, and after the first time without a new connection."""
    publishing = {"daphne": site, "wsgi": wsgi_site}[server]
    with site.connect(facility, "subscribe-broadcast") as socket:
        # Two requests that do not count: Daphne and Django open what they need.
        for _ in range(2):
            assert publishing.get(f"/{view}/?facility={facility}").status_code == 200
        assert socket.receive_many(2) == ["0", "0"]
        before = connections_made(live_redis)
        publishing.get(f"/{view}/?facility={facility}&count={COUNT - 10}").raise_for_status()
        for _ in range(10):
            publishing.get(f"/{view}/?facility={facility}").raise_for_status()
        assert socket.receive_many(COUNT) == numbers(COUNT - 10) + 10 * ["0"]
        assert socket.is_quiet()
    assert connections_made(live_redis) == before


# Per layer, the connections that the command's whole life may take: with "pubsub" one pipeline keeps the message and
# publishes it; with "core" the layer has a connection of its own. A fork cannot use those of its parent.
ORIGINS = {
    "event-loop": {"pubsub": 1, "core": 2},
    "fork": {"pubsub": 2, "core": 4},
    "many-event-loops": {"pubsub": 1, "core": 2},
    "process": {"pubsub": 1, "core": 2},
    "thread": {"pubsub": 1, "core": 2},
}


@pytest.mark.parametrize("origin", sorted(ORIGINS))
def test_command_publishes_over_one_connection(
    surroundings, site, live_redis, layer_name, layer_settings, facility, origin
):
    """A process that serves nothing publishes from its main thread, another, a fork, and event loops."""
    with site.connect(facility, "subscribe-broadcast") as socket:
        before = connections_made(live_redis)
        surroundings.manage("publish", facility, "--count", str(COUNT), "--from", origin, settings=layer_settings)
        assert connections_made(live_redis) - before <= ORIGINS[origin][layer_name]
        assert socket.receive_many(COUNT) == numbers()
        assert socket.is_quiet()


def test_client_s_messages_take_no_connection_each(site, live_redis, facility):
    """What a browser sends is published over the connection that the server has."""
    with (
        site.connect(facility, "subscribe-broadcast") as receiver,
        site.connect(facility, "publish-broadcast") as sender,
    ):
        sender.send("first")
        assert receiver.receive() == "first"
        before = connections_made(live_redis)
        for text in numbers():
            sender.send(text)
        assert receiver.receive_many(COUNT) == numbers()
        assert connections_made(live_redis) == before


def test_sockets_share_one_subscribing_connection(site, live_redis, facility, layer_name):
    """Twenty sockets on as many facilities open no connection more than the first one did."""
    with ExitStack() as stack:
        stack.enter_context(site.connect(facility, "subscribe-broadcast"))
        before = connections_made(live_redis)
        for number in range(20):
            stack.enter_context(site.connect(f"{facility}-{number}", "subscribe-broadcast"))
        assert connections_made(live_redis) == before
        subscribing = [client for client in live_redis.client_list() if int(client["sub"]) > 0]
        assert len(subscribing) == (1 if layer_name == "pubsub" else 0)


def test_connections_tell_what_they_are(site, live_redis, facility):
    """CLIENT LIST names the package's connections, and the layer's as the site does."""
    with site.connect(facility, "subscribe-broadcast"):
        wait_until(lambda: {"ws4channels", "live:layer"} <= names(live_redis), "the connections have no names")


def names(client: redis.Redis) -> set[str]:
    """Return the names of the connections that Redis has."""
    return {each["name"] for each in client.client_list()}
