"""Tests of `ws4channels.connections.pipelines`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from tests.monitor import connections_named, connections_opened, recorded_commands
from tests.silence import HOST, silent_server
from tests.waiting import wait_until
from ws4channels.connections import build_async_client, build_sync_client
from ws4channels.connections.pipelines import Command, aexecute, execute

CONNECTION = {"host": HOST, "port": django_settings.REDIS_PORT}
Send = Callable[[list[Command], bool], Any]


class AnotherClient(redis.Redis):
    """What a site's tests may put in the place of a client: it has pipelines, and who knows what connections."""


class SitesConnection(redis.Connection):
    """A connection of a site's own, as fakeredis has."""


async def send_sync(commands: list[Command], transaction: bool) -> None:
    with build_sync_client(CONNECTION) as client:
        execute(client, commands, transaction)


async def send_by_another(commands: list[Command], transaction: bool) -> None:
    with AnotherClient(**CONNECTION) as client:
        execute(client, commands, transaction)


async def send_by_sites_connection(commands: list[Command], transaction: bool) -> None:
    with redis.Redis(connection_pool=redis.ConnectionPool(SitesConnection, **CONNECTION)) as client:
        execute(client, commands, transaction)


async def send_by_single_connection(commands: list[Command], transaction: bool) -> None:
    with redis.Redis(**CONNECTION, single_connection_client=True) as client:
        execute(client, commands, transaction)


async def send_async(commands: list[Command], transaction: bool) -> None:
    client = build_async_client(CONNECTION)
    try:
        await aexecute(client, commands, transaction)
    finally:
        await client.aclose()


@pytest.fixture(
    params=[send_sync, send_by_another, send_by_sites_connection, send_by_single_connection, send_async],
    ids=["sync", "another client", "site's connection", "single connection", "async"],
)
def send(request: pytest.FixtureRequest) -> Send:
    """Each kind of client."""
    way: Send = request.param
    return way


@pytest.mark.parametrize("transaction", [True, False])
async def test_commands_are_executed_in_order(send: Send, redis_client: redis.Redis, transaction: bool) -> None:
    """All commands are sent, in their order, inside MULTI and EXEC where that is wanted."""
    with recorded_commands(redis_client) as recorded:
        await send([("SET", "a", b"\xff", "EX", 60), ("SET", "b", "2"), ("PUBLISH", "a", b"\xff")], transaction)
    commands = ["SET a", "SET b", "PUBLISH a"]
    assert recorded == (["MULTI", *commands, "EXEC"] if transaction else commands)
    assert redis_client.mget("a", "b") == [b"\xff", b"2"]
    assert 50 < redis_client.ttl("a") <= 60


async def test_nothing_is_sent_where_there_is_nothing_to_send(redis_client: redis.Redis) -> None:
    """Without commands no connection is taken."""
    before = connections_opened(redis_client)
    await send_sync([], True)
    await send_async([], True)
    assert connections_opened(redis_client) == before


def test_one_command_needs_no_transaction(redis_client: redis.Redis) -> None:
    """A single command is one by itself."""
    with build_sync_client(CONNECTION) as client, recorded_commands(redis_client) as recorded:
        execute(client, [("SET", "a", "1")], transaction=True)
    assert recorded == ["SET a"]


@pytest.mark.parametrize("transaction", [True, False])
async def test_error_is_raised(send: Send, redis_client: redis.Redis, transaction: bool) -> None:
    """What Redis says of a command that cannot be executed is raised, and the others are executed all the same."""
    redis_client.rpush("list", "a")
    with pytest.raises(redis.exceptions.ResponseError, match=r"WRONGTYPE|INCR list"):
        await send([("SET", "a", "1"), ("INCR", "list"), ("INCR", "list"), ("SET", "b", "2")], transaction)
    assert redis_client.mget("a", "b") == [b"1", b"2"]


async def test_command_that_redis_does_not_know_ends_a_transaction(send: Send, redis_client: redis.Redis) -> None:
    """In a transaction, nothing is executed when one of the commands is none; its own error is the one raised."""
    with pytest.raises(redis.exceptions.ResponseError, match=r"unknown command|NONSENSE"):
        await send([("SET", "a", "1"), ("NONSENSE", "x")], True)
    assert redis_client.get("a") is None


@pytest.mark.parametrize("transaction", [True, False])
def test_connection_is_whole_after_an_error(redis_client: redis.Redis, transaction: bool) -> None:
    """All answers are read, also those behind an error, and the connection serves the next user."""
    redis_client.rpush("list", "a")
    with build_sync_client(CONNECTION) as client:
        client.ping()
        before = connections_opened(redis_client)
        for _ in range(3):
            with pytest.raises(redis.exceptions.ResponseError):
                execute(client, [("SET", "a", "1"), ("INCR", "list"), ("SET", "b", "2")], transaction)
            assert client.echo("mine") == b"mine"
        assert connections_opened(redis_client) == before


def test_connection_whose_answers_were_not_read_is_closed() -> None:
    """When the answers do not come in time, the next user gets another connection, not these answers."""
    with silent_server() as server, build_sync_client({"url": server.url, "socket_timeout": 0.1}) as client:
        for count in (1, 2):
            with pytest.raises(redis.exceptions.TimeoutError):
                execute(client, [("SET", "a", "1"), ("SET", "b", "1")], transaction=True)
            assert server.count_connections() == count


def test_connection_that_died_in_the_pool_is_replaced(redis_client: redis.Redis) -> None:
    """A connection that Redis closed while nobody used it costs its next user nothing."""
    with build_sync_client({**CONNECTION, "client_name": "victim"}) as client:
        client.ping()
        (victim,) = connections_named(redis_client, "victim")
        redis_client.client_kill_filter(_id=victim)
        wait_until(lambda: not connections_named(redis_client, "victim"), "The connection was not killed.")
        execute(client, [("SET", "a", "1"), ("SET", "b", "1")], transaction=True)
    assert redis_client.mget("a", "b") == [b"1", b"1"]
