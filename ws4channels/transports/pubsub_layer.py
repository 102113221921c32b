"""``channels_redis.pubsub``: publish and receive without its detours."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from channels_redis import pubsub

from ws4channels import connections
from ws4channels.audience import group_of
from ws4channels.connections.deadlines import within
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.connections.pipelines import execute
from ws4channels.connections.remembered import Remembered
from ws4channels.counters import counts
from ws4channels.transports.channel_layer import ChannelLayerTransport
from ws4channels.transports.contract import RARELY, Outgoing
from ws4channels.transports.layer_hosts import connection_of
from ws4channels.transports.layer_receiver import CALL_TIMEOUT, LayerReceiver, retry_if_stale
from ws4channels.transports.messages import NO_NUMBERS, Publication, build_event
from ws4channels.transports.numbers import database_of

_DATABASE_DIGITS = 5  # Of fixed width, because numbers are found by their distance from the end.


class FirstTraceback(logging.Filter):
    """While Redis is away the layer logs a traceback a second: pass the first, and everything else it logs."""

    def __init__(self) -> None:
        super().__init__()
        self._tracebacks = LogThrottle()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.getMessage() != "Unexpected exception in receive task" or self._tracebacks.is_first()


_first_traceback = FirstTraceback()


class PubSubLayerReceiver(LayerReceiver):
    """Receives through ``channels_redis.pubsub``, whose ``group_add`` returns before Redis has subscribed.

    The layer reconnects and subscribes again by itself, and tells nobody: what is published meanwhile is lost. So this
    class has the connections, one per host, call it when they connect again.
    """

    renewal_interval = None
    comparison_interval = RARELY

    @classmethod
    async def open(cls, layer: Any) -> LayerReceiver:
        # Adding the same filter again does nothing.
        logging.getLogger(pubsub.__name__).addFilter(_first_traceback)
        return await super().open(layer)

    async def restore(self, reconnect: bool = False) -> None:
        await super().restore(reconnect)
        for shard in self.layer._shards:
            # channels_redis 4 has no public way to revive a receive task that has died.
            receiving = shard._receive_task
            if receiving is not None and receiving.done():
                shard._receive_task = None
                shard._ensure_receiver()
        self._watch_connections()

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys` and wait until Redis has done it.

        The layer's subscriptions to a host travel over one connection, in order. So subscribe to one more group on each
        host after them and send probes to it until one arrives: then the others are subscribed as well.
        """
        await super().join(keys)
        self._watch_connections()
        await within(CALL_TIMEOUT, self._confirm_subscriptions())

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Close the layer's connections, and with them all subscriptions.

        On Python 3.10 redis-py may lose a cancellation, and the layer's receive task goes on; an event loop that waits
        for its tasks would not end. Closing cancels that task a second time.
        """
        await self._try_to(self.layer.flush())

    async def _close_connections(self) -> None:
        for shard in self.layer._shards:
            if shard._redis is not None:
                await shard._redis.connection_pool.disconnect(inuse_connections=True)

    def _new_groups(self, prefix: str) -> list[str]:
        groups = []
        missing = list(self.layer._shards)
        while missing:
            group = f"{prefix}{uuid.uuid4().hex}"
            shard = self.layer._get_shard(self.layer._get_group_channel_name(group))
            if shard in missing:
                missing.remove(shard)
                groups.append(group)
        return groups

    async def _confirm_subscriptions(self) -> None:
        groups = self._new_groups("ws4channels-joined.")
        try:
            for group in groups:
                await retry_if_stale(self.layer.group_add, group, self.channel_name)
            await self._send_probes(groups)
        finally:
            for group in groups:
                await self.layer.group_discard(group, self.channel_name)

    def _watch_connections(self) -> None:
        for shard in self.layer._shards:
            connection = shard._pubsub and shard._pubsub.connection
            if connection is not None:
                # redis-py keeps a weak reference to each callback, once, and calls it after each connect.
                connection.register_connect_callback(self._note_connect)

    async def _note_connect(self, connection: Any) -> None:
        counts["reconnects"] += 1
        self.on_loss("the channel layer connected to Redis again")


class PubSubLayerTransport(ChannelLayerTransport):
    """Publishes to ``channels_redis.pubsub``, where a ``group_send`` is one PUBLISH, by that command.

    If the layer's Redis is that of ``WS4REDIS_CONNECTION``, the PUBLISH commands are part of the script that keeps
    the message; otherwise they are a pipeline of their own. Neither needs an event loop in sync code.
    """

    receiver_class = PubSubLayerReceiver

    def __init__(self, layer: Any, host: dict[str, Any]) -> None:
        super().__init__(layer)
        self._channel_prefix = f"{layer._kwargs.get('prefix', 'asgi')}__group__"
        self._client = connections.build_sync_client(connection_of(host), "A host in CHANNEL_LAYERS")
        self._server = connections.server_of(self._client.connection_pool)
        self._server_of = Remembered(connections.server_of)
        self._numbers_at = find_numbers(layer.serialize)

    @property
    def server(self) -> str:
        return connections.describe_server(self._client.connection_pool)

    def publishes_at(self, pool: Any) -> bool:
        return pool is not None and self._numbers_at < 0 and self._server_of.get(pool) == self._server

    def outgoing(self, pool: Any, publication: Publication) -> Iterable[Outgoing]:
        start, end = self._numbers_at, self._numbers_at + len(NO_NUMBERS)
        placeholders = [f"{NO_NUMBERS}:{database_of(pool):0{_DATABASE_DIGITS}}"] * len(publication.keys)
        return [(channel, body[:start], body[end:]) for channel, body in self._bodies(publication, placeholders)]

    def _bodies(self, publication: Publication, numbers: Sequence[str]) -> list[tuple[str, bytes]]:
        prefix, serialize = self._channel_prefix, self._layer.serialize
        events = publication.events(numbers, self._carries_bytes)
        return [(prefix + group_of(key), serialize(event)) for key, event in events]

    def check_publish(self) -> None:
        """Raise nothing: no event loop is needed."""

    def publish(self, publication: Publication, numbers: Sequence[str]) -> None:
        """Publish in one pipeline to the layer's Redis."""
        publishes = [("PUBLISH", channel, body) for channel, body in self._bodies(publication, numbers)]
        execute(self._client, publishes, transaction=False)


def find_numbers(serialize: Callable[[dict[str, Any]], bytes]) -> int:
    """Return where a serializer puts the numbers of an event, counted from the end, below 0; 0 if that varies.

    Found by trying, because the layer may have any serializer: one that encrypts has no such place.
    """
    some, others = (f"{digit * len(NO_NUMBERS)}:{0:0{_DATABASE_DIGITS}}" for digit in "12")
    bodies = [serialize(build_event("key", "text", numbers)) for numbers in (some, others)]
    longer = serialize(build_event("another key", "text" * 100, some))
    start = bodies[0].rfind(some.encode()) - len(bodies[0])
    is_fixed = (
        bodies[0].count(some.encode()) == 1
        and bodies[1] == bodies[0].replace(some.encode(), others.encode())
        and longer[start:].startswith(some.encode())
    )
    return start if is_fixed else 0
