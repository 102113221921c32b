"""``channels_redis.pubsub``: publish and receive without its detours."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from channels_redis import pubsub

from ws4channels import connections
from ws4channels.audience import group_of
from ws4channels.connections.deadlines import within
from ws4channels.connections.pipelines import execute
from ws4channels.counters import counts
from ws4channels.transports.channel_layer import ChannelLayerTransport
from ws4channels.transports.layer_hosts import connection_of
from ws4channels.transports.layer_receiver import PROBE_INTERVAL, PROBE_TIMEOUT, LayerReceiver, persistently
from ws4channels.transports.messages import Publication


class OncePerOutage(logging.Filter):
    """Lets the first of the layer's tracebacks pass, and whatever else it logs."""

    QUIET = 10.0
    """Seconds without a traceback, after which the next one is a new outage's first."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -self.QUIET

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be logged."""
        if record.getMessage() != "Unexpected exception in receive task":
            return True
        before, self._last = self._last, time.monotonic()
        return self._last - before >= self.QUIET


_once = OncePerOutage()


def log_outages_once() -> None:
    """Have the layer log each outage once in this process. May be called again."""
    logging.getLogger(pubsub.__name__).addFilter(_once)


class PubSubLayerReceiver(LayerReceiver):
    """On ``channels_redis.pubsub``, whose ``group_add`` returns before Redis has seen the receiver.

    The layer connects and subscribes again by itself when its connection breaks, and says so to nobody: what is
    published meanwhile is lost. So we listen to its connections, one for each of its hosts.
    """

    renewal_interval = None

    @classmethod
    async def open(cls, layer: Any) -> LayerReceiver:
        """Open a channel of our own in `layer`."""
        log_outages_once()
        return await super().open(layer)

    async def restore(self) -> None:
        """Have the layer receive, also if what receives has died, and be told of its new connections."""
        await super().restore()
        for shard in self._shards():
            receiving = shard._receive_task
            if receiving is not None and receiving.done():
                shard._receive_task = None
                shard._ensure_receiver()
        self._listen_to_connections()

    async def hang_up(self) -> None:
        """Close the layer's connections on this loop; it makes new ones."""
        for shard in self._shards():
            if shard._redis is not None:
                await shard._redis.connection_pool.disconnect(inuse_connections=True)

    async def probe(self, timeout: float) -> None:
        """Return when something that we sent ourselves has come back from each host."""
        if len(self._shards()) == 1:
            await super().probe(timeout)
        else:
            await within(timeout, self._confirm_all())

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys` and wait until Redis has done it.

        The layer's subscriptions to a host travel over one connection, in order. So we subscribe to one more, private,
        group of each host after them and send probes to that until one arrives: then the others stand as well.
        """
        await super().join(keys)
        self._listen_to_connections()
        await within(PROBE_TIMEOUT, self._confirm_all())

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been received, from each host."""
        if len(self._shards()) == 1:
            await super().catch_up()
        else:
            await within(PROBE_TIMEOUT, self._confirm_all())

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Close the layer's connections, and with them all subscriptions.

        Not only for tidiness: on Python 3.10 a cancellation may be lost in redis-py's time limits, and the layer's own
        task go on receiving; an event loop that waits for all its tasks to end would wait for ever. This is a second
        cancellation.
        """
        await self._end(self.layer.flush())

    def _shards(self) -> list[Any]:
        """Return what the layer has for each of its hosts."""
        return list(self.layer._shards)

    def _markers(self) -> Iterator[str]:
        """Yield the names of new groups, one on each host."""
        missing = self._shards()
        while missing:
            marker = f"ws4channels-joined.{uuid.uuid4().hex}"
            shard = self.layer._get_shard(self.layer._get_group_channel_name(marker))
            if shard in missing:
                missing.remove(shard)
                yield marker

    async def _confirm_all(self) -> None:
        for marker in self._markers():
            await persistently(self.layer.group_add, marker, self.channel_name)
            try:
                await self._probe_until_heard(marker)
            finally:
                await self.layer.group_discard(marker, self.channel_name)

    async def _probe_until_heard(self, group: str) -> None:
        with self._probe() as (event, arrival):
            while not arrival.done():
                await persistently(self.layer.group_send, group, event)
                await asyncio.wait([arrival], timeout=PROBE_INTERVAL)

    def _listen_to_connections(self) -> None:
        for shard in self._shards():
            connection = shard._pubsub and shard._pubsub.connection
            if connection is not None:
                # Takes each callback once, keeps a weak reference, and calls it whenever it connects anew.
                connection.register_connect_callback(self._note_connect)

    async def _note_connect(self, connection: Any) -> None:
        self.generation += 1
        counts["reconnects"] += 1


class PubSubLayerTransport(ChannelLayerTransport):
    """Publishes to ``channels_redis.pubsub`` without its detours: there, a ``group_send`` is one PUBLISH.

    So the PUBLISH commands travel in the pipeline that keeps the message where the layer's Redis is
    ``WS4REDIS_CONNECTION``'s (one round trip, one transaction), and in one pipeline of their own elsewhere; sync code
    needs no event loop for it. A test compares what arrives with the layer's own ``group_send``.
    """

    receiver_class = PubSubLayerReceiver

    def __init__(self, layer: Any, host: dict[str, Any]) -> None:
        super().__init__(layer)
        self._channel_prefix = f"{layer._kwargs.get('prefix', 'asgi')}__group__"
        self._client = connections.build_sync_client(connection_of(host), "A host in CHANNEL_LAYERS")
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
