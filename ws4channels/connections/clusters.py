"""Clients of Redis Cluster that behave as our others do: building them never connects, and ``mget`` takes any keys."""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
from redis.connection import SSLConnection, parse_url
from redis.exceptions import ClusterDownError, RedisClusterException, RedisError

CLUSTER_ERRORS = (ClusterDownError, RedisClusterException)
"""What redis-py raises where the cluster, or the part of it that holds a key, cannot be reached."""

_MAX_CONNECTIONS = 1000
_parse_url: Any = parse_url
_SINGLE_NODE = ("unix_socket_path", "sentinels", "master_name", "sentinel_kwargs", "retry")


class LazyCluster:
    """A sync client that is built when it is first used: redis-py's own connects when it is built."""

    def __init__(self, nodes: list[tuple[str, int]], arguments: Mapping[str, Any]) -> None:
        self._nodes = nodes
        self._arguments = dict(arguments)
        self._lock = threading.Lock()
        self._client: Any = None

    @property
    def server(self) -> str:
        """Where the cluster is, for log lines."""
        return describe_nodes(self._nodes)

    def mget(self, keys: Any, *args: Any) -> list[Any]:
        """Return the values of keys, whatever slots they are in."""
        values: list[Any] = self._cluster().mget_nonatomic(keys, *args)
        return values

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster(), name)

    def _cluster(self) -> Any:
        if self._client is None:
            with self._lock:
                if self._client is None:
                    node_class: Any = redis.cluster.ClusterNode
                    nodes = [node_class(host, port) for host, port in _shuffled(self._nodes)]
                    self._client = redis.RedisCluster(startup_nodes=nodes, **self._arguments)
        return self._client


class AsyncCluster(redis.asyncio.RedisCluster):
    """The async client, for one event loop."""

    async def mget(self, keys: Any, *args: Any) -> list[Any]:
        """Return the values of keys, whatever slots they are in."""
        return await self.mget_nonatomic(keys, *args)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close all connections."""
        await super().aclose()


def describe_nodes(nodes: list[tuple[str, int]]) -> str:
    """Return where a cluster is, for log lines."""
    return "the cluster at " + ", ".join(f"{host}:{port}" for host, port in nodes)


def is_cluster(connection: Mapping[str, Any]) -> bool:
    """Tell whether a ``WS4REDIS_CONNECTION`` is of a cluster."""
    return bool(connection.get("cluster") or connection.get("startup_nodes"))


def is_cluster_client(client: Any) -> bool:
    """Tell whether a client or pipeline speaks to a cluster: one of ours, or a site's own of redis-py."""
    client_class: Any = type(client)
    return _is_cluster_class(client_class)


# Asked for each message; redis-py's classes are protocols, of which Python takes long to tell.
@cache
def _is_cluster_class(client_class: type) -> bool:
    pipelines = (redis.cluster.ClusterPipeline, redis.asyncio.cluster.ClusterPipeline)
    return issubclass(client_class, (LazyCluster, redis.RedisCluster, redis.asyncio.RedisCluster, *pipelines))


def build_sync_client(arguments: Mapping[str, Any]) -> LazyCluster:
    """Return a client for ``startup_nodes``, or ``host`` and ``port``, or ``url``, and redis-py's other arguments.

    Raises what redis-py raises for arguments that cannot work.
    """
    # The async client takes the same arguments, and does not connect.
    build_async_client(arguments)
    return LazyCluster(*_take_apart(arguments))


def build_async_client(arguments: Mapping[str, Any]) -> AsyncCluster:
    """Return an async client for the event loop that will use it."""
    nodes, rest = _take_apart(arguments)
    startup_nodes = [redis.asyncio.cluster.ClusterNode(host, port, **rest) for host, port in _shuffled(nodes)]
    return AsyncCluster(startup_nodes=startup_nodes, **rest)


Node = tuple[str, int]
"""Host and port."""


class ClusterConnector:
    """Opens connections to nodes of a cluster, and knows which node owns which slots."""

    def __init__(self, arguments: Mapping[str, Any], own: Mapping[str, Any], shard_name: str) -> None:
        self._shard_name = shard_name
        nodes, _ = _take_apart(arguments)
        self._nodes = list(dict.fromkeys(nodes))
        """The nodes that the site names, and those that the last connected one knew."""
        self._named = list(self._nodes)
        self._owners: list[tuple[int, int, Node]] = []
        # It knows which of the arguments are for connections, and of which class these are.
        nodes_manager = build_async_client(arguments).nodes_manager
        self._remap = nodes_manager.remap_host_port
        (node, *_) = nodes_manager.startup_nodes.values()
        self._connection_class = node.connection_class
        self._arguments = {**node.connection_kwargs, **own}

    @property
    def server(self) -> str:
        """Where the cluster is, for log lines."""
        return describe_nodes(self._named)

    @property
    def owners(self) -> list[tuple[int, int, Node]]:
        """First slot, last slot and the node that owns them, in order, as the node that was last asked knew."""
        return self._owners

    async def connect(self) -> Any:
        """Return a new connection, connected, to a random node that answers: PUBLISH reaches all nodes.

        Has no time limit.
        """
        failures = []
        for node in _shuffled(self._nodes):
            try:
                return await self._open(node, self._arguments, is_asked=True)
            except RedisError as error:
                failures.append(error)
        raise failures[-1]

    async def connect_to(self, node: Node) -> Any:
        """Return a new connection, connected, to `node`, with a name of its own. Has no time limit."""
        return await self._open(node, {**self._arguments, "client_name": self._shard_name}, is_asked=False)

    async def _open(self, node: Node, arguments: Mapping[str, Any], is_asked: bool) -> Any:
        connection: Any = self._connection_class(**{**arguments, "host": node[0], "port": node[1]})
        try:
            await connection.connect()
            if is_asked:
                await self._learn_nodes(connection)
        except BaseException:
            await connection.disconnect(nowait=True)
            raise
        return connection

    async def learn(self) -> None:
        """Ask a node which nodes own which slots. Has no time limit; raises what redis-py does if none answers."""
        connection = await self.connect()
        await connection.disconnect(nowait=True)

    def owner_of(self, slot: int) -> Node | None:
        """Return the node that owns `slot`; None if none does."""
        return next((node for first, last, node in self._owners if first <= slot <= last), None)

    async def _learn_nodes(self, connection: Any) -> None:
        """Ask for all nodes, so that one of them is found when those that the site names are down."""
        await connection.send_command("CLUSTER", "SLOTS")
        # https://redis.io/docs/latest/commands/cluster-slots/: an empty host stands for the one that was asked.
        found: list[Node] = []
        owners = []
        for first, last, *nodes in await connection.read_response():
            some = [self._remap((host or b"").decode() or connection.host, port) for host, port, *_ in nodes]
            owners.append((first, last, some[0]))
            found += some
        self._owners = sorted(owners)
        self._nodes = list(dict.fromkeys([*self._named, *found]))


def _take_apart(arguments: Mapping[str, Any]) -> tuple[list[tuple[str, int]], dict[str, Any]]:
    """Return the nodes to begin with, and the arguments of all connections."""
    rest = {name: value for name, value in arguments.items() if name not in _SINGLE_NODE}
    rest.pop("cluster", None)
    url = rest.pop("url", None)
    if url is not None:
        rest |= _parse_url(url)
        if rest.pop("connection_class", None) is SSLConnection:
            rest["ssl"] = True
    if "path" in rest or arguments.get("unix_socket_path"):
        raise ValueError("a cluster is not reached by a unix socket")
    host, port = rest.pop("host", "localhost"), int(rest.pop("port", 6379))
    nodes = [(str(name), int(number)) for name, number in rest.pop("startup_nodes", None) or [(host, port)]]
    rest["max_connections"] = rest.get("max_connections") or _MAX_CONNECTIONS
    # Keys on other nodes stay usable while one part of the cluster is down.
    rest.setdefault("require_full_coverage", False)
    if rest.get("db") in (0, "0", None):
        rest.pop("db", None)
    return nodes, rest


def _shuffled(nodes: list[Any]) -> list[Any]:
    return random.sample(nodes, len(nodes))
