"""Tests of `ws4channels.publishing`."""

from __future__ import annotations

import pytest
import redis

from tests.monitor import recorded_commands
from ws4channels.redis_store import RedisStore


def store_with(connection: redis.Redis, *keys: str) -> RedisStore:
    """Return a store that publishes to `keys` through `connection`."""
    store = RedisStore(connection)
    store._publishers.update(keys)
    return store


@pytest.mark.parametrize("count", [1, 15, 16, 501])
@pytest.mark.parametrize("expire", [60, 0])
def test_message_is_kept_under_each_key(redis_client: redis.Redis, count: int, expire: int) -> None:
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
def test_pipeline_is_a_transaction_or_not(redis_client: redis.Redis, transaction: bool) -> None:
    """One round trip keeps and publishes, inside MULTI and EXEC unless the caller does not want that."""
    with recorded_commands(redis_client) as recorded:
        store_with(redis_client, "user:1:f", "user:2:f").pipeline_publish_message("hello", transaction=transaction)
    commands = ["SET", "SET", "PUBLISH", "PUBLISH"]
    assert [each.split(" ")[0] for each in recorded] == (["MULTI", *commands, "EXEC"] if transaction else commands)
