"""Pools whose connections lead to the Redis that Sentinel names as the master, also after a failover."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

# Sentinels answer at once or not at all, and the next one may know.
_SENTINEL_DEFAULTS: dict[str, Any] = {"socket_timeout": 1, "socket_connect_timeout": 1, "protocol": 2}
_NOT_OF_A_MASTER = ("host", "port", "path", "unix_socket_path", "url", "cluster", "startup_nodes")


class _Pool(redis.sentinel.SentinelConnectionPool, redis.BlockingConnectionPool):
    """A pool that waits for a free connection, as our other pools do."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close connections. A blocking pool cannot tell those in use from the others; they lead to the old master."""
        redis.BlockingConnectionPool.disconnect(self)


class _AsyncPool(redis.asyncio.sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool):
    """The async pool. Closing it closes the connections to the sentinels as well."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close connections, with `inuse_connections` all of them."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def is_sentinel(connection: Mapping[str, Any]) -> bool:
    """Tell whether a ``WS4REDIS_CONNECTION`` names sentinels."""
    return bool(connection.get("sentinels"))


def build_pool(arguments: Mapping[str, Any], *, is_async: bool) -> Any:
    """Return a pool for ``sentinels``, ``master_name``, ``sentinel_kwargs`` and the arguments of connections.

    Raises ValueError or TypeError for what cannot work. Does not connect.
    """
    rest = {name: value for name, value in arguments.items() if name not in _NOT_OF_A_MASTER}
    sentinels = [(host, int(port)) for host, port in rest.pop("sentinels")]
    master_name = rest.pop("master_name", None)
    if not master_name:
        raise ValueError("'sentinels' needs a 'master_name' beside it, such as 'mymaster'")
    of_sentinels = {**_SENTINEL_DEFAULTS, **(rest.pop("sentinel_kwargs", None) or {})}
    # redis-py has no types for these.
    module: Any = redis.asyncio.sentinel if is_async else redis.sentinel
    pool_class: Any = _AsyncPool if is_async else _Pool
    of_sentinels.setdefault("retry", AsyncRetry(NoBackoff(), 0) if is_async else Retry(NoBackoff(), 0))
    return pool_class(master_name, module.Sentinel(sentinels, sentinel_kwargs=of_sentinels), **rest)


def name_of_master(pool: Any) -> str | None:
    """Return the name by which Sentinel knows what a pool leads to; None if it is no pool of ours."""
    return str(pool.service_name) if isinstance(pool, (_Pool, _AsyncPool)) else None
