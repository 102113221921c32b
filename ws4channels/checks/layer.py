"""What is wrong with the channel layer that carries the messages, beyond that it cannot be built at all."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer, RedisPubSubLoopLayer
from channels_redis.utils import create_pool
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.core.exceptions import ImproperlyConfigured

from ws4channels import settings
from ws4channels.connections import describe_server
from ws4channels.transports.channel_layer import ChannelLayerTransport
from ws4channels.transports.configured import get_transport

ENOUGH_CAPACITY = 1000
"""Messages that a layer should hold for one process: as many as an outbox holds for one client."""

# As `new_channel` of channels_redis.core makes them; patterns in a site's "channel_capacity" may match it.
_CHANNEL_OF_A_PROCESS = "specific.ws4channels!hub"


def used_layer() -> tuple[str, Any] | None:
    """Return the layer that carries the messages, with its alias; None where none does or it cannot be built."""
    try:
        transport = get_transport()
        alias: str = settings.WS4CHANNELS_CHANNEL_LAYER
    except ImproperlyConfigured:
        return None  # check_settings() reports it.
    return (alias, get_channel_layer(alias)) if isinstance(transport, ChannelLayerTransport) else None


def check_layer(**kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the layer; nothing where it cannot be built or is not used. Connects to nothing."""
    used = used_layer()
    if used is None:
        return []
    alias, layer = used
    return [
        *_check_in_memory(alias, layer),
        *_check_arguments(alias, layer),
        *_check_capacity(alias, layer),
        *_check_timeouts(alias, layer),
    ]


def _check_in_memory(alias: str, layer: Any) -> Iterator[CheckMessage]:
    if isinstance(layer, InMemoryChannelLayer) and not django_settings.DEBUG:
        yield Warning(
            f"CHANNEL_LAYERS[{alias!r}] is the in-memory layer, which carries messages within one process only.",
            hint="Use 'channels_redis.pubsub.RedisPubSubChannelLayer': what other processes publish (workers, "
            "commands, a second server) is lost otherwise.",
            id="ws4channels.W003",
        )


def _check_arguments(alias: str, layer: Any) -> Iterator[CheckMessage]:
    """The pub/sub layer ignores arguments that it does not know, and takes localhost where it is given no hosts."""
    if type(layer) is not RedisPubSubChannelLayer:
        return
    classes: tuple[Any, ...] = (RedisPubSubChannelLayer, RedisPubSubLoopLayer, RedisChannelLayer)
    # Those of the other layer of channels_redis do no harm: sites change from one to the other.
    known = {name for each in classes for name in inspect.signature(each).parameters}
    for name in sorted(set(layer._kwargs) - known):
        nearest = get_close_matches(name, ["hosts"], n=1, cutoff=0.5) or get_close_matches(name, known, n=1)
        yield Warning(
            f"CHANNEL_LAYERS[{alias!r}] has {name!r} in its CONFIG, which the layer ignores.",
            hint=f"Did you mean {nearest[0]!r}?" if nearest else "Remove it; where Redis is goes into 'hosts', a list.",
            id="ws4channels.W014",
        )


def _check_capacity(alias: str, layer: Any) -> Iterator[CheckMessage]:
    if not isinstance(layer, RedisChannelLayer):
        return
    # Two bounds, of the list in Redis and of the queue in the process; "channel_capacity" is for the first only.
    capacity = min(layer.capacity, layer.get_capacity(_CHANNEL_OF_A_PROCESS))
    if capacity < ENOUGH_CAPACITY:
        yield Warning(
            f"CHANNEL_LAYERS[{alias!r}] holds {capacity} messages for each process, and drops what comes above that "
            "without a sign.",
            hint="All websockets of a process share that. Write 'capacity': 10000 into the layer's CONFIG, or use "
            "'channels_redis.pubsub.RedisPubSubChannelLayer', which has no such bound.",
            id="ws4channels.W004",
        )


def _check_timeouts(alias: str, layer: Any) -> Iterator[CheckMessage]:
    # The pub/sub layer polls its socket, so no timeout strikes it while it waits for messages.
    for host in layer.hosts if isinstance(layer, RedisChannelLayer) else ():
        pool = create_pool(host)
        # Made to see which timeout it has, given or by default; it does not connect.
        timeout = pool.make_connection().socket_timeout
        if timeout is not None and timeout <= layer.brpop_timeout:
            yield _short_timeout(alias, layer, host.get("master_name") or describe_server(pool), timeout)


def _short_timeout(alias: str, layer: Any, server: str, timeout: float) -> CheckMessage:
    return Warning(
        f"CHANNEL_LAYERS[{alias!r}] waits {layer.brpop_timeout} s at a time for messages, but its connection to "
        f"{server} gives up after {timeout:g} s (socket_timeout): receiving fails whenever nothing is published for "
        "that long.",
        hint="Write the host as {'address': 'redis://…', 'socket_timeout': None}. Since its version 8, redis-py has a "
        "timeout of 5 s unless told otherwise.",
        id="ws4channels.W005",
    )
