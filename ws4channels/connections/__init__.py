"""The only place that builds Redis clients: sync and async, with explicit timeouts and pool sizes.

Building a client never connects. redis-py's pools notice a fork and start again in the child, so one sync client
serves a whole process and its forks; an async client belongs to one event loop, and its builder closes it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from ws4channels import settings
from ws4channels.connections import clusters, sentinels
from ws4channels.connections.client_name import with_optional_name
from ws4channels.connections.remembered import Remembered
from ws4channels.exceptions import ConfigurationError
from ws4channels.shown import without_secrets

CLIENT_NAME = "ws4channels"
SUBSCRIBER_SUFFIX = "-subscriber"
_SHARD_SUFFIX = "-shard"
UNREACHABLE = (
    *(RedisConnectionError, RedisTimeoutError, *clusters.CLUSTER_ERRORS),
    *(ConnectionError, asyncio.TimeoutError, TimeoutError),
)
"""What redis-py, the socket under it and our own time limits raise when Redis does not answer."""

# Explicit, because redis-py 8 changed its own defaults, and because "for ever" is no timeout for a web request.
_DEFAULTS: dict[str, Any] = {
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "health_check_interval": 30,
    "client_name": CLIENT_NAME,
    # With 3, redis-py 8 listens for maintenance notifications, and its async pool then hands out connections that the
    # server has closed.
    "protocol": 2,
}
_MAX_CONNECTIONS = 50
_POOL_TIMEOUT = 5
# RFC 3986, 3.2: the part with the login ends at the first "/", "?" or "#". An "@" after it belongs to a login, unless
# it is in the value of a parameter. The address of a unix socket is a path, which may hold an "@".
_UNQUOTED_LOGIN = re.compile(r"rediss?://[^/?#]*(/[^?#]*@|(/[^?#]*)?\?([^#]*&)?[^=&#]*@|[^#]*#.*@)", re.S)
_SERVER_ARGUMENTS = ("path", "host", "port", "username", "password")


def _arguments(connection: Mapping[str, Any]) -> dict[str, Any]:
    """Return `connection` with our defaults."""
    # Keys and kept messages are bytes to us, whatever else the site does with these arguments.
    ours = {name: value for name, value in connection.items() if name not in ("decode_responses", "connection_pool")}
    return {**_DEFAULTS, **ours}


def _pool_arguments(arguments: dict[str, Any]) -> tuple[str | None, dict[str, Any], str]:
    """Split arguments into a URL or None, the arguments of one connection, and its kind (tcp, tls or unix)."""
    url = arguments.pop("url", None)
    kind = "tls" if arguments.pop("ssl", False) else "tcp"
    unix_socket_path = arguments.pop("unix_socket_path", None)
    if url is not None:
        if kind == "tls":
            url = re.sub("^redis://", "rediss://", url)
        return url, arguments, kind
    if unix_socket_path is not None:
        for name in ("host", "port", "socket_connect_timeout"):
            arguments.pop(name, None)
        return None, {**arguments, "path": unix_socket_path}, "unix"
    return None, {"host": "localhost", **arguments, "port": int(arguments.get("port", 6379))}, kind


def _build_pool(module: Any, retry: Any, connection: Mapping[str, Any]) -> Any:
    is_async = module is redis.asyncio
    arguments = with_optional_name(_arguments(connection), is_async=is_async)
    # 0 and None, as empty environment variables give, mean the default: redis-py 5 would hang.
    size = {"max_connections": arguments.pop("max_connections", None) or _MAX_CONNECTIONS, "timeout": _POOL_TIMEOUT}
    # A retry would hide for seconds that Redis is gone, and might publish twice. Connections that died while
    # they lay in the pool are noticed and replaced by the pool itself.
    arguments.setdefault("retry", retry)
    if sentinels.is_sentinel(connection):
        pool = sentinels.build_pool({**size, **arguments}, is_async=is_async)
    else:
        pool = _build_plain_pool(module, {**size, **arguments})
    # Made to see whether its arguments fit; it does not connect.
    pool.connection_class(**pool.connection_kwargs)
    return pool


def _build_plain_pool(module: Any, arguments: dict[str, Any]) -> Any:
    url, arguments, kind = _pool_arguments(arguments)
    pool_class = module.BlockingConnectionPool
    if url is not None:
        return pool_class.from_url(url, **arguments)
    classes = {"tcp": module.Connection, "tls": module.SSLConnection, "unix": module.UnixDomainSocketConnection}
    return pool_class(connection_class=classes[kind], **arguments)


def _require_quoted_login(setting: str, connection: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for a URL that would be cut in the middle of its password, and for a URL as a host."""
    url = connection.get("url")
    if isinstance(url, str) and _UNQUOTED_LOGIN.match(url):
        raise ConfigurationError(
            f"{setting} has a URL whose user name or password holds a character that must be percent-encoded, such as "
            "'/', '?' or '#': quote both with urllib.parse.quote(password, safe='')."
        )
    nodes = [*connection.get("sentinels", ()), *connection.get("startup_nodes", ())]
    for host in (connection.get("host"), *(node[0] for node in nodes if isinstance(node, (list, tuple)) and node)):
        if isinstance(host, str) and re.search("[/@]", host):
            raise ConfigurationError(
                f"{setting} has the host {without_secrets(host)!r}; it must be a name or an address. A URL goes under "
                "'url' in WS4REDIS_CONNECTION, and under 'address' in a layer's hosts."
            )


@contextmanager
def _blaming(setting: str, connection: Mapping[str, Any]) -> Iterator[None]:
    _require_quoted_login(setting, connection)
    try:
        yield
    except (AttributeError, TypeError, ValueError, RedisError, *clusters.CLUSTER_ERRORS) as error:
        shown = without_secrets(connection)
        # What redis-py says of a URL may quote any part of it.
        reason = str(error) if shown == connection else type(error).__name__
        raise ConfigurationError(f"{setting} is {shown!r}, which redis-py refuses: {reason}.") from (
            error if shown == connection else None
        )


def build_sync_client(connection: Mapping[str, Any], setting: str = "WS4REDIS_CONNECTION") -> Any:
    """Return a client with pools of its own, a Redis or a LazyCluster; `setting` is named when it cannot work."""
    with _blaming(setting, connection):
        if clusters.is_cluster(connection):
            return clusters.build_sync_client(_arguments(connection))
        return redis.Redis(connection_pool=_build_pool(redis, Retry(NoBackoff(), 0), connection))


def build_async_client(connection: Mapping[str, Any] | None = None, setting: str = "WS4REDIS_CONNECTION") -> Any:
    """Return a client for the event loop that will use it first; close it with ``aclose()``."""
    if connection is None:
        connection = settings.WS4REDIS_CONNECTION
    with _blaming(setting, connection):
        if clusters.is_cluster(connection):
            return clusters.build_async_client(_arguments(connection))
        pool = _build_pool(redis.asyncio, AsyncRetry(NoBackoff(), 0), connection)
        return redis.asyncio.Redis.from_pool(pool)


class SubscriberConnector:
    """Opens connections with the arguments of a pool, outside of it."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @property
    def server(self) -> str:
        """Host and port, or the path of the socket, for log lines."""
        return describe_server(self._pool)

    async def connect(self) -> Any:
        """Return a new connection, connected. Has no time limit."""
        connection = self._pool.make_connection()
        try:
            await connection.connect()
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        finally:
            # Closes those to the sentinels; the new connection is not in the pool.
            await self._pool.disconnect()
        return connection


def build_connector(connection: Mapping[str, Any]) -> SubscriberConnector | clusters.ClusterConnector:
    """Return what opens a hub's receiving connection, named as the client with the suffix ``-subscriber``.

    Those to single nodes of a cluster have the suffix ``-shard``, so that each process has one of the others. Each
    waits for messages as long as it takes; who subscribes has time limits of his own, and sends the PINGs.
    """
    name = connection.get("client_name") or CLIENT_NAME
    own_name = f"{name}{SUBSCRIBER_SUFFIX}"
    own = {"client_name": own_name, "socket_timeout": None, "health_check_interval": 0, "protocol": 2}
    if clusters.is_cluster(connection):
        with _blaming("WS4REDIS_CONNECTION", connection):
            return clusters.ClusterConnector(_arguments(connection), own, f"{name}{_SHARD_SUFFIX}")
    return SubscriberConnector(build_async_client({**connection, **own}).connection_pool)


_sync_client = Remembered(build_sync_client)


def sync_client() -> Any:
    """Return the process's sync client of ``WS4REDIS_CONNECTION``, a Redis or a LazyCluster, safe in any thread."""
    return _sync_client.get(settings.WS4REDIS_CONNECTION)


def pool_of(client: Any) -> Any:
    """Return the pool of a client or pipeline; None if that is of a cluster, which has many."""
    return None if clusters.is_cluster_client(client) else client.connection_pool


def server_of(pool: Any) -> tuple[object, ...]:
    """Return what tells two pools' servers and logins apart, whatever database they select."""
    master = sentinels.name_of_master(pool)
    if master is not None:
        return (master, *map(server_of, (each.connection_pool for each in pool.sentinel_manager.sentinels)))
    arguments = pool.connection_kwargs
    if "path" not in arguments:
        arguments = {"host": "localhost", "port": 6379, **arguments}
    return tuple(arguments.get(name) for name in _SERVER_ARGUMENTS)


def describe_server(pool: Any) -> str:
    """Return host and port, the path of the socket, or what Sentinel calls it, for log lines."""
    master = sentinels.name_of_master(pool)
    if master is not None:
        return f"the Redis that Sentinel knows as {master}"
    arguments = pool.connection_kwargs
    return str(arguments.get("path") or f"{arguments.get('host', 'localhost')}:{arguments.get('port', 6379)}")


def describe_client(client: Any) -> str:
    """Return the server of one of our sync clients as `describe_server` does, or where its cluster is."""
    pool = pool_of(client)
    return str(client.server) if pool is None else describe_server(pool)


class _OneKindOfFailure:
    """Not ``contextlib.contextmanager``, which takes a microsecond each time: it is entered for each message."""

    def __enter__(self) -> None:
        """Do nothing."""

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if isinstance(error, (RedisTimeoutError, *clusters.CLUSTER_ERRORS)):
            raise RedisConnectionError(str(error)) from error


_one_kind_of_failure = _OneKindOfFailure()


def one_kind_of_failure() -> _OneKindOfFailure:
    """Raise redis-py's ConnectionError for its TimeoutError and a cluster's errors: sites catch ConnectionError."""
    return _one_kind_of_failure


__all__ = [
    "CLIENT_NAME",
    "UNREACHABLE",
    "RedisConnectionError",
    "RedisError",
    "SubscriberConnector",
    "build_async_client",
    "build_connector",
    "build_sync_client",
    "describe_client",
    "describe_server",
    "one_kind_of_failure",
    "pool_of",
    "server_of",
    "sync_client",
]
