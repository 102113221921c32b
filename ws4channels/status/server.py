"""What the Redis server says about itself, and which of its settings can lose messages."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ws4channels.connections import RedisError, describe_client
from ws4channels.connections.clusters import is_cluster_client

PINGS = 10
_CONFIGURATION = ("timeout", "maxmemory", "maxmemory-policy", "client-output-buffer-limit")
_MEBIBYTE = 1024 * 1024
_BUFFER = 8 * _MEBIBYTE  # Redis' own default for what a subscriber may leave unread for a minute
_IDLE = 60
_NEARLY = 0.9


@dataclass(frozen=True)
class Latency:
    """How long something took: ``median`` and ``least`` in milliseconds, of so many ``times``."""

    median: float
    least: float
    times: int

    @classmethod
    def of(cls, seconds: list[float]) -> Latency:
        """Return the latency of measurements in seconds."""
        return cls(round(1000 * statistics.median(seconds), 3), round(1000 * min(seconds), 3), len(seconds))


@dataclass(frozen=True)
class Server:
    """The Redis of ``WS4REDIS_CONNECTION``, or the primaries of a cluster taken together."""

    address: str
    version: str
    uptime: int
    """Seconds; of a cluster, that of its youngest primary."""
    clients: int
    latency: Latency
    """Of a cluster, that of its slowest primary."""
    warnings: list[str] = field(default_factory=list)


def ask_server(client: Any) -> Server:
    """Ask the server behind a sync client, or all primaries of a cluster. Raises what redis-py raises."""
    if not is_cluster_client(client):
        return _ask_node(client)
    nodes = [_ask_node(node.redis_connection) for node in client.get_primaries()]
    return Server(
        address=describe_client(client),
        version=", ".join(sorted({node.version for node in nodes})),
        uptime=min(node.uptime for node in nodes),
        clients=sum(node.clients for node in nodes),
        latency=max((node.latency for node in nodes), key=lambda latency: latency.median),
        warnings=[f"Node {node.address}: {warning}" for node in nodes for warning in node.warnings],
    )


def _ask_node(client: Any) -> Server:
    times = [_time_ping(client) for _ in range(PINGS)]
    info = client.info()
    return Server(
        address=describe_client(client),
        version=str(info.get("redis_version", "unknown")),
        uptime=int(info.get("uptime_in_seconds", 0)),
        clients=int(info.get("connected_clients", 0)),
        latency=Latency.of(times),
        warnings=list(find_warnings(info, _read_configuration(client))),
    )


def _time_ping(client: Any) -> float:
    began = time.perf_counter()
    client.ping()
    return time.perf_counter() - began


def _read_configuration(client: Any) -> dict[str, str]:
    """Return the configuration that matters, as far as the server tells it: hosted ones often do not."""
    configuration: dict[str, str] = {}
    for name in _CONFIGURATION:
        try:
            configuration.update(client.config_get(name))
        except RedisError:
            return configuration
    return configuration


def find_warnings(info: Mapping[str, Any], configuration: Mapping[str, str]) -> Iterator[str]:
    """Yield a warning for each setting that can lose messages, given the answers to INFO and CONFIG GET."""
    if info.get("role", "master") != "master":
        yield "It is a replica: messages cannot be kept there. WS4REDIS_CONNECTION must lead to the primary."
    yield from _memory_warnings(info, configuration)
    idle = int(configuration.get("timeout", 0))
    if 0 < idle < _IDLE:
        yield f"It closes connections that are idle for {idle} s (timeout): publishing reconnects after each pause."
    yield from _buffer_warnings(configuration.get("client-output-buffer-limit", ""))
    most = int(info.get("maxclients", 0))
    if most and int(info.get("connected_clients", 0)) > _NEARLY * most:
        yield f"{info['connected_clients']} of {most} connections are in use (maxclients): soon it refuses others."


def _memory_warnings(info: Mapping[str, Any], configuration: Mapping[str, str]) -> Iterator[str]:
    most = int(configuration.get("maxmemory") or info.get("maxmemory", 0))
    policy = str(configuration.get("maxmemory-policy") or info.get("maxmemory_policy", "noeviction"))
    if not most:
        return
    if policy != "noeviction":
        # channels_redis.core keeps the members of groups in keys.
        yield (
            f"When its {most // _MEBIBYTE} MiB are full it removes keys (maxmemory-policy {policy}): kept messages and "
            "histories go early, so that clients cannot resume, and with channels_redis.core the members of groups: "
            "their websockets receive nothing."
        )
    elif int(info.get("used_memory", 0)) > _NEARLY * most:
        yield f"Its {most // _MEBIBYTE} MiB are nearly full (maxmemory): then keeping and publishing messages fails."


def _buffer_warnings(limits: str) -> Iterator[str]:
    words = limits.split()
    if "pubsub" not in words:
        return
    hard, soft = (int(word) for word in words[words.index("pubsub") + 1 :][:2])
    least = min((limit for limit in (hard, soft) if limit), default=_BUFFER)
    if least < _BUFFER:
        yield (
            f"It disconnects a subscriber that leaves {least} bytes unread (client-output-buffer-limit pubsub): a "
            f"server process that is busy for a moment loses messages. Its default is {_BUFFER}."
        )
