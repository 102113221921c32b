"""The channel layers that the tests run on, each under two aliases, as two processes have two layer instances."""

from __future__ import annotations

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer
from django.conf import settings

PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
CORE = "channels_redis.core.RedisChannelLayer"
IN_MEMORY = "channels.layers.InMemoryChannelLayer"

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


class DistantLayer(InMemoryChannelLayer):
    """A layer that carries every message for a while before it arrives."""

    async def receive(self, channel: str) -> dict[str, Any]:
        event: dict[str, Any] = await super().receive(channel)
        await asyncio.sleep(0.05)
        return event
