"""Tests of `ws4channels.delivery.kept_messages`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from tests import layers
from tests.numbered import KEY, log_of, publish, record_of
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.kept_messages import KeptMessages, Wanted
from ws4channels.delivery.sequences import State
from ws4channels.transports.configured import get_transport
from ws4channels.transports.numbers import Record, extras_of, is_beginning

EXTRAS = extras_of(KEY)
WEEK = 7 * 24 * 3600


@pytest.fixture
async def kept(settings: Any) -> AsyncIterator[KeptMessages]:
    """What a hub reads by; ten messages are logged."""
    layers.use(layers.REDIS, settings)
    settings.WS4CHANNELS_HISTORY = 10
    hub = Hub(get_transport())
    serving = await hub._start()
    yield serving.kept
    await hub.aclose()


@pytest.fixture
def client(redis_client: redis.Redis) -> redis.Redis:
    """The client that publishes."""
    return redis_client


def payloads(state: State) -> list[Any]:
    """Return what was read of the log."""
    return [each.payload for each in state.log]


async def test_log_is_read_only_where_it_is_wanted(kept: KeptMessages, client: redis.Redis, settings: Any) -> None:
    """A plain socket reads the kept message alone; one that is up to date, too."""
    numbers = publish(client, "0", "1", "2")
    for want in (Wanted(), Wanted(newest=1), Wanted(after=numbers[-1])):
        state = (await kept.read({KEY: want}))[KEY]
        assert (payloads(state), state.newest) == ([], numbers[-1])
        assert state.record.kept is not None
        assert state.record.kept.payload == "2"
    for want in (Wanted(newest=2), Wanted(after=numbers[0]), Wanted(after=1), Wanted(after=10**16 - 1)):
        assert payloads((await kept.read({KEY: want}))[KEY]) == ["0", "1", "2"]
    settings.WS4CHANNELS_HISTORY = 0
    assert payloads((await kept.read({KEY: Wanted(after=numbers[0], newest=10)}))[KEY]) == []


async def test_log_is_no_newer_than_the_record(
    kept: KeptMessages, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that comes between the two reads is under way: a socket that is sent the kept one first needs it."""
    numbers = publish(client, "0", "1")
    read = kept._logs.read

    async def read_later(*args: Any) -> Any:
        publish(client, "2")
        return await read(*args)

    monkeypatch.setattr(kept._logs, "read", read_later)
    state = (await kept.read({KEY: Wanted(after=numbers[0])}))[KEY]
    assert (payloads(state), state.newest) == (["0", "1"], numbers[-1])


async def test_any_number_may_be_asked_for(kept: KeptMessages, client: redis.Redis) -> None:
    """However large, it is no more than the log holds."""
    publish(client, *map(str, range(20)))
    state = (await kept.read({KEY: Wanted(newest=10**30)}))[KEY]
    assert payloads(state) == [str(number) for number in range(10, 20)]


async def test_keys_without_a_message_have_no_number(kept: KeptMessages, client: redis.Redis) -> None:
    """However many are read at once."""
    publish(client, "x")
    keys = [KEY, *(f"user:{number}:f" for number in range(1500))]
    states = await kept.read(dict.fromkeys(keys, Wanted()))
    assert [key for key in keys if states[key].newest] == [KEY]
    assert states[keys[-1]] == State(Record())


def test_what_is_wanted_of_one_key_is_merged() -> None:
    """The longest of all."""
    assert Wanted(8, 3).merged(Wanted(4, 1)) == Wanted(4, 3)
    assert Wanted().merged(Wanted(0, 1)) == Wanted(0, 1)
    assert Wanted(newest=2).merged(Wanted()) == Wanted(None, 2)


async def test_sequence_begins_where_there_is_none(kept: KeptMessages, client: redis.Redis) -> None:
    """A key that has a number keeps it."""
    [number] = publish(client, "x")
    begun = await kept.begin((KEY, "broadcast:g"))
    assert begun[KEY] == number
    assert is_beginning(begun["broadcast:g"])
    assert record_of(client, "broadcast:g") == (begun["broadcast:g"], 0)
    assert await kept.begin((KEY, "broadcast:g")) == begun
    publish(client, "y", key="broadcast:g")
    assert record_of(client, "broadcast:g")[1] == begun["broadcast:g"]
    assert log_of(client, "broadcast:g")[0].previous == begun["broadcast:g"]


async def test_full_redis_begins_nothing(kept: KeptMessages, client: redis.Redis) -> None:
    """A websocket is served all the same."""
    client.config_set("maxmemory", 1)
    try:
        assert await kept.begin((KEY,)) == {}
    finally:
        client.config_set("maxmemory", 0)


async def test_records_are_kept_for_a_week_again(kept: KeptMessages, client: redis.Redis) -> None:
    """One that has longer to live keeps that; one that is gone stays so."""
    publish(client, "x")
    client.expire(EXTRAS.record, 60)
    publish(client, "y", key="broadcast:g", expire=3 * WEEK)
    await kept.remember((KEY, "broadcast:g", "broadcast:h"))
    assert WEEK - 5 < client.ttl(EXTRAS.record) <= WEEK
    assert 3 * WEEK - 5 < client.ttl(extras_of("broadcast:g").record) <= 3 * WEEK
    assert not client.exists(extras_of("broadcast:h").record)


async def test_log_is_read_once_for_all(kept: KeptMessages, client: redis.Redis) -> None:
    """Those who come within some seconds share what was read, until there is a newer message."""
    numbers = publish(client, "0", "1", "2")

    def reads() -> int:
        return int(client.info("commandstats").get("cmdstat_lrange", {}).get("calls", 0))

    before = reads()
    for _ in range(50):
        assert payloads((await kept.read({KEY: Wanted(after=numbers[0])}))[KEY]) == ["0", "1", "2"]
    assert reads() == before + 1
    publish(client, "3")
    assert payloads((await kept.read({KEY: Wanted(after=numbers[0])}))[KEY]) == ["0", "1", "2", "3"]
    assert reads() == before + 2
