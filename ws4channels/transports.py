"""How messages travel between processes: through a Django Channels layer, or through Redis itself.

A transport publishes, from sync and async code, and opens the subscriptions of hubs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from asgiref.sync import async_to_sync
from channels.exceptions import InvalidChannelLayerError
from channels.layers import InMemoryChannelLayer, get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import decode_hosts

from ws4channels import connections, event_loops, settings
from ws4channels.audience import group_of
from ws4channels.exceptions import ConfigurationError
from ws4channels.losses import NumberedSubscription, Numbers
from ws4channels.messages import Publication
from ws4channels.pipelines import execute
from ws4channels.redis_subscription import RedisSubscription
from ws4channels.subscriptions import LayerSubscription, PubSubLayerSubscription, Subscription


class Transport(Protocol):
    """What publishing and the hub need of a transport."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""

    async def subscribe(self) -> Subscription:
        """Open the subscription of a hub on the running loop."""

    def outgoing(self, pool: Any, publication: Publication) -> list[tuple[str, bytes]] | None:
        """Return channel and body of each PUBLISH that publishes `publication` at the Redis of `pool`, a key's each.

        `pool` is None for a cluster. Returns None where this transport does not publish through that Redis, or not by
        PUBLISH: then `publish` does it.
        """

    def publish(self, publication: Publication) -> None:
        """Publish from a thread that runs no event loop."""

    async def apublish(self, publication: Publication) -> None:
        """Publish from any event loop."""


class ChannelLayerTransport:
    """Publishes through any channel layer: one ``group_send`` a key, on the loop that publishes."""

    subscription_class: type[LayerSubscription] = NumberedSubscription

    def __init__(self, layer: Any) -> None:
        self._layer = layer
        self._numbers = Numbers()

    @property
    def server(self) -> str:
        """What the layer speaks to, for log lines."""
        hosts = getattr(self._layer, "hosts", None)
        if not hosts:
            return type(self._layer).__name__
        return ", ".join(_describe(host) for host in hosts)

    async def subscribe(self) -> LayerSubscription:
        """Open the subscription of a hub on the running loop."""
        return await self.subscription_class.open(self._layer)

    def outgoing(self, pool: Any, publication: Publication) -> list[tuple[str, bytes]] | None:
        """Return channel and body of each PUBLISH that publishes `publication` at the Redis of `pool`.

        None where this transport does not publish through that Redis, or not by PUBLISH: then `publish` does it.
        """
        return None

    def publish(self, publication: Publication) -> None:
        """Publish from a thread that runs no event loop."""
        event_loops.run_from_thread(lambda _: self._send(publication))

    async def apublish(self, publication: Publication) -> None:
        """Publish from any event loop."""
        await event_loops.run(lambda _: self._send(publication))

    async def _send(self, publication: Publication) -> None:
        is_numbered = issubclass(self.subscription_class, NumberedSubscription)
        for key, event in publication.events():
            await self._layer.group_send(group_of(key), self._numbers.number(key, event) if is_numbered else event)


class InMemoryTransport(ChannelLayerTransport):
    """Publishes to Channels' in-memory layer, whose queues belong to the loop of those who listen.

    That is the hub's loop. In a process without a hub it is the caller's, or, for sync code, the one that asgiref knows
    as the caller's caller: so a site's tests of its own consumers work.
    """

    def publish(self, publication: Publication) -> None:
        """Publish from a thread that runs no event loop."""
        if event_loops.is_attached():
            super().publish(publication)
        else:
            async_to_sync(self._send)(publication)

    async def apublish(self, publication: Publication) -> None:
        """Publish from any event loop."""
        if event_loops.is_attached():
            await super().apublish(publication)
        else:
            await self._send(publication)


class PubSubLayerTransport(ChannelLayerTransport):
    """Publishes to ``channels_redis.pubsub`` without its detours: there, a ``group_send`` is one PUBLISH.

    So the PUBLISH commands travel in the pipeline that keeps the message where the layer's Redis is
    ``WS4REDIS_CONNECTION``'s (one round trip, one transaction), and in one pipeline of their own elsewhere; sync code
    needs no event loop for it. A test compares what arrives with the layer's own ``group_send``.
    """

    subscription_class = PubSubLayerSubscription

    def __init__(self, layer: Any, host: dict[str, Any]) -> None:
        super().__init__(layer)
        self._channel_prefix = f"{layer._kwargs.get('prefix', 'asgi')}__group__"
        self._client = connections.build_sync_client(_connection_of(host), "A host in CHANNEL_LAYERS")
        self._server = connections.server_of(self._client.connection_pool)

    @property
    def server(self) -> str:
        """What the layer speaks to, for log lines."""
        return connections.describe_server(self._client.connection_pool)

    def outgoing(self, pool: Any, publication: Publication) -> list[tuple[str, bytes]] | None:
        """Return one PUBLISH a key, if `pool` leads to the layer's own Redis."""
        is_ours = pool is not None and connections.server_of(pool) == self._server
        return self._outgoing(publication) if is_ours else None

    def _outgoing(self, publication: Publication) -> list[tuple[str, bytes]]:
        prefix, serialize = self._channel_prefix, self._layer.serialize
        return [(prefix + group_of(key), serialize(event)) for key, event in publication.events()]

    def publish(self, publication: Publication) -> None:
        """Publish in one pipeline to the layer's Redis."""
        publishes = [("PUBLISH", channel, body) for channel, body in self._outgoing(publication)]
        execute(self._client, publishes, transaction=False)


class RedisTransport:
    """Publishes to Redis channels named as the keys, byte for byte, as the original does.

    The PUBLISH commands travel in the pipeline that keeps the message, to whatever Redis that goes.
    """

    subscription_class = RedisSubscription

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connector = connections.build_connector(connection)

    @property
    def server(self) -> str:
        """The Redis that carries the messages, for log lines."""
        return self._connector.server

    async def subscribe(self) -> RedisSubscription:
        """Open the subscription of a hub on the running loop."""
        return await self.subscription_class.open(self._connector.connect)

    def outgoing(self, pool: Any, publication: Publication) -> list[tuple[str, bytes]]:
        """Return one PUBLISH a key."""
        raw = publication.raw
        return [(key, raw) for key in publication.keys]

    def publish(self, publication: Publication) -> None:
        """Do nothing: all is published in the pipeline that keeps the message."""

    async def apublish(self, publication: Publication) -> None:
        """Do nothing, as `publish`."""


def _connection_of(host: dict[str, Any]) -> dict[str, Any]:
    """Return a ``hosts`` entry of channels_redis as a ``WS4REDIS_CONNECTION``."""
    connection = dict(host)
    address = connection.pop("address", None)
    path = connection.pop("path", None)
    if address is not None:
        connection["url"] = address
    if path is not None:
        connection["unix_socket_path"] = path
    return connection


def _describe(host: dict[str, Any]) -> str:
    if "sentinels" in host:
        return f"the Redis that Sentinel knows as {host.get('master_name')}"
    client = connections.build_sync_client(_connection_of(host), "A host in CHANNEL_LAYERS")
    return connections.describe_server(client.connection_pool)


def _single_plain_host(layer: Any) -> dict[str, Any] | None:
    """Return the one Redis of a pub/sub layer, or None where there are several, or a Sentinel."""
    if type(layer) is not RedisPubSubChannelLayer or layer._args:
        return None
    hosts = decode_hosts(layer._kwargs.get("hosts"))
    if len(hosts) != 1 or "sentinels" in hosts[0] or "connection_class" in hosts[0]:
        return None
    host: dict[str, Any] = hosts[0]
    return host


def _build_transport(layer: Any) -> ChannelLayerTransport:
    host = _single_plain_host(layer)
    if host is not None:
        return PubSubLayerTransport(layer, host)
    if isinstance(layer, InMemoryChannelLayer):
        return InMemoryTransport(layer)
    transport = ChannelLayerTransport(layer)
    if isinstance(layer, RedisPubSubChannelLayer):
        transport.subscription_class = PubSubLayerSubscription
    return transport


# Per entry of CHANNEL_LAYERS the layer last seen and its transport: Channels makes layers anew when settings change.
_transports: dict[str, tuple[Any, ChannelLayerTransport]] = {}


@contextmanager
def _blaming_channel_layers(alias: str) -> Iterator[None]:
    try:
        yield
    except (InvalidChannelLayerError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"CHANNEL_LAYERS[{alias!r}] cannot be used: {type(error).__name__}: {error}."
        ) from error


def _layer_transport(alias: str) -> ChannelLayerTransport:
    with _blaming_channel_layers(alias):
        layer = get_channel_layer(alias)
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
