"""The transports that the settings name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from channels.layers import InMemoryChannelLayer, channel_layers
from channels_redis.pubsub import RedisPubSubChannelLayer

from ws4channels import settings
from ws4channels.exceptions import ConfigurationError, Ws4ChannelsError
from ws4channels.shown import error_on_one_line
from ws4channels.transports.channel_layer import ChannelLayerTransport, InMemoryTransport
from ws4channels.transports.contract import Transport
from ws4channels.transports.layer_hosts import single_plain_host
from ws4channels.transports.pubsub_layer import PubSubLayerReceiver, PubSubLayerTransport
from ws4channels.transports.redis_pubsub import RedisTransport


def _build_transport(layer: Any) -> ChannelLayerTransport:
    host = single_plain_host(layer)
    if host is not None:
        return PubSubLayerTransport(layer, host)
    if isinstance(layer, InMemoryChannelLayer):
        return InMemoryTransport(layer)
    transport = ChannelLayerTransport(layer)
    if isinstance(layer, RedisPubSubChannelLayer):
        transport.receiver_class = PubSubLayerReceiver
    return transport


# Per entry of CHANNEL_LAYERS the layer last seen and its transport: Channels makes layers anew when settings change.
_transports: dict[str, tuple[Any, ChannelLayerTransport]] = {}


@contextmanager
def _blaming_channel_layers(alias: str) -> Iterator[None]:
    """Raise ConfigurationError for whatever a layer raises, which may be somebody's own, while it is built."""
    try:
        yield
    except Ws4ChannelsError:
        raise
    except Exception as error:
        raise ConfigurationError(f"CHANNEL_LAYERS[{alias!r}] cannot be used: {error_on_one_line(error)}.") from error


def _layer_transport(alias: str) -> ChannelLayerTransport:
    with _blaming_channel_layers(alias):
        # Not get_channel_layer(), which returns None for a KeyError that a layer raises.
        layer = channel_layers[alias] if alias in channel_layers.backends or alias in channel_layers else None
    if layer is None:
        raise ConfigurationError(
            f"CHANNEL_LAYERS has no entry {alias!r}, which is to carry the messages. Add one, such as {{{alias!r}: "
            "{'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer', 'CONFIG': {'hosts': ['redis://localhost']}}}."
        )
    known_layer, transport = _transports.get(alias, (None, None))
    if transport is None or known_layer is not layer:
        with _blaming_channel_layers(alias):
            transport = _build_transport(layer)
        _transports[alias] = layer, transport
    return transport


class _SharedRedisTransport:
    """The transport of ``WS4REDIS_CONNECTION``, made again when that setting has become another object."""

    def __init__(self) -> None:
        self._known: tuple[Mapping[str, Any], RedisTransport] | None = None

    def get(self) -> RedisTransport:
        connection = settings.WS4REDIS_CONNECTION
        known = self._known
        if known is None or known[0] is not connection:
            self._known = known = connection, RedisTransport(connection)
        return known[1]


_shared_redis_transport = _SharedRedisTransport()


def get_transport(alias: str | None = None) -> Transport:
    """Return the transport by which hubs receive: ``WS4CHANNELS_TRANSPORT``'s, or that of a channel layer's `alias`.

    Raises ConfigurationError where that is a channel layer, and CHANNEL_LAYERS has no such entry.
    """
    return _named(settings.WS4CHANNELS_TRANSPORT) if alias is None else _layer_transport(alias)


def get_publishing_transports() -> tuple[Transport, ...]:
    """Return the transports by which this process publishes: ``WS4CHANNELS_PUBLISH_TO``'s, each once."""
    names = settings.WS4CHANNELS_PUBLISH_TO or (settings.WS4CHANNELS_TRANSPORT,)
    return tuple(map(_named, dict.fromkeys(names)))


def _named(name: str) -> Transport:
    if name == settings.REDIS:
        return _shared_redis_transport.get()
    return _layer_transport(settings.WS4CHANNELS_CHANNEL_LAYER)
