"""Name connections in CLIENT LIST, where the Redis user may do that."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from redis.exceptions import ResponseError

logger = logging.getLogger(__name__)


def with_optional_name(arguments: dict[str, Any], *, is_async: bool) -> dict[str, Any]:
    """Return arguments for connections that set their ``client_name`` themselves, and work on if Redis refuses it.

    redis-py would give up the connection. A site's own ``redis_connect_func`` stays.
    """
    if arguments.get("redis_connect_func") is not None or not arguments.get("client_name"):
        return arguments
    rest = {name: value for name, value in arguments.items() if name != "client_name"}
    connect = _aconnect if is_async else _connect
    return {**rest, "redis_connect_func": partial(connect, arguments["client_name"])}


def _connect(name: str, connection: Any) -> None:
    connection.on_connect()
    connection.send_command("CLIENT", "SETNAME", name)
    try:
        connection.read_response()
    except ResponseError as error:
        _log(error)


async def _aconnect(name: str, connection: Any) -> None:
    await connection.on_connect()
    await connection.send_command("CLIENT", "SETNAME", name)
    try:
        await connection.read_response()
    except ResponseError as error:
        _log(error)


def _log(error: ResponseError) -> None:
    logger.debug("Redis does not let us name the connection: %s", str(error))
