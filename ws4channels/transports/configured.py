"""The transports that the settings name."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ws4channels import settings
from ws4channels.connections.remembered import Remembered
from ws4channels.transports.contract import Transport
from ws4channels.transports.redis_transport import RedisTransport

_redis_transport = Remembered(RedisTransport)


def get_transport() -> Transport:
    """Return the transport by which hubs receive, that of ``WS4CHANNELS_TRANSPORT``.

    Raises ConfigurationError where that is a channel layer, and CHANNEL_LAYERS has no such entry.
    """
    return _get_transport(settings.WS4CHANNELS_TRANSPORT)


def get_publishing_transports() -> tuple[Transport, ...]:
    """Return the transports by which this process publishes, those of ``WS4CHANNELS_PUBLISH_TO``, each once."""
    names = settings.WS4CHANNELS_PUBLISH_TO or (settings.WS4CHANNELS_TRANSPORT,)
    return tuple(map(_get_transport, dict.fromkeys(names)))


def _get_transport(name: str) -> Transport:
    if name == settings.REDIS:
        return _redis_transport.get(settings.WS4REDIS_CONNECTION)
    transport: Transport = _layers().get_layer_transport(settings.WS4CHANNELS_CHANNEL_LAYER)
    return transport


@cache
def _layers() -> Any:
    """Import what knows channel layers; not before: a worker that publishes through Redis itself loads none."""
    return import_module("ws4channels.transports.configured_layer")
