"""The channel layers that the tests run on, and the redis transport; each twice, as two processes have it."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.conf import settings

from ws4channels.transports.configured import get_transport
from ws4channels.transports.configured_layer import build_layer_transport
from ws4channels.transports.contract import Transport
from ws4channels.transports.redis_transport import RedisTransport

PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
CORE = "channels_redis.core.RedisChannelLayer"
IN_MEMORY = "channels.layers.InMemoryChannelLayer"
REDIS = "the redis transport"

ALL = {"pubsub": PUBSUB, "core": CORE, "in-memory": IN_MEMORY, "redis": REDIS}
EXACT = (PUBSUB, REDIS)
"""Those which keep and publish in one transaction: nobody gets a message twice."""

CAPACITY = 10_000
"""What the layers other than pub/sub may hold for one hub; their default of 100 drops messages silently."""


def one_layer(backend: str, **config: Any) -> dict[str, Any]:
    """Return the value of CHANNEL_LAYERS with one entry."""
    if backend != IN_MEMORY:
        config.setdefault("hosts", [{"address": settings.REDIS_URL, "socket_timeout": None}])
    if backend != PUBSUB:
        config.setdefault("capacity", CAPACITY)
    return {"default": {"BACKEND": backend, "CONFIG": config}}


def two_layers(backend: str) -> dict[str, Any]:
    """Return the value of CHANNEL_LAYERS with two entries that lead to the same Redis."""
    return {**one_layer(backend), "other": one_layer(backend)["default"]}


def use(backend: str, settings: Any) -> None:
    """Have messages travel by one of `ALL`; `settings` is pytest-django's fixture. Redis itself needs no layer."""
    if backend == REDIS:
        settings.WS4CHANNELS_TRANSPORT = "redis"
        # Another object: so the transport is another for each test.
        settings.WS4REDIS_CONNECTION = dict(settings.WS4REDIS_CONNECTION)
        del settings.CHANNEL_LAYERS
    else:
        settings.CHANNEL_LAYERS = two_layers(backend)


def two_transports(backend: str) -> tuple[Transport, Transport]:
    """Return two transports that carry the same messages, as two processes have them. Call `use` before."""
    if backend == REDIS:
        return get_transport(), RedisTransport(settings.WS4REDIS_CONNECTION)
    here = get_transport()
    return here, here if backend == IN_MEMORY else build_layer_transport(get_channel_layer("other"))


class DistantLayer(InMemoryChannelLayer):
    """A layer that carries every message for a while before it arrives."""

    async def receive(self, channel: str) -> dict[str, Any]:
        event: dict[str, Any] = await super().receive(channel)
        await asyncio.sleep(0.05)
        return event
