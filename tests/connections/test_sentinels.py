"""Tests of `ws4channels.connections.sentinels`, with two Redis and a Sentinel of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer

from example_project.redis_server import HOST
from tests import layers
from tests.inbox import Inbox
from tests.topologies import MASTER, WatchedPair, watched_pair
from tests.waiting import SCALE, eventually
from ws4channels.connections import (
    UNREACHABLE,
    build_async_client,
    build_connector,
    build_sync_client,
    describe_server,
    server_of,
)
from ws4channels.connections.sentinels import is_sentinel
from ws4channels.delivery.hub import Hub
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.shown import without_secrets
from ws4channels.transports.configured import get_transport

SENTINELS = {"sentinels": [("h", 26379), ("i", 26379)], "master_name": "mymaster"}
KEY = "broadcast:news"


@pytest.fixture(scope="module")
def pair() -> Iterator[WatchedPair]:
    """A master and its replica; no test changes who is who."""
    with watched_pair() as pair:
        yield pair


# --- building ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connection", [{}, {"host": "h"}, {"sentinels": []}, {"sentinels": None, "host": "h"}])
def test_plain_connection_is_no_sentinels(connection: dict[str, Any]) -> None:
    """Only a connection that names sentinels is one."""
    assert not is_sentinel(connection)
    assert is_sentinel(SENTINELS)


@pytest.mark.parametrize("build", [build_sync_client, build_async_client])
def test_pool_is_as_our_others(build: Callable[[dict[str, Any]], Any]) -> None:
    """Timeouts, size and waiting are those of all our pools, the site's own win, and nothing connects."""
    pool = build({**SENTINELS, "db": 3, "password": "p", "socket_timeout": 2, "host": "ignored"}).connection_pool
    assert isinstance(pool, (redis.BlockingConnectionPool, redis.asyncio.BlockingConnectionPool))
    assert (pool.max_connections, pool.timeout, pool.service_name) == (50, 5, "mymaster")
    arguments = pool.connection_kwargs
    assert (arguments["db"], arguments["password"], arguments["socket_timeout"]) == (3, "p", 2)
    assert "host" not in arguments


@pytest.mark.parametrize("build", [build_sync_client, build_async_client])
def test_sentinels_have_arguments_of_their_own(build: Callable[[dict[str, Any]], Any]) -> None:
    """The master's password is not the sentinels'; they are given up after a second, where nothing else is said."""
    given = {"password": "other", "socket_timeout": 3}
    for sentinel_kwargs, shown in (({}, (None, 1)), (None, (None, 1)), (given, ("other", 3))):
        manager = build({**SENTINELS, "password": "p", "sentinel_kwargs": sentinel_kwargs}).connection_pool
        for sentinel in manager.sentinel_manager.sentinels:
            arguments = sentinel.connection_pool.connection_kwargs
            assert (arguments.get("password"), arguments["socket_timeout"]) == shown


@pytest.mark.parametrize("build", [build_sync_client, build_async_client])
def test_tls_is_used_where_it_is_asked_for(build: Callable[[dict[str, Any]], Any]) -> None:
    """``ssl`` is for the connections to the master."""
    pool = build({**SENTINELS, "ssl": True}).connection_pool
    assert issubclass(pool.connection_class, (redis.SSLConnection, redis.asyncio.SSLConnection))


@pytest.mark.parametrize(
    ("connection", "text"),
    [
        ({"sentinels": [("h", 1)]}, "'sentinels' needs a 'master_name' beside it, such as 'mymaster'"),
        ({**SENTINELS, "sentinels": [("h",)]}, "not enough values to unpack (expected 2, got 1)"),
        ({**SENTINELS, "sentinels": [("h", "x")]}, "invalid literal for int() with base 10: 'x'"),
    ],
)
def test_argument_that_cannot_work_is_named(connection: dict[str, Any], text: str) -> None:
    """What is wrong with the sentinels is said when a client is built: ``manage.py check`` relies on it."""
    for build in (build_sync_client, build_async_client):
        with pytest.raises(ConfigurationError) as refused:
            build(connection)
        assert str(refused.value) == f"WS4REDIS_CONNECTION is {connection!r}, which redis-py refuses: {text}."


def test_shown_connection_has_no_password_of_a_sentinel() -> None:
    """What errors show of a connection leaves out the passwords of sentinels as well."""
    connection = {**SENTINELS, "sentinel_kwargs": {"password": "secret", "socket_timeout": 1}}
    assert without_secrets(connection)["sentinel_kwargs"] == {"password": "…", "socket_timeout": 1}


def test_server_is_told_by_its_sentinels() -> None:
    """Two pools lead to one server if master's name and sentinels are equal; log lines name the master."""
    servers = [
        server_of(build_sync_client(each).connection_pool)
        for each in (SENTINELS, {**SENTINELS, "db": 2}, {**SENTINELS, "master_name": "other"}, {"host": "localhost"})
    ]
    assert [each == servers[0] for each in servers] == [True, True, False, False]
    for build in (build_sync_client, build_async_client):
        assert describe_server(build(SENTINELS).connection_pool) == "the Redis that Sentinel knows as mymaster"


# --- with a Sentinel --------------------------------------------------------------------------------------------------


async def test_clients_reach_the_master(pair: WatchedPair) -> None:
    """A sentinel that does not answer is passed over; sync and async clients and the subscriber reach the master."""
    with build_sync_client(pair.connection) as client:
        client.set("key", b"sync\xff")
        assert client.get("key") == b"sync\xff"
    async_client = build_async_client(pair.connection)
    await async_client.set("key", b"async\xff")
    with pair.master.client() as master:
        assert master.get("key") == b"async\xff"
    await async_client.aclose(close_connection_pool=True)
    connection = await build_connector(pair.connection).connect()
    assert connection.port == pair.master.port
    await connection.disconnect()


async def test_nothing_stays_open_at_the_sentinel(pair: WatchedPair) -> None:
    """Closed clients leave no connection to the sentinel, and the subscriber keeps none there while it is connected."""
    with pair.sentinel.client() as watching:
        before = len(watching.client_list())
        client = build_async_client(pair.connection)
        await client.ping()
        await client.aclose(close_connection_pool=True)
        connection = await build_connector(pair.connection).connect()
        await eventually(lambda: len(watching.client_list()) <= before, "all connections are closed")
        await connection.disconnect()


def test_unknown_master_is_a_connection_error(pair: WatchedPair) -> None:
    """A name that the sentinels do not know is what sites catch, and the error says it."""
    with build_sync_client({**pair.connection, "master_name": "nobody"}) as client:
        with pytest.raises(redis.exceptions.ConnectionError, match="No master found for 'nobody'"):
            client.ping()


# --- failing over -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [layers.REDIS, layers.PUBSUB], ids=["redis", "pubsub"])
async def test_publishers_and_sockets_go_on_after_a_failover(settings: Any, backend: str) -> None:
    """When the master dies, sockets get what changed meanwhile soon after the promotion; no publisher fails then."""
    with watched_pair() as pair:
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.5
        layers.use(backend, settings)
        settings.WS4REDIS_CONNECTION = pair.connection
        if backend == layers.PUBSUB:
            settings.CHANNEL_LAYERS = layers.one_layer(backend, hosts=[pair.layer_host])
        publisher, hub, inbox = RedisPublisher(facility="news", broadcast=True), Hub(get_transport()), Inbox()
        await hub.join(inbox, (KEY,))
        await publisher.apublish_message("before")
        await asyncio.to_thread(publisher.publish_message, "before, from a thread")
        await eventually(lambda: len(inbox.payloads) == 2, "the first messages arrive")
        pair.master.kill()
        await asyncio.to_thread(pair.wait_until_promoted)
        promoted = time.monotonic()
        with pair.replica.client() as promoted_client:
            promoted_client.set(KEY, "changed meanwhile")
        await eventually(lambda: "changed meanwhile" in inbox.payloads, "the kept message is sent")
        await asyncio.to_thread(publisher.publish_message, "from a thread")
        await publisher.apublish_message("from the event loop")
        await eventually(lambda: "from the event loop" in inbox.payloads, "the messages arrive")
        assert inbox.payloads[-2:] == ["from a thread", "from the event loop"]
        assert time.monotonic() - promoted < 8 * SCALE
        if backend == layers.PUBSUB:
            await _close_layer()


async def _close_layer() -> None:
    """Close the layer's connections while its servers are there, and those to sentinels, which it forgets itself."""
    layer = get_channel_layer()
    sentinels = [each for shard in layer._shards for each in shard._redis.connection_pool.sentinel_manager.sentinels]
    await layer.flush()
    for sentinel in sentinels:
        await sentinel.aclose()


async def _publish_until_it_arrives(publish: Callable[[str], Any], inbox: Inbox) -> int:
    """Publish one text after the other until one arrives; return its number."""
    for number in range(1000):
        text = f"{publish!r} {number}"
        try:
            await publish(text)
        except UNREACHABLE:
            await asyncio.sleep(0.05)
            continue
        await eventually(lambda text=text: text in inbox.payloads, "the message arrives")
        return number
    raise AssertionError("Nothing could be published.")


async def test_demoted_master_is_left(settings: Any) -> None:
    """When the master is replaced while it lives, as for its maintenance, publishers and sockets go to the new one."""
    with watched_pair() as pair, pair.master.client() as demoted, pair.replica.client() as promoted:
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.5
        layers.use(layers.REDIS, settings)
        settings.WS4REDIS_CONNECTION = pair.connection
        publisher, hub, inbox = RedisPublisher(facility="news", broadcast=True), Hub(get_transport()), Inbox()
        await hub.join(inbox, (KEY,))
        await asyncio.to_thread(publisher.publish_message, "before")
        with pair.sentinel.client() as sentinel:
            sentinel.execute_command("SENTINEL FAILOVER", MASTER)
        await asyncio.to_thread(pair.wait_until_promoted)
        # What the Sentinel does when it next looks, which is up to ten seconds later.
        demoted.replicaof(HOST, pair.replica.port)
        demoted.client_kill_filter(_type="pubsub")
        await eventually(lambda: promoted.pubsub_numsub(KEY) == [(KEY.encode(), 1)], "the hub listens there")
        await _publish_until_it_arrives(lambda text: asyncio.to_thread(publisher.publish_message, text), inbox)
        assert demoted.pubsub_numsub(KEY) == [(KEY.encode(), 0)]
