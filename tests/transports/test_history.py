"""Tests of `ws4channels.transports.history`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis

from example_project.redis_server import RedisServer
from tests.numbered import KEY, publish
from ws4channels import connections
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports import history
from ws4channels.transports.history import Logs, anewest_in_log, newest_in_log, read_records
from ws4channels.transports.numbers import Record


@pytest.fixture
async def client(redis_client: redis.Redis, settings: Any) -> AsyncIterator[Any]:
    """An async client of a site that logs 200 messages."""
    settings.WS4CHANNELS_HISTORY = 200
    client = connections.build_async_client(settings.WS4REDIS_CONNECTION)
    yield client
    await client.aclose()


def payloads(log: Any) -> list[Any]:
    """Return the payloads of messages."""
    return [each.payload for each in log]


def texts(start: int, end: int) -> list[str]:
    """Return the payloads that tests publish."""
    return [str(number) for number in range(start, end)]


async def test_records_come_in_one_round_trip(client: Any, redis_client: redis.Redis) -> None:
    """With the kept message and its numbers; a key that was never published to has none."""
    first, second = publish(redis_client, "first", "second")
    records = await read_records(client, [KEY, "broadcast:g"])
    record = records[KEY]
    assert (record.number, record.previous) == (second, first)
    assert record.kept is not None
    assert (record.kept.payload, record.kept.number) == ("second", second)
    assert records["broadcast:g"] == Record()


async def test_kept_messages_are_read_without_rights_on_extras(settings: Any) -> None:
    """They have no numbers then; without rights on the keys themselves the refusal names them."""
    with RedisServer() as server, server.client() as admin:
        admin.execute_command("ACL SETUSER", "site", "on", ">secret", "+@all", "~broadcast:*")
        publish(admin, "hello")
        client = connections.build_async_client({"url": server.url, "username": "site", "password": "secret"})
        record = (await read_records(client, [KEY]))[KEY]
        assert record.number == 0
        assert record.kept is not None
        assert record.kept.payload == "hello"
        with pytest.raises(RedisRefusal, match="user:mary:f"):
            await read_records(client, ["user:mary:f"])
        await client.aclose()


async def test_newest_messages_are_the_end_of_the_log(client: Any, redis_client: redis.Redis) -> None:
    """Oldest first, by either client."""
    publish(redis_client, *texts(0, 10))
    assert payloads(newest_in_log(redis_client, KEY, 3)) == texts(7, 10)
    assert payloads(await anewest_in_log(client, KEY, 100)) == texts(0, 10)
    assert newest_in_log(redis_client, "broadcast:g", 3) == []


@pytest.mark.parametrize("missed", [1, 31, 32, 33, 100, 149])
async def test_log_is_read_back_to_the_number_that_is_wanted(
    client: Any, redis_client: redis.Redis, missed: int
) -> None:
    """However far that is; what lies before it may be left out."""
    numbers = publish(redis_client, *texts(0, 150))
    log = await Logs().read(client, KEY, numbers[-1], numbers[149 - missed], 0)
    assert log[0].number <= numbers[149 - missed]
    assert payloads(log)[-missed:] == texts(150 - missed, 150)
    assert [each.previous for each in log[1:]] == [each.number for each in log[:-1]]


async def test_whole_log_is_read_for_a_number_that_it_has_not(client: Any, redis_client: redis.Redis) -> None:
    """And as many as are wanted, if there are so many."""
    numbers = publish(redis_client, *texts(0, 250))
    assert payloads(await Logs().read(client, KEY, numbers[-1], numbers[0], 0)) == texts(50, 250)
    assert payloads(await Logs().read(client, KEY, numbers[-1], 0, 0)) == texts(50, 250)
    assert payloads(await Logs().read(client, KEY, numbers[-1], None, 60))[-60:] == texts(190, 250)


async def test_what_was_read_is_shared_until_it_is_not_enough(client: Any, redis_client: redis.Redis) -> None:
    """It is read again for a newer message or an older position, unless all was read."""
    logs = Logs()
    numbers = publish(redis_client, *texts(0, 150))
    log = await logs.read(client, KEY, numbers[-1], numbers[140], 0)
    assert await logs.read(client, KEY, numbers[-1], numbers[145], 5) is log
    older = await logs.read(client, KEY, numbers[-1], numbers[10], 0)
    assert older is not log
    # Which was the whole log.
    assert await logs.read(client, KEY, numbers[-1], 0, 1000) is older
    [newer] = publish(redis_client, "newer")
    assert payloads(await logs.read(client, KEY, newer, numbers[-1], 0))[-1] == "newer"


async def test_what_was_read_is_bounded(
    client: Any, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bytes, over all keys; and forgotten after some seconds."""
    monkeypatch.setattr(history, "_KEPT_BYTES", 1000)
    logs = Logs()
    for key in ("broadcast:a", "broadcast:b", "broadcast:c"):
        [number] = publish(redis_client, "x" * 600, key=key)
        await logs.read(client, key, number, 0, 0)
        assert list(logs._known) == [key]
        assert logs._size == 600
    logs._forget("broadcast:c", logs._known["broadcast:c"][0])
    assert (logs._known, logs._size) == ({}, 0)
