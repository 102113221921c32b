"""What one hub receives through a channel layer.

A subscription belongs to one event loop: it joins and leaves keys, and receives events in the order in which they were
published per key.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from channels.exceptions import ChannelFull
from channels_redis.core import RedisChannelLayer

from ws4channels import layer_logs
from ws4channels.audience import group_of
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.counters import counts
from ws4channels.deadlines import within

logger = logging.getLogger(__name__)

PROBE_TYPE = "ws4channels.probe"
HUB_GROUP_PREFIX = "ws4channels-hub."
"""Begins the name of the group that each subscription has for its own probes."""

_PROBE_TIMEOUT = 5.0
_PROBE_INTERVAL = 0.05
_CLOSE_TIMEOUT = 0.5
_ATTEMPTS = 3


async def _persistently(function: Callable[..., Awaitable[Any]], *args: Any) -> None:
    """Await something that may be done twice, and do so if its connection had died while it lay in the layer's pool."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            await within(_PROBE_TIMEOUT, function(*args))
        except (RedisConnectionError, ConnectionError):
            if not attempts_left:
                raise
        else:
            return


class Subscription(Protocol):
    """What a hub needs of a subscription."""

    @property
    def generation(self) -> int:
        """How often the connection has been another one than before, so that messages may have been lost."""

    @property
    def renewal_interval(self) -> float | None:
        """Seconds after which `join` has to be repeated; None if never."""

    async def restore(self) -> None:
        """Do what may be needed, after an outage, for `probe` to succeed and `join` to work."""

    async def probe(self, timeout: float) -> None:
        """Return when something has come back the way that messages come; raise if it takes `timeout` seconds."""

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received."""

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""

    async def hang_up(self) -> None:
        """Close the connections that nothing has come by for long, so that others are made: the network lost them."""

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key, as ``messages.build_event`` makes them."""

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been received."""

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Leave nothing behind, when nobody receives any more; `keys` are still joined.

        Raises nothing if the other side does not answer.
        """


class LayerSubscription:
    """What one hub receives from a channel layer. `open` it on the loop that uses it."""

    generation = 0
    """How often the connection has been another one than before, so that messages may have been lost."""

    def __init__(self, layer: Any, channel_name: str) -> None:
        self.layer = layer
        self.channel_name = channel_name
        self._own_group = f"{HUB_GROUP_PREFIX}{uuid.uuid4().hex}"
        self._probes: dict[int, asyncio.Future[None]] = {}
        self._numbers = itertools.count()

    @property
    def renewal_interval(self) -> float | None:
        """Seconds after which `join` has to be repeated, before the layer forgets a member; None if it never does."""
        expiry = getattr(self.layer, "group_expiry", None)
        return expiry / 2 if expiry else None

    @classmethod
    async def open(cls, layer: Any) -> LayerSubscription:
        """Open a channel of our own in `layer`."""
        subscription = cls(layer, await layer.new_channel())
        await subscription.restore()
        return subscription

    async def restore(self) -> None:
        """Do what may be needed, after an outage, for `probe` to succeed and `join` to work."""
        await _persistently(self.layer.group_add, self._own_group, self.channel_name)

    async def hang_up(self) -> None:
        """Close the layer's connections on this loop, where it has such; it makes new ones."""
        if isinstance(self.layer, RedisChannelLayer):
            for index in range(len(self.layer.hosts)):
                await self.layer.connection(index).connection_pool.disconnect(inuse_connections=True)

    async def probe(self, timeout: float) -> None:
        """Return when something that we sent ourselves has come back, by a group as messages do.

        Raises asyncio.TimeoutError after `timeout` seconds, or what the layer raises.
        """
        with self._probe() as (event, arrival):
            await within(timeout, _persistently(self.layer.group_send, self._own_group, event))
            await within(timeout, arrival)

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received."""
        for key in keys:
            await _persistently(self.layer.group_add, group_of(key), self.channel_name)

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""
        await _persistently(self.layer.group_discard, group_of(key), self.channel_name)

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key."""
        while True:
            event: dict[str, Any] = await self.layer.receive(self.channel_name)
            if event["type"] != PROBE_TYPE:
                return event
            arrival = self._probes.get(event["number"])
            if arrival is not None and not arrival.done():
                arrival.set_result(None)

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been received.

        Sends a numbered probe to our own channel and waits for it: a layer keeps the order of what it carries to
        one channel. Raises asyncio.TimeoutError if it does not come back.
        """
        with self._probe() as (event, arrival):
            await within(_PROBE_TIMEOUT, self._send_when_possible(event))
            await within(_PROBE_TIMEOUT, arrival)

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Leave our own group and those of `keys`."""
        await self._end(self._discard([self._own_group, *map(group_of, keys)]))

    async def _discard(self, groups: Iterable[str]) -> None:
        for group in groups:
            await self.layer.group_discard(group, self.channel_name)

    async def _end(self, ending: Awaitable[None]) -> None:
        try:
            await within(_CLOSE_TIMEOUT, ending)
        except (*UNREACHABLE, RedisError) as error:
            logger.debug("Could not leave the channel layer in order: %s", str(error))

    async def _send_when_possible(self, event: dict[str, Any]) -> None:
        """Send to our own channel, as soon as its layer's capacity allows."""
        while True:
            try:
                await _persistently(self.layer.send, self.channel_name, event)
            except ChannelFull:
                await asyncio.sleep(_PROBE_INTERVAL)
            else:
                return

    @contextmanager
    def _probe(self) -> Iterator[tuple[dict[str, Any], asyncio.Future[None]]]:
        number = next(self._numbers)
        self._probes[number] = arrival = asyncio.get_running_loop().create_future()
        try:
            yield {"type": PROBE_TYPE, "number": number}, arrival
        finally:
            self._probes.pop(number, None)


class PubSubLayerSubscription(LayerSubscription):
    """On ``channels_redis.pubsub``, whose ``group_add`` returns before Redis has seen the subscription.

    The layer connects and subscribes again by itself when its connection breaks, and says so to nobody: what is
    published meanwhile is lost. So we listen to its connections, one for each of its hosts.
    """

    renewal_interval = None

    @classmethod
    async def open(cls, layer: Any) -> LayerSubscription:
        """Open a channel of our own in `layer`."""
        layer_logs.log_outages_once()
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
        await within(_PROBE_TIMEOUT, self._confirm_all())

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been received, from each host."""
        if len(self._shards()) == 1:
            await super().catch_up()
        else:
            await within(_PROBE_TIMEOUT, self._confirm_all())

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
            await _persistently(self.layer.group_add, marker, self.channel_name)
            try:
                await self._probe_until_heard(marker)
            finally:
                await self.layer.group_discard(marker, self.channel_name)

    async def _probe_until_heard(self, group: str) -> None:
        with self._probe() as (event, arrival):
            while not arrival.done():
                await _persistently(self.layer.group_send, group, event)
                await asyncio.wait([arrival], timeout=_PROBE_INTERVAL)

    def _listen_to_connections(self) -> None:
        for shard in self._shards():
            connection = shard._pubsub and shard._pubsub.connection
            if connection is not None:
                # Takes each callback once, keeps a weak reference, and calls it whenever it connects anew.
                connection.register_connect_callback(self._note_connect)

    async def _note_connect(self, connection: Any) -> None:
        self.generation += 1
        counts["reconnects"] += 1
