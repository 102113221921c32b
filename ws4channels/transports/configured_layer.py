"""The transport of the channel layer that the settings name; loads that layer's own code."""

from __future__ import annotations

from typing import Any

from channels.layers import InMemoryChannelLayer, channel_layers
from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from ws4channels.connections.remembered import Remembered
from ws4channels.exceptions import ConfigurationError, Ws4ChannelsError
from ws4channels.shown import error_on_one_line
from ws4channels.transports.channel_layer import ChannelLayerTransport, InMemoryTransport
from ws4channels.transports.core_layer import CoreLayerTransport
from ws4channels.transports.layer_hosts import single_plain_host
from ws4channels.transports.pubsub_layer import PubSubLayerReceiver, PubSubLayerTransport


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


def get_layer_transport(alias: str) -> ChannelLayerTransport:
    """Return the transport through ``CHANNEL_LAYERS[alias]``; raise ConfigurationError where it cannot be used."""
    try:
        # Not get_channel_layer(), which returns None for a KeyError that a layer raises.
        if alias in channel_layers.backends or alias in channel_layers:
            return _layer_transport.get(channel_layers[alias])
    except Ws4ChannelsError:
        raise
    except Exception as error:
        raise ConfigurationError(f"CHANNEL_LAYERS[{alias!r}] cannot be used: {error_on_one_line(error)}.") from error
    raise ConfigurationError(
        f"CHANNEL_LAYERS has no entry {alias!r}, which is to carry the messages. Add one, such as {{{alias!r}: "
        "{'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': ['redis://localhost']}}}."
    )
