"""Tests of `ws4channels.delivery.serving`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from tests import layers
from tests.inbox import Inbox
from tests.numbered import KEY, publish, record_of
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.welcome import Start
from ws4channels.transports.configured import get_transport
from ws4channels.transports.numbers import extras_of, is_beginning

WEEK = 7 * 24 * 3600


@pytest.fixture
async def hub(settings: Any) -> AsyncIterator[Hub]:
    """A hub of a site with a history."""
    layers.use(layers.REDIS, settings)
    settings.WS4CHANNELS_HISTORY = 10
    hub = Hub(get_transport())
    yield hub
    await hub.aclose()


async def test_resuming_client_learns_a_position_of_each_key(hub: Hub, redis_client: redis.Redis) -> None:
    """Also of those never published to; the next message follows it."""
    welcome = await hub.join(Inbox(), (KEY, "broadcast:g"), Start(resumes=True))
    assert set(welcome.positions) == {KEY, "broadcast:g"}
    assert is_beginning(welcome.positions[KEY])
    publish(redis_client, "missed")
    back = await hub.join(Inbox(), (KEY, "broadcast:g"), Start(0, True, welcome.positions))
    assert (back.recovered, [each.payload for each in back.deliveries]) == (True, ["missed"])


async def test_plain_client_makes_no_records(hub: Hub, redis_client: redis.Redis) -> None:
    """Nothing is written for those who ask for no position."""
    await hub.join(Inbox(), (KEY,))
    assert redis_client.dbsize() == 0


async def test_socket_without_keys_reads_nothing(hub: Hub) -> None:
    """It is a valid one."""
    welcome = await hub.join(Inbox(), (), Start(10, True, {}))
    assert (welcome.deliveries, welcome.recovered) == ([], True)


async def test_records_of_keys_that_are_listened_to_are_kept(
    hub: Hub, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice a day; those of others expire."""
    publish(redis_client, "x")
    publish(redis_client, "x", key="broadcast:g")
    await hub.join(Inbox(), (KEY,))
    serving = hub._serving
    assert serving is not None
    for key in (KEY, "broadcast:g"):
        redis_client.expire(extras_of(key).record, 60)
    await serving._compare()
    assert redis_client.ttl(extras_of(KEY).record) <= 60
    monkeypatch.setattr("ws4channels.delivery.serving._REMEMBER_INTERVAL", 0.0)
    await serving._compare()
    assert WEEK - 5 < redis_client.ttl(extras_of(KEY).record) <= WEEK
    assert redis_client.ttl(extras_of("broadcast:g").record) <= 60
    assert record_of(redis_client)[0] > 0
