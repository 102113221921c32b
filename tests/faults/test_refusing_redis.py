"""What happens while Redis answers and refuses: full, read-only, or without the rights that are needed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async

from example_project.redis_server import RedisServer
from tests import layers
from tests.sockets import Socket, connected
from tests.waiting import TIMEOUT
from ws4channels.access import refusals
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.exceptions import RedisRefusal
from ws4channels.publisher import RedisPublisher

BACKENDS = pytest.mark.parametrize(
    "backend", [layers.PUBSUB, layers.CORE, layers.REDIS], ids=["pubsub", "core", "redis"]
)


@pytest.fixture
def full_redis(settings: Any, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """A Redis that takes no more data, which carries the messages as well where that needs no memory."""
    with RedisServer() as server, server.client() as client:
        settings.WS4REDIS_CONNECTION = {"url": server.url}
        yield client


def fill(client: redis.Redis) -> None:
    """Let a Redis refuse whatever takes memory."""
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")


async def publish(way: str, message: str, **audience: Any) -> None:
    """Publish from sync or async code."""
    publisher = RedisPublisher(facility="f", **(audience or {"broadcast": True}))
    if way == "sync":
        await sync_to_async(publisher.publish_message)(message)
    else:
        await publisher.apublish_message(message)


@BACKENDS
@pytest.mark.parametrize("way", ["sync", "async"])
async def test_message_that_cannot_be_kept_is_delivered(
    settings: Any, full_redis: redis.Redis, backend: str, way: str
) -> None:
    """Those who listen receive it, the publisher is told, and nothing is kept, with every transport."""
    layers.use(backend, settings)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        fill(full_redis)
        with pytest.raises(RedisRefusal) as raised:
            await publish(way, "hello")
        assert isinstance(raised.value, redis.exceptions.ResponseError)
        assert raised.value.is_delivered
        assert str(raised.value).startswith("Redis refuses SET 'broadcast:f': ")
        assert str(raised.value).endswith(" The message was sent to those who listen, and is not kept.")
        assert await socket.receive_from(timeout=TIMEOUT) == "hello"
    assert full_redis.get("broadcast:f") is None


async def test_message_to_many_keys_that_cannot_be_kept_is_delivered(settings: Any, full_redis: redis.Redis) -> None:
    """The same where one script keeps and publishes to many keys."""
    layers.use(layers.REDIS, settings)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        fill(full_redis)
        with pytest.raises(RedisRefusal, match="and 30 more"):
            await publish("sync", "hello", broadcast=True, users=[f"user{number}" for number in range(30)])
        assert await socket.receive_from(timeout=TIMEOUT) == "hello"


@BACKENDS
async def test_client_whose_messages_are_not_kept_stays_connected(
    settings: Any,
    full_redis: redis.Redis,
    backend: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its messages reach the others, its websocket stays open, and the log has one ERROR and no traceback."""
    layers.use(backend, settings)
    monkeypatch.setattr(refusals, "_outage", LogThrottle())
    before = counts["messages_refused"]
    async with (
        connected("/ws/f?subscribe-broadcast&publish-broadcast") as sender,
        connected("/ws/f?subscribe-broadcast") as other,
    ):
        fill(full_redis)
        caplog.clear()
        for number in range(3):
            await sender.send_to(f"{number}")
        assert [await other.receive_from(timeout=TIMEOUT) for _ in range(3)] == ["0", "1", "2"]
        full_redis.config_set("maxmemory", "0")
        await sender.send_to("again")
        assert await other.receive_from(timeout=TIMEOUT) == "again"
    assert counts["messages_refused"] == before + 3
    refused = [record for record in caplog.records if "was refused" in record.getMessage()]
    assert [record.levelno for record in refused] == [logging.ERROR, logging.WARNING, logging.WARNING]
    assert [record.exc_info for record in refused] == [None] * 3


async def test_client_whose_messages_can_be_neither_kept_nor_sent_is_closed_with_1013(
    settings: Any, redis_server: RedisServer, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Where Redis refuses the PUBLISH as well, the client is told to try again later."""
    redis_client.execute_command("ACL", "SETUSER", "reader", "on", ">p", "allkeys", "allchannels", "+@all", "-publish")
    settings.WS4REDIS_CONNECTION = {"url": redis_server.url.replace("redis://", "redis://reader:p@")}
    settings.WS4CHANNELS_TRANSPORT = "redis"
    try:
        socket = await Socket("/ws/f?publish-broadcast").open()
        await socket.send_to("hello")
        assert await socket.close_code() == 1013
        await socket.leave(1013)
    finally:
        redis_client.acl_deluser("reader")
    assert "Redis refuses PUBLISH 'broadcast:f': " in caplog.text
