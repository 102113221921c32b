"""Tests of `ws4channels.transports.layer_receiver`. What holds for every layer is in test_hub.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from example_project.redis_server import RedisServer
from tests.layers import CORE, IN_MEMORY, PUBSUB, one_layer
from tests.waiting import TIMEOUT, eventually
from ws4channels.connections import RedisConnectionError
from ws4channels.transports.configured import get_transport
from ws4channels.transports.layer_receiver import LayerReceiver, retry_if_stale
from ws4channels.transports.messages import Publication
from ws4channels.transports.pubsub_layer import PubSubLayerReceiver


@pytest.mark.parametrize("backend", [PUBSUB, CORE, IN_MEMORY], ids=["pubsub", "core", "in-memory"])
async def test_confirming_while_nobody_receives_is_a_timeout(settings: Any, backend: str) -> None:
    """A probe that nobody receives is a timeout."""
    settings.CHANNEL_LAYERS = one_layer(backend)
    receiver = await get_transport().open_receiver()
    with pytest.raises(asyncio.TimeoutError):
        await receiver.confirm(0.1)


@pytest.mark.parametrize(
    ("backend", "config", "interval"),
    [(PUBSUB, {}, None), (CORE, {"group_expiry": 60}, 30), (IN_MEMORY, {"group_expiry": 10}, 5)],
    ids=["pubsub", "core", "in-memory"],
)
async def test_membership_is_renewed_before_the_layer_forgets_it(
    settings: Any, backend: str, config: dict[str, Any], interval: float | None
) -> None:
    """Layers that forget members after a time are told again after half of it."""
    settings.CHANNEL_LAYERS = one_layer(backend, **config)
    receiver = await get_transport().open_receiver()
    assert receiver.renewal_interval == interval


@asynccontextmanager
async def receiving(receiver: LayerReceiver) -> AsyncIterator[list[dict[str, Any]]]:
    """Receive for as long as the block runs; yields what has come."""
    events: list[dict[str, Any]] = []

    async def receive() -> None:
        while True:
            events.append(await receiver.receive())

    task = asyncio.create_task(receive())
    try:
        yield events
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_layer_that_has_stopped_receiving_is_started_again(settings: Any) -> None:
    """When what receives in the pub/sub layer has died, probes fail until the receiver is restored."""
    settings.CHANNEL_LAYERS = one_layer(PUBSUB)
    transport = get_transport()
    receiver = await transport.open_receiver()
    async with receiving(receiver) as events:
        await receiver.join(["broadcast:a"])
        [shard] = transport._layer._shards
        shard._receive_task.cancel()
        await asyncio.wait([shard._receive_task])
        with pytest.raises(asyncio.TimeoutError):
            await receiver.confirm(0.2)
        await receiver.restore()
        await receiver.confirm(TIMEOUT)
        await transport.apublish(Publication(("broadcast:a",), b"x", 0), [""])
        await eventually(lambda: events, "the message arrives")


async def test_new_connection_of_the_layer_is_noticed(settings: Any, redis_client: Any) -> None:
    """The pub/sub layer connects again in silence; its receiver knows."""
    settings.CHANNEL_LAYERS = one_layer(PUBSUB)
    receiver = await get_transport().open_receiver()
    async with receiving(receiver):
        losses: list[str] = []
        receiver.on_loss = losses.append
        await receiver.join(["broadcast:a"])
        assert losses == []
        redis_client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        await eventually(lambda: losses == ["the channel layer connected to Redis again"], "the loss is reported")
        await receiver.confirm(TIMEOUT)


async def test_each_of_several_hosts_is_confirmed(settings: Any, redis_server: RedisServer) -> None:
    """Over two Redis servers, joining and probing wait for both, and a new connection to either is noticed."""
    with RedisServer() as second:
        settings.CHANNEL_LAYERS = one_layer(PUBSUB, hosts=[redis_server.url, second.url])
        transport = get_transport()
        receiver = await transport.open_receiver()
        assert isinstance(receiver, PubSubLayerReceiver)
        async with receiving(receiver) as events:
            keys = tuple(f"broadcast:{number}" for number in range(20))
            await receiver.join(keys)
            await transport.apublish(Publication(keys, b"x", 0), [""] * len(keys))
            await receiver.confirm(TIMEOUT)
            await eventually(lambda: len(events) == len(keys), "all arrive")
            await receiver.confirm(TIMEOUT)
            losses: list[str] = []
            receiver.on_loss = losses.append
            with second.client() as client:
                client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            await eventually(lambda: len(losses) == 1, "the loss is reported")
            second.kill()
            with pytest.raises((ConnectionError, RedisConnectionError, asyncio.TimeoutError)):
                await receiver.confirm(1)


async def test_connection_that_died_in_the_pool_is_tried_again() -> None:
    """What may be done twice is done again when its connection turns out to be dead, and not for ever."""
    failures = [RedisConnectionError("dead"), RedisConnectionError("dead as well")]
    calls = []

    async def send(event: str) -> None:
        calls.append(event)
        if failures:
            raise failures.pop()

    await retry_if_stale(send, "probe")
    assert calls == ["probe"] * 3
    failures.extend(RedisConnectionError("gone") for _ in range(9))
    with pytest.raises(RedisConnectionError):
        await retry_if_stale(send, "probe")
    assert len(calls) == 6


@pytest.mark.parametrize("backend", [PUBSUB, CORE, IN_MEMORY], ids=["pubsub", "core", "in-memory"])
async def test_nothing_is_left_of_a_closed_subscription(settings: Any, redis_client: redis.Redis, backend: str) -> None:
    """Closing ends what the layer runs for us, and leaves nothing in Redis."""
    settings.CHANNEL_LAYERS = one_layer(backend)
    tasks = asyncio.all_tasks()
    receiver = await get_transport().open_receiver()
    async with receiving(receiver):
        await receiver.join(["broadcast:f", "broadcast:g", "broadcast:h"])
    await receiver.leave("broadcast:f")
    await receiver.aclose(["broadcast:g", "broadcast:h"])
    assert asyncio.all_tasks() == tasks
    await eventually(lambda: redis_client.pubsub_channels() == [], "the subscriptions have ended")
    assert redis_client.keys("asgi:group:*") == []


@pytest.mark.parametrize("backend", [PUBSUB, CORE], ids=["pubsub", "core"])
async def test_closing_bears_that_redis_has_gone(settings: Any, backend: str) -> None:
    """A receiver that cannot be undone is let go of all the same."""
    with RedisServer() as server:
        settings.CHANNEL_LAYERS = one_layer(backend, hosts=[{"address": server.url, "socket_timeout": None}])
        receiver = await get_transport().open_receiver()
    await asyncio.wait_for(receiver.aclose(), TIMEOUT)
