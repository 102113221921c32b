"""Tests of `ws4channels.transports.publishing`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer

from example_project.redis_server import RedisServer
from tests import layers
from tests.monitor import arrived, listening, recorded_commands, script_for
from tests.waiting import TIMEOUT
from ws4channels.audience import group_of
from ws4channels.counters import counts
from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import RedisStore


def store_with(connection: redis.Redis, *keys: str) -> RedisStore:
    """Return a store that publishes to `keys` through `connection`."""
    store = RedisStore(connection)
    store._publishers.update(keys)
    return store


@pytest.fixture(params=[["channel_layer"], ["redis"], ["channel_layer", "redis"]], ids="+".join)
def publish_to(request: pytest.FixtureRequest, settings: Any) -> list[str]:
    """Each way to publish."""
    settings.WS4CHANNELS_PUBLISH_TO = request.param
    return list(request.param)


@pytest.mark.parametrize("count", [1, 15, 16, 501])
@pytest.mark.parametrize("expire", [60, 0])
def test_message_is_kept_under_each_key(
    redis_client: redis.Redis, publish_to: list[str], count: int, expire: int
) -> None:
    """However many keys there are, each keeps the message byte for byte for as long as asked, or none does."""
    keys = [f"user:{number}:news" for number in range(count)]
    store_with(redis_client, *keys).publish_message(b"\xff\x00\r\n", expire)
    assert redis_client.mget(keys) == [b"\xff\x00\r\n" if expire else None] * count
    if expire:
        assert {50 < redis_client.ttl(key) <= 60 for key in keys} == {True}


@pytest.mark.parametrize("count", [1, 20])
def test_longest_expiry_is_within_what_redis_counts(redis_client: redis.Redis, count: int) -> None:
    """The longest expiry that is accepted is one that Redis accepts, by command and by script."""
    keys = [f"user:{number}:news" for number in range(count)]
    store_with(redis_client, *keys).publish_message("hello", 10**15)
    assert all(10**15 - 10 < redis_client.ttl(key) <= 10**15 for key in keys)


def test_new_message_replaces_the_old_one_and_its_expiry(redis_client: redis.Redis) -> None:
    """One key keeps one message, the newest, whatever type of value stood there."""
    store = store_with(redis_client, "broadcast:news")
    redis_client.rpush("broadcast:news", "a list")
    store.publish_message("first", 1000)
    store.publish_message("second", 10)
    assert redis_client.get("broadcast:news") == b"second"
    assert redis_client.ttl("broadcast:news") <= 10


def test_message_that_is_not_kept_leaves_the_kept_one(redis_client: redis.Redis) -> None:
    """``expire=0`` publishes without touching what an earlier message left."""
    store = store_with(redis_client, "broadcast:news")
    store.publish_message("kept")
    store.publish_message("passing", 0)
    assert redis_client.get("broadcast:news") == b"kept"


@pytest.mark.parametrize("transaction", [True, False])
def test_plain_commands_are_a_transaction_or_not(
    settings: Any, redis_server: RedisServer, redis_client: redis.Redis, transaction: bool
) -> None:
    """Where Redis refuses scripts, one round trip keeps and publishes, in MULTI unless the caller refuses that."""
    settings.WS4CHANNELS_PUBLISH_TO = ["redis"]
    redis_client.acl_setuser(
        "plain", enabled=True, nopass=True, keys=["*"], channels=["*"], commands=["+@all", "-eval"], reset=True
    )
    with (
        redis.Redis.from_url(redis_server.url, username="plain", password="any") as client,
        recorded_commands(redis_client) as recorded,
    ):
        store_with(client, "user:1:f", "user:2:f").pipeline_publish_message("hello", transaction=transaction)
    commands = ["SET", "SET", "PUBLISH", "PUBLISH"]
    assert [each.split(" ")[0] for each in recorded] == (["MULTI", *commands, "EXEC"] if transaction else commands)


def test_keys_whose_scripts_are_allowed_are_published_to_once(
    settings: Any, redis_server: RedisServer, redis_client: redis.Redis
) -> None:
    """Of several scripts, those that Redis refuses are made up for by plain commands, and no others."""
    settings.WS4CHANNELS_PUBLISH_TO = ["redis"]
    settings.WS4CHANNELS_HISTORY = {"logged": 5, "*": 0}
    keys = ["broadcast:logged", "broadcast:other"]
    redis_client.acl_setuser(
        "nologs",
        enabled=True,
        nopass=True,
        keys=["broadcast:*", "ws4channels:last:*"],
        channels=["*"],
        commands=["+@all"],
        reset=True,
    )
    settings.WS4REDIS_CONNECTION = {"url": redis_server.url, "username": "nologs", "password": "any"}
    before = counts["messages_unnumbered"]
    with listening(redis_client, *keys) as receiver:
        store = RedisStore()
        store._publishers.update(keys)
        store.publish_message("hello")
        assert arrived(redis_client, receiver) == [b"hello", b"hello"]
    assert redis_client.mget(keys) == [b"hello", b"hello"]
    assert counts["messages_unnumbered"] == before + 1
    assert redis_client.keys("ws4channels:*") == [b"ws4channels:last:{broadcast:other}"]


# --- which channels ---------------------------------------------------------------------------------------------------


def channels_of(publish_to: list[str], key: str) -> list[str]:
    """Return the Redis channels to which a message for `key` goes."""
    names = {"redis": key, "channel_layer": f"asgi__group__{group_of(key)}"}
    return [names[each] for each in publish_to]


@pytest.mark.parametrize("count", [1, 15, 16, 501])
@pytest.mark.parametrize("expire", [60, 0])
def test_each_transport_is_published_to_once(
    redis_client: redis.Redis, publish_to: list[str], count: int, expire: int
) -> None:
    """However many keys there are, each transport's channel gets one message; Redis's own gets its very bytes."""
    keys = [f"user:{number}:news" for number in range(count)]
    channels = [channel for key in keys for channel in channels_of(publish_to, key)]
    with listening(redis_client, *channels) as receiver:
        store_with(redis_client, *keys).publish_message(b"\xff\x00", expire)
        received = arrived(redis_client, receiver)
    assert len(received) == len(channels)
    assert received.count(b"\xff\x00") == (count if "redis" in publish_to else 0)


@pytest.mark.parametrize("way", ["sync", "async"])
async def test_one_transaction_keeps_and_publishes_everywhere(
    settings: Any, redis_client: redis.Redis, way: str
) -> None:
    """Two transports cost no second round trip: all commands are in the one script."""
    settings.WS4CHANNELS_PUBLISH_TO = ["channel_layer", "redis"]
    publisher = RedisPublisher(facility="f", broadcast=True)
    with recorded_commands(redis_client) as recorded:
        if way == "sync":
            await asyncio.to_thread(publisher.publish_message, "hello")
        else:
            await publisher.apublish_message("hello")
    layer_channel, key = channels_of(["channel_layer", "redis"], "broadcast:f")
    assert recorded == script_for(key, layer_channel, f"ws4channels:note:{{{key}}}", key)


@pytest.mark.parametrize("backend", [layers.CORE, layers.IN_MEMORY])
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_layer_that_does_not_publish_is_served_after_redis(
    settings: Any, redis_client: redis.Redis, backend: str, way: str
) -> None:
    """Beside the redis transport, any layer gets the message once, from its own methods."""
    settings.WS4CHANNELS_PUBLISH_TO = ["channel_layer", "redis"]
    settings.CHANNEL_LAYERS = layers.one_layer(backend)
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group_of("broadcast:f"), channel)
    publisher = RedisPublisher(facility="f", broadcast=True)
    with listening(redis_client, "broadcast:f") as receiver:
        if way == "sync":
            await sync_to_async(publisher.publish_message)("hello")
        else:
            await publisher.apublish_message("hello")
        assert arrived(redis_client, receiver) == [b"hello"]
    event = await asyncio.wait_for(layer.receive(channel), TIMEOUT)
    assert (event["key"], event["text"]) == ("broadcast:f", "hello")


def test_publishing_to_redis_alone_needs_no_channel_layer(settings: Any, redis_client: redis.Redis) -> None:
    """A worker that publishes by the redis transport needs no CHANNEL_LAYERS."""
    settings.WS4CHANNELS_PUBLISH_TO = ["redis"]
    del settings.CHANNEL_LAYERS
    with listening(redis_client, "broadcast:f") as receiver:
        RedisPublisher(facility="f", broadcast=True).publish_message("hello")
        assert arrived(redis_client, receiver) == [b"hello"]
