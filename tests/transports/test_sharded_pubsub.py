"""Tests of `ws4channels.transports.sharded_pubsub` and `ws4channels.transports.shards`, with a cluster of three nodes.

What holds for every cluster is in tests/connections/test_clusters.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
from redis.crc import key_slot

from example_project.redis_server import RedisServer
from tests.connections.test_clusters import KEYS, NAME, SHARD_NAME, use
from tests.inbox import Inbox
from tests.monitor import connections_named
from tests.topologies import added_replica, cluster_of_three, empty, move_slot, redis_server_of
from tests.transports.test_redis_pubsub import Listener, listening, paused
from tests.waiting import TIMEOUT, eventually
from ws4channels.connections import build_connector
from ws4channels.connections.deadlines import within
from ws4channels.delivery.hub import Hub
from ws4channels.exceptions import RedisRefusal
from ws4channels.redis_store import RedisStore
from ws4channels.transports.configured import get_transport
from ws4channels.transports.numbers import extras_of
from ws4channels.transports.redis_pubsub import Timing
from ws4channels.transports.sharded_pubsub import ShardedReceiver

SOME = KEYS[::9]
"""Among them are keys of each node, as tests/connections/test_clusters.py relies on, too."""


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[RedisServer]]:
    """A cluster; tests give back what they change."""
    with cluster_of_three(redis_server_of("from 7 on")) as nodes:
        yield nodes


@pytest.fixture
def connection(nodes: list[RedisServer], settings: Any) -> dict[str, Any]:
    """The ``WS4REDIS_CONNECTION`` of the cluster, empty; messages travel by it."""
    empty(nodes)
    settings.WS4CHANNELS_PROBE_INTERVAL = 0.5
    return use(settings, nodes)


@asynccontextmanager
async def receiving(connection: dict[str, Any], *keys: str) -> AsyncIterator[Listener]:
    """Yield a listener that has joined `keys`."""
    connector: Any = build_connector(connection)
    receiver = await ShardedReceiver.open(connector, Timing(confirm=TIMEOUT))
    async with listening(receiver, *keys) as listener:
        yield listener


async def publish(key: str, message: str, expire: int = 0) -> None:
    """Publish as a site does, from a thread."""
    store = RedisStore()
    store._publishers = {key}
    await asyncio.to_thread(store.publish_message, message, expire)


def slot_of(key: str) -> int:
    return int(key_slot(key.encode()))


def owner_of(nodes: list[RedisServer], key: str) -> RedisServer:
    """Return the node that owns a key."""
    with nodes[0].client() as client:
        for first, last, (_, port, *_), *_ in client.execute_command("CLUSTER SLOTS"):
            if first <= slot_of(key) <= last:
                return next(node for node in nodes if node.port == port)
    raise AssertionError(f"Nobody owns {key}.")


def subscribed_at(node: RedisServer, key: str) -> int:
    """Return how many connections are subscribed to a key's channel at one node."""
    with node.client() as client:
        return int(client.execute_command("PUBSUB SHARDNUMSUB", extras_of(key).note)[0][1])


def sent_to_all(nodes: list[RedisServer]) -> int:
    """Return how many times nodes told others what was published."""
    count = 0
    for node in nodes:
        with node.client() as client:
            count += int(client.execute_command("CLUSTER INFO").get("cluster_stats_messages_publish_sent", 0))
    return count


# --- where messages go ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expire", [0, 60])
async def test_message_goes_to_no_other_node(connection: dict[str, Any], nodes: list[RedisServer], expire: int) -> None:
    """Each key is subscribed to at its owner; what is published there is not told to the other nodes."""
    before = sent_to_all(nodes)
    async with receiving(connection, *SOME) as listener:
        for key in SOME:
            assert [subscribed_at(node, key) for node in nodes] == [int(node is owner_of(nodes, key)) for node in nodes]
            await publish(key, key, expire)
        await listener.receiver.confirm(TIMEOUT)
        assert sorted(listener.texts) == sorted(SOME)
    assert sent_to_all(nodes) == before


async def test_what_others_publish_to_all_nodes_arrives(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """Programs that use PUBLISH at any node reach us as before."""
    async with receiving(connection, KEYS[0]) as listener:
        for node in nodes:
            with node.client() as client:
                client.publish(KEYS[0], str(node.port))
        await eventually(lambda: len(listener.texts) == len(nodes), "they arrive")
        assert set(listener.texts) == {str(node.port) for node in nodes}


async def test_publisher_that_may_not_use_it_publishes_to_all(
    connection: dict[str, Any], nodes: list[RedisServer], settings: Any
) -> None:
    """Where Redis refuses SPUBLISH, the message goes to all nodes, and arrives with its number."""
    for node in nodes:
        with node.client() as client:
            client.acl_setuser("old", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all"])
            client.execute_command("ACL SETUSER", "old", "-spublish")
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, (KEYS[0],))
    settings.WS4REDIS_CONNECTION = {**connection, "username": "old", "password": "any"}
    await publish(KEYS[0], "x", 60)
    await eventually(lambda: inbox.payloads, "it arrives")
    assert [(each.payload, bool(each.number)) for each in inbox.deliveries] == [("x", True)]
    await hub.aclose()


async def test_refusal_names_the_keys(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """A login that may not subscribe is told so, and keys that were joined before are not left."""
    for node in nodes:
        with node.client() as client:
            client.acl_setuser("narrow", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
            client.execute_command("ACL SETUSER", "narrow", "resetchannels", f"&{KEYS[0]}", f"&*{{{KEYS[0]}}}")
            client.execute_command("ACL SETUSER", "narrow", "&user:1:*")
    async with receiving({**connection, "username": "narrow", "password": "any"}, KEYS[0]) as listener:
        # The channel of the key itself is allowed, that of its notes is not.
        with pytest.raises(RedisRefusal, match=f"Redis refuses SSUBSCRIBE '{KEYS[1]}' and 1 more: "):
            await listener.receiver.join([KEYS[1], KEYS[0]])
        await publish(KEYS[0], "x")
        await listener.receiver.confirm(TIMEOUT)
        assert listener.texts == ["x"]


async def test_key_is_left_at_its_node(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """Nothing is subscribed to afterwards, joining again works, and none of it is taken for a loss."""
    async with receiving(connection, *KEYS[:2]) as listener:
        owner = owner_of(nodes, KEYS[0])
        for _ in range(3):
            await listener.receiver.leave(KEYS[0])
            await listener.receiver.join([KEYS[0]])
        await publish(KEYS[0], "x")
        await listener.receiver.confirm(TIMEOUT)
        assert listener.texts == ["x"]
        await listener.receiver.leave(KEYS[0])
        await listener.receiver.confirm(TIMEOUT)
        assert subscribed_at(owner, KEYS[0]) == 0
        assert listener.losses == []


async def test_confirming_waits_for_what_is_read_and_not_received(connection: dict[str, Any]) -> None:
    """What was published before has been received when `confirm` returns, however slow who receives is."""
    connector: Any = build_connector(connection)
    receiver = await ShardedReceiver.open(connector)
    joining = asyncio.create_task(receiver.join([KEYS[0]]))
    receiving = asyncio.create_task(receiver.receive())
    await joining
    for number in range(3):
        await publish(KEYS[0], str(number))
    confirming = asyncio.create_task(receiver.confirm(TIMEOUT))
    assert (await receiving)["text"] == "0"
    assert (await receiver.receive())["text"] == "1"
    assert not confirming.done()
    assert (await receiver.receive())["text"] == "2"
    receiving = asyncio.create_task(receiver.receive())
    await confirming
    receiving.cancel()
    await receiver.aclose()


async def test_closing_leaves_no_connection(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """There is one to each node that owns a key and one more; none remains."""
    async with receiving(connection, *KEYS):
        assert [_connections(node, SHARD_NAME) for node in nodes] == [1, 1, 1]
        assert sum(_connections(node, NAME) for node in nodes) == 1
    for name in (NAME, SHARD_NAME):
        await eventually(lambda name=name: not any(_connections(node, name) for node in nodes), "they are closed")


def _connections(node: RedisServer, name: str) -> int:
    with node.client() as client:
        return len(connections_named(client, name))


# --- what may happen to a cluster -------------------------------------------------------------------------------------


async def test_lost_connection_to_a_node_is_made_good(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """Messages kept meanwhile are sent, each once; those of other nodes come as if nothing were."""
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, tuple(KEYS))
    owner = owner_of(nodes, KEYS[0])
    for number in range(3):
        with owner.client() as client:
            client.client_kill_filter(_type="pubsub")
        for key in SOME:
            await publish(key, f"{number} {key}", 60)
        await eventually(lambda: subscribed_at(owner, KEYS[0]), "it is subscribed to again")
        await eventually(lambda number=number: len(inbox.deliveries) >= len(SOME) * (number + 1), "the messages arrive")
    assert sorted(inbox.payloads) == sorted(f"{number} {key}" for number in range(3) for key in SOME)
    await hub.aclose()


async def test_node_without_answers_is_connected_to_anew(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """As after a broken network, where no connection is closed: `restore` replaces that connection and no other."""
    owner = owner_of(nodes, KEYS[0])
    async with receiving(connection, *SOME) as listener:
        with paused(owner):
            with pytest.raises(asyncio.TimeoutError):
                await listener.receiver.confirm(0.2)
            await _restore(listener.receiver)
        await listener.receiver.join(SOME)
        await listener.receiver.confirm(TIMEOUT)
        await eventually(lambda: [_connections(node, SHARD_NAME) for node in nodes] == [1, 1, 1], "the old one is gone")
        await publish(KEYS[0], "x")
        await listener.receiver.confirm(TIMEOUT)
        assert listener.texts == ["x"]


async def _restore(receiver: ShardedReceiver) -> None:
    """Restore again and again, for it asks a node chosen at random, which may be the one that does not answer."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            await within(0.5, receiver.restore(reconnect=True))
        except asyncio.TimeoutError:
            assert time.monotonic() < deadline, "no other node is asked"
        else:
            return


async def test_slot_that_moves_is_followed(connection: dict[str, Any], nodes: list[RedisServer]) -> None:
    """The node that owned it says so; what is published at the new one arrives, and what was kept meanwhile too."""
    key = KEYS[0]
    source = owner_of(nodes, key)
    target = next(node for node in nodes if node is not source)
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, tuple(SOME))
    await publish(key, "before", 60)
    await asyncio.to_thread(move_slot, slot_of(key), source, target, nodes)
    await publish(key, "between", 60)
    await eventually(lambda: subscribed_at(target, key), "it is subscribed to at its new node")
    await publish(key, "after")
    await eventually(lambda: len(inbox.deliveries) >= 3, "all three arrive")
    assert inbox.payloads == ["before", "between", "after"]
    await hub.aclose()
    await asyncio.to_thread(move_slot, slot_of(key), target, source, nodes)


async def test_key_is_joined_at_the_node_that_took_its_slot(
    connection: dict[str, Any], nodes: list[RedisServer]
) -> None:
    """A receiver that does not know of the move yet is told by the old node when it subscribes there."""
    key = KEYS[0]
    source = owner_of(nodes, key)
    target = next(node for node in nodes if node is not source)
    async with receiving(connection, *SOME[1:]) as listener:
        await asyncio.to_thread(move_slot, slot_of(key), source, target, nodes)
        await listener.receiver.join([key])
        assert subscribed_at(target, key) == 1
        await publish(key, "x")
        await listener.receiver.confirm(TIMEOUT)
        assert listener.texts == ["x"]
        await asyncio.to_thread(move_slot, slot_of(key), target, source, nodes)
        await eventually(lambda: listener.losses, "the move back is noticed")
        assert listener.losses == [f"slots of the cluster have moved from 127.0.0.1:{target.port}"]


async def test_replica_that_takes_over_is_followed(settings: Any) -> None:
    """When a node dies its replica is found; keys of all other nodes are served meanwhile, each message once."""
    with (
        cluster_of_three(redis_server_of("from 7 on"), node_timeout=1000) as nodes,
        added_replica(nodes, nodes[0]) as replica,
    ):
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.5
        use(settings, nodes)
        hub, inbox = Hub(get_transport()), Inbox()
        await hub.join(inbox, tuple(KEYS))
        theirs = [key for key in KEYS if owner_of(nodes, key) is nodes[0]][:3]
        others = [key for key in KEYS if owner_of(nodes, key) is not nodes[0]][:5]
        nodes[0].kill()
        for key in others:
            await publish(key, key, 60)
        await eventually(lambda: len(inbox.deliveries) >= len(others), "other keys are served")
        await eventually(lambda: _role(replica) == "master", "the replica takes over", 2 * TIMEOUT)
        for key in theirs:
            await _publish_until_it_succeeds(key)
        await eventually(lambda: len(inbox.deliveries) >= len(others + theirs), "theirs are as well", 2 * TIMEOUT)
        await eventually(lambda: subscribed_at(replica, theirs[0]), "the replica is subscribed to")
        await publish(theirs[0], "now")
        await eventually(lambda: "now" in inbox.payloads, "what is not kept arrives again")
        assert sorted(inbox.payloads) == sorted([*others, *theirs, "now"])
        await hub.aclose()


def _role(node: RedisServer) -> str:
    with node.client() as client:
        return str(client.info("replication")["role"])


async def _publish_until_it_succeeds(key: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while True:
        try:
            await publish(key, key, 60)
        except redis.exceptions.ConnectionError:
            assert time.monotonic() < deadline, "the publisher does not find the new node"
            await asyncio.sleep(0.1)
        else:
            return


async def test_dead_node_takes_nothing_else_along(settings: Any) -> None:
    """Its keys cannot be joined, which is a ConnectionError; those of others can, and stay joined."""
    with cluster_of_three(redis_server_of("from 7 on")) as nodes:
        connection = use(settings, nodes)
        dead = [key for key in KEYS if owner_of(nodes, key) is nodes[0]]
        alive = [key for key in KEYS if owner_of(nodes, key) is not nodes[0]]
        async with receiving(connection, alive[0], dead[0]) as listener:
            nodes[0].kill()
            await eventually(lambda: listener.losses, "the loss is noticed")
            with pytest.raises(redis.exceptions.ConnectionError):
                await listener.receiver.join([alive[0], dead[0]])
            await listener.receiver.join([alive[1]])
            for key in alive[:2]:
                await publish(key, key)
            await listener.receiver.confirm(TIMEOUT)
            assert listener.texts == alive[:2]
