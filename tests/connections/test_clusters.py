"""Tests of `ws4channels.connections.clusters`, with a cluster of three nodes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from example_project.redis_server import HOST, RedisServer
from tests import layers
from tests.inbox import Inbox
from tests.monitor import connections_named
from tests.topologies import cluster_of_three, empty, redis_server_of
from tests.waiting import eventually
from ws4channels.connections import (
    UNREACHABLE,
    build_async_client,
    build_connector,
    build_sync_client,
    one_kind_of_failure,
    pool_of,
)
from ws4channels.connections.clusters import LazyCluster, is_cluster, is_cluster_client
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.welcome import Start
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import RedisStore
from ws4channels.shown import without_secrets
from ws4channels.subscriber import KeptMessageCollector, RedisSubscriber
from ws4channels.transports.configured import get_transport
from ws4channels.transports.numbers import extras_of

NAME, SHARD_NAME = "ws4channels-subscriber", "ws4channels-shard"
# Keys in the slots of each of the three nodes, many times over.
KEYS = [f"user:{number}:news" for number in range(100)]


@pytest.fixture(scope="module", params=["before 7", "from 7 on"])
def nodes(request: pytest.FixtureRequest) -> Iterator[list[RedisServer]]:
    """A cluster that no test harms, without and with sharded pub/sub."""
    with cluster_of_three(redis_server_of(request.param)) as nodes:
        yield nodes


@pytest.fixture
def connection(nodes: list[RedisServer], settings: Any) -> dict[str, Any]:
    """The ``WS4REDIS_CONNECTION`` of an empty cluster; messages travel by it."""
    empty(nodes)
    return use(settings, nodes)


def use(settings: Any, nodes: list[RedisServer]) -> dict[str, Any]:
    """Have messages travel by a cluster."""
    layers.use(layers.REDIS, settings)
    settings.WS4REDIS_CONNECTION = {"cluster": True, "startup_nodes": [(HOST, node.port) for node in nodes]}
    return dict(settings.WS4REDIS_CONNECTION)


def listeners(nodes: list[RedisServer], key: str) -> int:
    """Return how many connections listen to a key, at all nodes together."""
    count = 0
    for node in nodes:
        with node.client() as client:
            count += client.pubsub_numsub(key)[0][1]
    return count


# --- building ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ({}, False),
        ({"host": "h"}, False),
        ({"cluster": False, "host": "h"}, False),
        ({"cluster": True}, True),
        ({"startup_nodes": [("h", 1)]}, True),
    ],
)
def test_connection_says_that_it_is_a_cluster(connection: dict[str, Any], expected: bool) -> None:
    """Where ``cluster`` is true, or there are ``startup_nodes``, it is one."""
    assert is_cluster(connection) == expected


@pytest.mark.parametrize(
    ("connection", "text"),
    [
        ({"cluster": True, "db": 1}, "Argument 'db' must be 0 or None in cluster mode"),
        ({"cluster": True, "unix_socket_path": "/s"}, "a cluster is not reached by a unix socket"),
        ({"cluster": True, "url": "unix:///s"}, "a cluster is not reached by a unix socket"),
        ({"startup_nodes": [("h",)]}, "not enough values to unpack (expected 2, got 1)"),
        ({"cluster": True, "port": "six"}, "invalid literal for int() with base 10: 'six'"),
    ],
)
def test_argument_that_cannot_work_is_named(connection: dict[str, Any], text: str) -> None:
    """What is wrong is said when a client or a connector is built: ``manage.py check`` relies on it."""
    for build in (build_sync_client, build_async_client, build_connector):
        with pytest.raises(ConfigurationError) as refused:
            build(connection)
        assert str(refused.value) == f"WS4REDIS_CONNECTION is {connection!r}, which redis-py refuses: {text}."


@pytest.mark.parametrize("build", [build_sync_client, build_async_client, build_connector])
def test_unknown_argument_is_a_configuration_error(build: Callable[[dict[str, Any]], Any]) -> None:
    """An argument that redis-py's cluster client does not know is refused."""
    with pytest.raises(ConfigurationError, match="unexpected keyword argument 'hots'"):
        build({"cluster": True, "hots": "localhost"})


def test_no_error_shows_a_password() -> None:
    """However wrong a connection is, its password is not in the error's text."""
    with pytest.raises(ConfigurationError) as refused:
        build_sync_client({"cluster": True, "url": "redis://:secret@localhost/3"})
    assert "secret" not in str(refused.value)
    assert without_secrets({"cluster": True, "password": "secret"}) == {"cluster": True, "password": "…"}


def test_log_lines_name_the_nodes() -> None:
    """What log lines say of a cluster is where it is, without its password."""
    connection = {"startup_nodes": [("h", 1), ("i", "2")], "password": "secret"}
    assert build_connector(connection).server == "the cluster at h:1, i:2"
    assert build_connector({"cluster": True, "url": "redis://:secret@h:3"}).server == "the cluster at h:3"


def test_tls_is_used_where_it_is_asked_for() -> None:
    """``ssl`` and ``rediss://`` make encrypted connections."""
    for connection in ({"host": "h", "ssl": True}, {"url": "rediss://h"}):
        client = build_async_client({"cluster": True, **connection})
        (node,) = client.nodes_manager.startup_nodes.values()
        assert node.connection_class is redis.asyncio.SSLConnection


def test_cluster_has_no_one_pool() -> None:
    """Who asks for the pool of a client gets None for a cluster, so that nobody takes it for a single Redis."""
    clients = [build({"cluster": True}) for build in (build_sync_client, build_async_client)]
    assert [pool_of(client) for client in clients] == [None, None]
    assert is_cluster_client(clients[1].pipeline())
    plain = build_sync_client({})
    assert pool_of(plain) is plain.connection_pool


# --- with a cluster ---------------------------------------------------------------------------------------------------


def test_every_form_of_the_setting_reaches_the_cluster(nodes: list[RedisServer]) -> None:
    """Nodes, a host and port, or a URL: one node that answers is enough to find all."""
    for form in (
        {"startup_nodes": [(HOST, 1), (HOST, str(nodes[0].port))]},
        {"cluster": True, "host": HOST, "port": str(nodes[0].port), "db": "0"},
        {"cluster": True, "url": nodes[1].url},
    ):
        client = build_sync_client(form)
        assert isinstance(client, LazyCluster)
        client.set("key", b"\xff")
        assert client.get("key") == b"\xff"
        assert len(client.get_nodes()) == 3
        client.close()


async def test_many_keys_of_all_nodes_are_read_at_once(connection: dict[str, Any]) -> None:
    """``mget`` takes keys of any slots, in sync and async clients, and keeps their order."""
    client = build_sync_client(connection)
    client.set(KEYS[3], "three")
    client.set(KEYS[70], "seventy")
    expected = [b"three" if key == KEYS[3] else b"seventy" if key == KEYS[70] else None for key in KEYS]
    assert client.mget(KEYS) == expected
    client.close()
    async_client = build_async_client(connection)
    assert await async_client.mget(KEYS) == expected
    await async_client.aclose(close_connection_pool=True)


@pytest.mark.parametrize("way", ["sync", "async", "own client"])
@pytest.mark.parametrize("expire", [60, 0])
async def test_message_reaches_keys_of_all_nodes(
    connection: dict[str, Any], nodes: list[RedisServer], way: str, expire: int
) -> None:
    """A message for many keys is kept under each, at the node that has its slot, and arrives once for each."""
    hub, inboxes = Hub(get_transport()), [Inbox() for _ in KEYS]
    await asyncio.gather(*(hub.join(inbox, (key,)) for inbox, key in zip(inboxes, KEYS, strict=True)))
    own = redis.RedisCluster(host=HOST, port=nodes[0].port) if way == "own client" else None
    store = RedisStore(own)
    store._publishers = set(KEYS)
    for message in (b"first", b"\xff\x00last"):
        if way == "async":
            await store.apublish_message(message, expire)
        else:
            await asyncio.to_thread(store.publish_message, message, expire)
    await eventually(lambda: all(len(inbox.deliveries) >= 2 for inbox in inboxes), "the messages arrive")
    assert {tuple(inbox.payloads) for inbox in inboxes} == {("first", b"\xff\x00last")}
    client = build_sync_client(connection)
    assert set(client.mget(KEYS)) == {b"\xff\x00last" if expire else None}
    assert not expire or 50 < client.ttl(KEYS[0]) <= 60
    client.close()
    if own is not None:
        own.close()


async def test_one_connection_listens_to_all_nodes(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """The hub has one connection to one of the nodes for that, and one to each; each key counts the first."""
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, tuple(KEYS))
    assert sum(len(_named(node, NAME)) for node in nodes) == 1
    assert [len(_named(node, SHARD_NAME)) for node in nodes] == [1, 1, 1]
    assert {listeners(nodes, key) for key in KEYS[:5]} == {1}
    await hub.leave(inbox, tuple(KEYS))
    await eventually(lambda: not any(listeners(nodes, key) for key in KEYS[:5]), "nobody listens")


def _named(node: RedisServer, name: str) -> list[str]:
    with node.client() as client:
        return connections_named(client, name)


async def test_kept_messages_are_found(connection: dict[str, Any], rf: Any) -> None:
    """Publishers and subscribers fetch kept messages from whatever nodes have them."""
    publisher = RedisPublisher(facility="news", users=["mary"], broadcast=True)
    await publisher.apublish_message("kept")
    request = rf.get("/ws/news")
    fetcher = RedisPublisher()
    assert await asyncio.to_thread(fetcher.fetch_message, request, "news", "broadcast") == b"kept"
    assert await fetcher.afetch_message(request, "news", "broadcast") == b"kept"
    inbox = Inbox()
    welcome = await Hub(get_transport()).join(inbox, ("broadcast:news", "user:mary:news", "user:bob:news"))
    assert [each.payload for each in welcome.deliveries] == ["kept", "kept"]
    collector, subscriber = KeptMessageCollector(), RedisSubscriber()
    subscriber.set_pubsub_channels(request, ["subscribe-broadcast"])
    await asyncio.to_thread(subscriber.send_persisted_messages, collector)
    assert [each.payload for each in collector.deliveries] == ["kept"]


@pytest.mark.parametrize("history", [0, 10])
async def test_messages_have_numbers(connection: dict[str, Any], settings: Any, history: int) -> None:
    """Whatever braces a key has, its extra keys are in its slot, and messages arrive once, with their numbers."""
    settings.WS4CHANNELS_HISTORY = history
    keys = ("broadcast:f", "user:{tag}:f", "user:a}b:f", "user:{}:f", "user:a{b:f", "group:}{:{f}")
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, keys)
    store = RedisStore()
    store._publishers = set(keys)
    await store.apublish_message("first", 60)
    await asyncio.to_thread(store.publish_message, "second\n", 60)
    await asyncio.to_thread(store.publish_message, "not kept", 0)
    await eventually(lambda: len(inbox.deliveries) >= 3 * len(keys), "the messages arrive")
    client = build_sync_client(connection)
    for key in keys:
        first, second, third = [each for each in inbox.deliveries if each.key == key]
        assert [each.payload for each in (first, second, third)] == ["first", "second\n", "not kept"]
        assert (first.previous, second.previous, third.number) == (0, first.number, 0)
        assert int(client.get(extras_of(key).record)[:16]) == second.number
        assert client.llen(extras_of(key).log) == min(history, 2)
    positions = {each.key: each.number for each in inbox.deliveries if each.payload == "first"}
    welcome = await hub.join(Inbox(), keys, Start(0, True, positions))
    assert sorted((each.key, each.payload) for each in welcome.deliveries) == [
        (key, "second\n") for key in sorted(keys)
    ]
    assert welcome.recovered
    client.close()
    await hub.aclose()


async def test_hub_goes_to_another_node_when_its_own_dies(settings: Any) -> None:
    """Sockets go on with another node; keys of the dead one are a ConnectionError, all others are published to."""
    with cluster_of_three() as nodes:
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.5
        use(settings, nodes)
        hub, inbox = Hub(get_transport()), Inbox()
        await hub.join(inbox, tuple(KEYS))
        [own] = [node for node in nodes if listeners([node], KEYS[0])]
        alive = [node for node in nodes if node is not own]
        own.kill()
        await eventually(lambda: listeners(alive, KEYS[0]) == 1, "the hub listens at another node")
        # Every ninth: among them are keys of each node.
        refused = await asyncio.to_thread(_publish_to_each, KEYS[::9])
        delivered = [key for key in KEYS[::9] if key not in refused]
        assert refused
        assert delivered
        await eventually(lambda: {each.key for each in inbox.deliveries} >= set(delivered), "the messages arrive")
        assert sorted(each.key for each in inbox.deliveries) == sorted(delivered)


def test_dead_node_does_not_keep_others_from_being_published_to(settings: Any) -> None:
    """Not even the one that redis-py asks about commands."""
    with cluster_of_three() as nodes:
        connection = use(settings, nodes)
        client = build_sync_client(connection)
        client.set(KEYS[0], "x")
        dead = next(node for node in nodes if node.port == client.get_default_node().port)
        others = [key for key in KEYS[:20] if client.get_node_from_key(key).port != dead.port]
        dead.kill()
        store = RedisStore(client)
        store._publishers = set(others)
        for _ in range(3):
            store.publish_message("x", 60)
        assert set(client.mget(others)) == {b"x"}
        client.close()


def _publish_to_each(keys: list[str]) -> list[str]:
    """Publish to each key by itself; return those for which that failed."""
    refused = []
    for key in keys:
        store = RedisStore()
        store._publishers = {key}
        try:
            store.publish_message("x", 0)
        except redis.exceptions.ConnectionError:
            refused.append(key)
    return refused


async def test_cluster_that_cannot_be_reached_is_a_connection_error() -> None:
    """Where no node answers, every caller gets an exception that sites catch."""
    with RedisServer() as server:
        connection = {"cluster": True, "url": server.url}
    client, async_client = build_sync_client(connection), build_async_client(connection)
    with pytest.raises(redis.exceptions.ConnectionError), one_kind_of_failure():
        client.get("key")
    with pytest.raises(redis.exceptions.ConnectionError), one_kind_of_failure():
        await async_client.get("key")
    with pytest.raises(redis.exceptions.ConnectionError):
        await build_connector(connection).connect()
    await async_client.aclose()
    assert issubclass(redis.exceptions.RedisClusterException, UNREACHABLE)
