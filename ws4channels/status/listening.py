"""Which processes listen to which keys, as far as Redis and the layers know, and how long a message takes.

Redis and the layers know processes and not websockets: a process joins a key once for all of its websockets. With the
transport ``redis`` the joined keys are the names of channels. With a channel layer they are groups, whose names are
digests of keys: the processes of a known key are found, the key of a group is not.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from channels.layers import get_channel_layer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from ws4channels import connections, settings
from ws4channels.audience import GROUP_PREFIX, close_commands_key, group_of
from ws4channels.connections.clusters import is_cluster_client
from ws4channels.status.kept import escape_glob, is_key, patterns
from ws4channels.status.server import Latency
from ws4channels.transports.contract import Receiver, Transport
from ws4channels.transports.layer_receiver import HUB_GROUP_PREFIX
from ws4channels.transports.redis_transport import RedisTransport

_PROBES = 5
_PROBE_TIMEOUT = 5.0
_BATCH = 500


@dataclass(frozen=True)
class Listening:
    """Which keys are joined. What is None cannot be known with this layer."""

    processes: int | None = None
    """Server processes that have, or had, websockets."""
    keys: dict[str, int] = field(default_factory=dict)
    """Joined keys, each with the number of processes that have joined it."""
    unnamed: int | None = None
    """Joined keys besides these, whose names are unknown."""
    is_known: bool = True
    """Whether the layer tells anything."""


async def measure_round_trip(transport: Transport) -> Latency:
    """Return how long a message takes from this process to itself through the transport."""
    receiver = await transport.open_receiver()
    receiving = asyncio.create_task(_receive(receiver))
    probing = asyncio.create_task(_time_probes(receiver))
    try:
        await asyncio.wait([receiving, probing], return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            receiving.result()
        return Latency.of(await probing)
    finally:
        receiving.cancel()
        probing.cancel()
        await asyncio.wait([receiving, probing])
        await receiver.aclose()


async def _receive(receiver: Receiver) -> None:
    """Receive for ever: the receiver notes probes that come back."""
    while True:
        await receiver.receive()


async def _time_probes(receiver: Receiver) -> list[float]:
    times = []
    for _ in range(_PROBES):
        began = time.perf_counter()
        await receiver.confirm(_PROBE_TIMEOUT)
        times.append(time.perf_counter() - began)
    return times


async def find_listening(transport: Transport, keys: list[str], limit: int) -> Listening:
    """Return who listens to `keys`, and to up to `limit` others where their names are known."""
    if isinstance(transport, RedisTransport):
        return await _in_redis(keys, limit)
    layer = get_channel_layer(settings.WS4CHANNELS_CHANNEL_LAYER)
    if isinstance(layer, RedisPubSubChannelLayer):
        return await _in_pubsub_layer(layer, keys)
    if isinstance(layer, RedisChannelLayer):
        return await _in_core_layer(layer, keys)
    return Listening(is_known=False)


async def _in_redis(keys: list[str], limit: int) -> Listening:
    prefix = settings.WS4REDIS_PREFIX
    client = connections.build_async_client()
    try:
        everywhere = _everywhere(client)
        found = [await client.pubsub_channels(pattern, **everywhere) for pattern in patterns(prefix)]
        joined = {name for names in found for name in _texts(names)}
        asked = [key for key in dict.fromkeys(keys) if key in joined]
        others = sorted(name for name in joined.difference(asked) if is_key(name, prefix))
        # What is asked for comes before what is found.
        named = [*asked, *others]
        counts = await _count_subscribers(client, named[:limit])
        connected = await _pubsub_connections(client)
    finally:
        await client.aclose(close_connection_pool=True)
    processes = sum(each.get("name", "").endswith(connections.SUBSCRIBER_SUFFIX) for each in connected)
    return Listening(processes, counts, len(named[limit:]))


def _everywhere(client: Any) -> dict[str, str]:
    """Return the argument that has a cluster ask all of its nodes."""
    return {"target_nodes": "all"} if is_cluster_client(client) else {}


async def _pubsub_connections(client: Any) -> list[dict[str, str]]:
    connected = await client.client_list(_type="pubsub", **_everywhere(client))
    return [each for part in connected.values() for each in part] if isinstance(connected, dict) else list(connected)


async def _in_pubsub_layer(layer: Any, keys: list[str]) -> Listening:
    channel_of = layer._get_group_channel_name
    joined: set[str] = set()
    counts: dict[str, int] = {}
    hubs = 0
    by_channel = {channel_of(group_of(key)): key for key in keys}
    # Every process listens to close commands, even without websockets.
    close_commands = channel_of(group_of(close_commands_key(settings.WS4REDIS_PREFIX)))
    for shard in layer._shards:
        async with shard._lock:
            shard._ensure_redis()
        client = shard._redis
        here = set(_texts(await client.pubsub_channels(escape_glob(channel_of(GROUP_PREFIX)) + "*"))) - {close_commands}
        joined |= here
        # Each hub has a group of its own on each host.
        hubs = max(hubs, len(await client.pubsub_channels(escape_glob(channel_of(HUB_GROUP_PREFIX)) + "*")))
        found = await _count_subscribers(client, [channel for channel in by_channel if channel in here])
        counts.update({by_channel[channel]: count for channel, count in found.items()})
    return Listening(hubs, counts, len(joined) - len(counts))


async def _in_core_layer(layer: Any, keys: list[str]) -> Listening:
    """Members count for as long as the layer remembers them, those of processes that were killed as well."""
    close_commands = close_commands_key(settings.WS4REDIS_PREFIX)
    counts = {key: await _count_members(layer, group_of(key)) for key in (close_commands, *keys)}
    processes = counts.pop(close_commands)
    return Listening(processes, {key: count for key, count in counts.items() if count}, None)


async def _count_members(layer: Any, group: str) -> int:
    client = layer.connection(layer.consistent_hash(group))
    oldest = time.time() - layer.group_expiry
    return int(await client.zcount(layer._group_key(group), oldest, "+inf"))


async def _count_subscribers(client: Any, channels: list[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for start in range(0, len(channels), _BATCH):
        answer = await client.pubsub_numsub(*channels[start : start + _BATCH], **_everywhere(client))
        counts.update({_text(name): count for name, count in answer if count})
    return counts


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else name


def _texts(names: list[bytes | str]) -> list[str]:
    return [_text(name) for name in names]
