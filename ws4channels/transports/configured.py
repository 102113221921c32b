"""The transports that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from channels.layers import InMemoryChannelLayer, channel_layers
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from ws4channels import settings
from ws4channels.connections.remembered import Remembered
from ws4channels.exceptions import ConfigurationError, Ws4ChannelsError
from ws4channels.shown import error_on_one_line
from ws4channels.transports.channel_layer import ChannelLayerTransport, InMemoryTransport
from ws4channels.transports.contract import Transport
from ws4channels.transports.core_layer import CoreLayerTransport
from ws4channels.transports.layer_hosts import single_plain_host
from ws4channels.transports.pubsub_layer import PubSubLayerReceiver, PubSubLayerTransport
from ws4channels.transports.redis_pubsub import RedisTransport


def build_layer_transport(layer: Any) -> ChannelLayerTransport:
    """Return the transport through a channel layer."""
    host = single_plain_host(layer)
    if host is not None:
        return PubSubLayerTransport(layer, host)
    if isinstance(layer, InMemoryChannelLayer):
        return InMemoryTransport(layer)
    if isinstance(layer, RedisChannelLayer):
        return CoreLayerTransport(layer)
    transport = ChannelLayerTransport(layer)
    if isinstance(layer, RedisPubSubChannelLayer):
        transport.receiver_class = PubSubLayerReceiver
    return transport


# Channels builds its layers again when settings change.
_layer_transport = Remembered(build_layer_transport)
_redis_transport = Remembered(RedisTransport)


@contextmanager
def _blaming_channel_layers(alias: str) -> Iterator[None]:
    """Raise ConfigurationError for any error of a layer that is being built."""
    try:
        yield
    except Ws4ChannelsError:
        raise
    except Exception as error:
        raise ConfigurationError(f"CHANNEL_LAYERS[{alias!r}] cannot be used: {error_on_one_line(error)}.") from error


def _get_layer_transport(alias: str) -> ChannelLayerTransport:
    with _blaming_channel_layers(alias):
        # Not get_channel_layer(), which returns None for a KeyError that a layer raises.
        layer = channel_layers[alias] if alias in channel_layers.backends or alias in channel_layers else None
    if layer is None:
        raise ConfigurationError(
            f"CHANNEL_LAYERS has no entry {alias!r}, which is to carry the messages. Add one, such as {{{alias!r}: "
            "{'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': ['redis://localhost']}}}."
        )
    with _blaming_channel_layers(alias):
        return _layer_transport.get(layer)


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
    return _get_layer_transport(settings.WS4CHANNELS_CHANNEL_LAYER)
