"""The channel layers that the tests run on, each under two aliases, as two processes have two layer instances."""

from __future__ import annotations

from typing import Any

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
