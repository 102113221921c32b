"""Tests of `ws4channels.status.keys`: finding keys without a search through Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async

from tests.inbox import Inbox
from tests.layers import REDIS, use
from tests.sockets import connected
from tests.visitors import signed_in
from tests.waiting import SCALE, TIMEOUT, eventually
from ws4channels.connections import sync_client
from ws4channels.delivery.hub import get_hub
from ws4channels.processes import telling
from ws4channels.publisher import RedisPublisher
from ws4channels.status.keys import FoundKeys, find_keys
from ws4channels.transports.configured import get_transport


@pytest.fixture(autouse=True)
def quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are written at once."""
    use(REDIS, settings)
    monkeypatch.setattr(telling, "_FIRST", 0.0)


async def find(**arguments: Any) -> FoundKeys:
    """Find keys, from another thread, when the process has told of itself."""
    await eventually(lambda: sync_client().exists("ws4channels:processes"), "the record is written")
    return await sync_to_async(find_keys)(sync_client(), seconds=TIMEOUT, **arguments)


def names(found: FoundKeys) -> list[tuple[str, int]]:
    """Return the keys with their sockets."""
    return [(each.key, each.sockets) for each in found.keys]


async def test_keys_are_found_with_sockets_and_what_is_kept(settings: Any) -> None:
    """By facility, user, group or session, or the most wanted; a kept message is found though nobody listens."""
    settings.WS4CHANNELS_HISTORY = 5
    for text in ("x", "hello"):
        await RedisPublisher(facility="chat", users=["mary", "john"]).apublish_message(text)
    path = "/ws/chat?subscribe-user&subscribe-broadcast&subscribe-group"
    async with connected(path, **signed_in("mary", ["staff"])), connected("/ws/news?subscribe-broadcast"):
        found = await find(user="mary")
        assert names(found) == [("user:mary:chat", 1)]
        (key,) = found.keys
        assert (key.facility, list(key.by_process.values()), found.silent) == ("chat", [1], ())
        assert key.kept is not None
        assert (key.kept.size, key.kept.logged) == (5, 2)
        assert 3500 < (key.kept.seconds or 0) <= 3600
        assert key.age is not None
        assert 0 <= key.age < TIMEOUT
        assert names(await find(facility="chat")) == [
            (each, 1) for each in ("broadcast:chat", "group:staff:chat", key.key)
        ]
        assert names(await find(group="staff")) == [("group:staff:chat", 1)]
        assert names(await find(facility="chat", user="john")) == [("user:john:chat", 0)]
        assert names(await find(facility="none")) == names(await find(session="none")) == []
        assert len((await find()).keys) == 4
        assert len((await find(limit=2)).keys) == 2


async def test_several_audiences_at_once_are_an_error(redis_client: redis.Redis) -> None:
    """It names them."""
    with pytest.raises(ValueError, match="user and group are given; at most one of them can be"):
        find_keys(redis_client, user="mary", group="staff")


async def test_100_000_keys_are_searched_within_a_second(redis_client: redis.Redis) -> None:
    """Without SCAN and KEYS, whatever is asked."""
    with redis_client.pipeline(transaction=False) as pipeline:
        for number in range(100_000):
            pipeline.set(f"user:user-{number}:chat", "kept", ex=600)
        pipeline.execute()
    async with connected("/ws/news?subscribe-broadcast"):
        subscribers = get_hub(get_transport()).subscribers
        for number in range(100_000):
            subscribers.add(f"user:user-{number}:chat", Inbox())
        await find()
        redis_client.config_resetstat()
        for arguments in ({}, {"facility": "chat"}, {"user": "user-77777"}, {"facility": "chat", "user": "user-1"}):
            began = time.monotonic()
            found = await find(**arguments)
            taken = time.monotonic() - began
            assert len(found.keys) == (1 if "user" in arguments else 100)
            assert taken < SCALE, (arguments, taken)
        assert not {"cmdstat_scan", "cmdstat_keys"} & set(redis_client.info("commandstats"))
