"""The ``hosts`` of a channels_redis layer as connections of ours."""

from __future__ import annotations

from typing import Any

from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts

from ws4channels import connections


def connection_of(host: dict[str, Any]) -> dict[str, Any]:
    """Return a ``hosts`` entry of channels_redis as a ``WS4REDIS_CONNECTION``."""
    connection = dict(host)
    address = connection.pop("address", None)
    path = connection.pop("path", None)
    if address is not None:
        connection["url"] = address
    if path is not None:
        connection["unix_socket_path"] = path
    return connection


def describe(host: dict[str, Any]) -> str:
    if "sentinels" in host:
        return f"the Redis that Sentinel knows as {host.get('master_name')}"
    client = connections.build_sync_client(connection_of(host), "A host in CHANNEL_LAYERS")
    return connections.describe_server(client.connection_pool)


def single_plain_host(layer: Any) -> dict[str, Any] | None:
    """Return the one Redis of a pub/sub layer, or None where there are several, or a Sentinel."""
    if type(layer) is not RedisPubSubChannelLayer or layer._args:
        return None
    hosts = decode_hosts(layer._kwargs.get("hosts"))
    if len(hosts) != 1 or "sentinels" in hosts[0] or "connection_class" in hosts[0]:
        return None
    host: dict[str, Any] = hosts[0]
    return host
