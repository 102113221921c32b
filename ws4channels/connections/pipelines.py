"""Send several commands in one round trip, as one transaction where that is wanted and possible."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import redis
from redis.exceptions import RedisError, ResponseError

from ws4channels import connections

Command = tuple[Any, ...]

# Before 5.3, redis-py wants the name of a command here; later versions warn of it.
_NEEDS_NAME = (
    inspect.signature(redis.ConnectionPool.get_connection).parameters["command_name"].default is inspect.Parameter.empty
)
_FOR_GET_CONNECTION = ("MULTI",) if _NEEDS_NAME else ()


def execute(client: Any, commands: Sequence[Command], transaction: bool) -> None:
    """Have Redis execute `commands`, from a thread without an event loop; raise the first error among the answers.

    A cluster executes each by itself.
    """
    if not commands:
        return
    if _is_plain(client):
        _raise_first_error(_execute_at_once(client.connection_pool, commands, transaction))
        return
    with client.pipeline(transaction=_may_be_transaction(client, transaction)) as pipeline:
        for command in commands:
            pipeline.execute_command(*command, **_target_of(client, command))
        pipeline.execute()


async def aexecute(client: Any, commands: Sequence[Command], transaction: bool) -> None:
    """Do as `execute` with an async client."""
    async with client.pipeline(transaction=_may_be_transaction(client, transaction)) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        await pipeline.execute()


def ask(client: Any, commands: Iterable[Command]) -> list[Any]:
    """Return the answers to commands that Redis executes one by one; what it refuses is an error among them.

    Each is sent before the next is taken from `commands`, which may build them meanwhile.
    """
    if _is_plain(client):
        return _ask_each(client.connection_pool, commands)
    with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command, **_target_of(client, command))
        answers: list[Any] = pipeline.execute(raise_on_error=False)
    return _without_failures(answers)


async def aask(client: Any, commands: Iterable[Command]) -> list[Any]:
    """Do as `ask` with an async client, which sends all of them at once."""
    async with client.pipeline(transaction=False) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
    return _without_failures(answers)


def _without_failures(answers: list[Any]) -> list[Any]:
    """Return answers; raise an error that is none, such as that of a node of a cluster which cannot be reached."""
    for answer in answers:
        if isinstance(answer, Exception) and not isinstance(answer, ResponseError):
            raise answer
    return answers


def _target_of(client: Any, command: Command) -> dict[str, Any]:
    """Return as a keyword argument the node of a cluster that runs a script, if it is known.

    Else the sync pipeline of redis-py 8 asks its default node for the keys of each script, and fails when that is down.
    """
    if command[0] != "EVAL" or connections.pool_of(client) is not None:
        return {}
    try:
        return {"target_nodes": client.get_node_from_key(command[3])}
    except connections.UNREACHABLE:
        # redis-py looks for it.
        return {}


def _may_be_transaction(client: Any, transaction: bool) -> bool:
    return transaction and connections.pool_of(client) is not None


def _is_plain(client: Any) -> bool:
    """Tell whether a client is redis-py's own, and not one that stands for it in a site's tests."""
    return type(client) is redis.Redis and client.connection is None and _is_of_redis_py(client.connection_pool)


def _is_of_redis_py(pool: Any) -> bool:
    return isinstance(pool, redis.ConnectionPool) and _is_class_of_redis_py(pool.connection_class)


@cache
def _is_class_of_redis_py(connection_class: type) -> bool:
    return connection_class.__module__.partition(".")[0] == "redis"


def _execute_at_once(pool: Any, commands: Sequence[Command], transaction: bool) -> list[Any]:
    """Do as redis-py's pipeline in about 70 % of its time, which saves a fifth to a quarter of a publish."""
    if transaction and len(commands) > 1:
        commands = [("MULTI",), *commands, ("EXEC",)]

    def send(connection: Any) -> int:
        connection.send_packed_command(connection.pack_commands(commands))
        return len(commands)

    return _answers_to(pool, send)


def _ask_each(pool: Any, commands: Iterable[Command]) -> list[Any]:
    def send(connection: Any) -> int:
        return len([connection.send_packed_command(connection.pack_command(*command)) for command in commands])

    return _answers_to(pool, send)


def _answers_to(pool: Any, send: Callable[[Any], int]) -> list[Any]:
    """Have `send` send commands on a connection of the pool; return as many answers as it says."""
    connection = pool.get_connection(*_FOR_GET_CONNECTION)
    try:
        return [_read_answer(connection) for _ in range(send(connection))]
    except BaseException:
        # The next user of the connection would read the replies that are left.
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def _read_answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _raise_first_error(answers: Iterable[Any]) -> None:
    for answer in answers:
        if isinstance(answer, RedisError):
            raise answer
        if isinstance(answer, list):
            _raise_first_error(answer)
