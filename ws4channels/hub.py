"""The hub: one per process and event loop. Joins each key once, however many sockets want it, and fans out.

It keeps the transport's subscription in step with what its sockets want, hands each event to them, reads kept messages
for them, and has the one clock of all heartbeats.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import math
import weakref
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ws4channels import event_loops, settings
from ws4channels.batches import Batches
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.event_loops import PublishingLoop
from ws4channels.messages import Delivery, to_payload
from ws4channels.subscriber_map import Subscriber, SubscriberMap
from ws4channels.subscriptions import LayerSubscription
from ws4channels.transports import ChannelLayerTransport

logger = logging.getLogger(__name__)

# After so much the hub lets others run, and what it has put into outboxes be sent. Less than an outbox may hold, so
# that a burst does not fill the outboxes of clients that would read it.
_EVENTS_PER_TURN = 100
_DELIVERIES_PER_TURN = 5000
_BYTES_PER_TURN = 512 * 1024
_RETRY_DELAY = 1.0
_HEARTBEAT_SLICES = 8


class Membership:
    """Keeps a transport's subscription in step with a SubscriberMap: joins and leaves each key once, in order."""

    def __init__(self, wanted: SubscriberMap, subscription: LayerSubscription) -> None:
        self._wanted = wanted
        self._subscription = subscription
        self._joined: set[str] = set()
        self._batches = Batches(self._settle)

    async def settle(self, keys: tuple[str, ...]) -> None:
        """Join those of `keys` that are wanted and not joined; leave those that are joined and not wanted."""
        if any((key in self._wanted) != (key in self._joined) for key in keys):
            await self._batches.submit(keys)

    async def renew(self) -> None:
        """Join all keys again, for layers that forget members after a time."""
        if self._joined:
            await self._subscription.join(list(self._joined))

    async def _settle(self, batch: list[tuple[str, ...]]) -> list[None]:
        keys = dict.fromkeys(key for keys in batch for key in keys)
        missing = [key for key in keys if key in self._wanted and key not in self._joined]
        if missing:
            await self._subscription.join(missing)
            self._joined.update(missing)
        # Looked at anew: the last socket that wanted a key may have left while others were joined.
        for key in keys:
            if key in self._joined and key not in self._wanted:
                self._joined.discard(key)
                await self._subscription.leave(key)
        return [None] * len(batch)


class KeptMessages:
    """Reads kept messages, in one round trip for all sockets that wait for theirs."""

    def __init__(self, publishing: PublishingLoop, subscription: LayerSubscription) -> None:
        self._publishing = publishing
        self._subscription = subscription
        self._batches = Batches(self._read)

    async def read(self, keys: tuple[str, ...]) -> list[Delivery]:
        """Return the kept messages of `keys`, when all that was published before them has been delivered."""
        return await self._batches.submit(keys)

    async def catch_up(self) -> None:
        """Return when all that was published before this call has been delivered."""
        await self._subscription.catch_up()

    async def _read(self, batch: list[tuple[str, ...]]) -> list[list[Delivery]]:
        wanted = list(dict.fromkeys(key for keys in batch for key in keys))
        values: list[Any] = await self._publishing.client.mget(wanted)
        await self._subscription.catch_up()
        kept = {key: Delivery(to_payload(raw), key) for key, raw in zip(wanted, values, strict=True) if raw}
        return [[kept[key] for key in keys if key in kept] for keys in batch]


class HeartbeatClock:
    """Sends the heartbeat to all sockets, a slice of them at a time, so that no tick has to serve them all."""

    def __init__(self) -> None:
        self._slices: list[dict[Subscriber, Delivery]] = [{} for _ in range(_HEARTBEAT_SLICES)]
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    def add(self, subscriber: Subscriber, text: str) -> None:
        """Begin to send `text` to `subscriber` every ``WS4CHANNELS_HEARTBEAT_INTERVAL`` seconds."""
        min(self._slices, key=len)[subscriber] = Delivery(text)
        if self._timer is None:
            self._schedule()

    def remove(self, subscriber: Subscriber) -> None:
        """Stop that."""
        for each in self._slices:
            each.pop(subscriber, None)
        if not any(self._slices):
            self.stop()

    def stop(self) -> None:
        """Stop the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        delay = settings.WS4CHANNELS_HEARTBEAT_INTERVAL / _HEARTBEAT_SLICES
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._schedule()
        self._next = (self._next + 1) % _HEARTBEAT_SLICES
        beating = self._slices[self._next]
        for subscriber, heartbeat in beating.items():
            subscriber.put_own(heartbeat)
        _flush_each(beating)


class Hub:
    """Serves all sockets of one event loop. Starts with the first of them and ends with the loop."""

    def __init__(self, transport: ChannelLayerTransport) -> None:
        self._transport = transport
        self._starting = asyncio.Lock()
        self._wanted = SubscriberMap()
        self._listening = SubscriberMap()
        self._touched: dict[Subscriber, None] = {}
        self._heartbeats = HeartbeatClock()
        self._membership: Membership | None = None
        self._kept: KeptMessages | None = None
        self._receiver: asyncio.Task[None] | None = None
        # Threads that stay, for each has database connections of its own to open.
        self.threads = ThreadPoolExecutor(settings.WS4CHANNELS_HANDSHAKE_THREADS, "ws4channels-handshake")
        """Where the site's sync code runs. Starts a thread when it first needs one."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""
        return self._transport.server

    async def join(self, subscriber: Subscriber, keys: tuple[str, ...]) -> list[Delivery]:
        """Deliver to `subscriber` what is published to `keys` from now on, and return their kept messages.

        By the time this returns, everything published before the kept messages has been delivered. Undo it with
        `leave`, also after an error.
        """
        for key in keys:
            self._wanted.add(key, subscriber)
        membership, kept = await self._start()
        await membership.settle(keys)
        # Not before: until a key is joined there may come what is left of an earlier membership, out of date by now.
        for key in keys:
            self._listening.add(key, subscriber)
        return await kept.read(keys) if keys else []

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been delivered."""
        if self._kept is not None:
            await self._kept.catch_up()

    async def leave(self, subscriber: Subscriber, keys: tuple[str, ...]) -> None:
        """Deliver nothing more to `subscriber`. A transport that fails meanwhile is logged."""
        self._heartbeats.remove(subscriber)
        for key in keys:
            self._listening.remove(key, subscriber)
            self._wanted.remove(key, subscriber)
        if self._membership is None:
            return
        try:
            await self._membership.settle(keys)
        except (*UNREACHABLE, RedisError) as error:
            logger.warning("Could not leave keys that nobody wants any more at %s: %s", self.server, str(error))

    def add_heartbeat(self, subscriber: Subscriber, text: str) -> None:
        """Send `text` to `subscriber` at each of its beats, until it leaves."""
        self._heartbeats.add(subscriber, text)

    async def _start(self) -> tuple[Membership, KeptMessages]:
        async with self._starting:
            if self._membership is None or self._kept is None:
                subscription = await self._transport.subscribe()
                publishing = PublishingLoop(asyncio.get_running_loop())
                self._membership = Membership(self._wanted, subscription)
                self._kept = KeptMessages(publishing, subscription)
                # In a context of its own, not in that of the first socket, which it outlives.
                self._receiver = contextvars.Context().run(asyncio.create_task, self._run(subscription, publishing))
            return self._membership, self._kept

    async def _run(self, subscription: LayerSubscription, publishing: PublishingLoop) -> None:
        event_loops.attach(publishing)
        failed_at = -math.inf
        renewing = asyncio.create_task(self._renew(subscription.renewal_interval))
        try:
            while True:
                try:
                    await self._receive(subscription)
                except Exception:
                    # Once for each time that it is down, not once a second.
                    is_news = publishing.loop.time() - failed_at > 2 * _RETRY_DELAY
                    failed_at = publishing.loop.time()
                    level = logging.ERROR if is_news else logging.DEBUG
                    logger.log(
                        level,
                        "Receiving from %s failed; trying again in %s s.",
                        self.server,
                        _RETRY_DELAY,
                        exc_info=True,
                    )
                    await asyncio.sleep(_RETRY_DELAY)
        finally:
            # Cancelled: the event loop ends, and nothing may keep it alive.
            renewing.cancel()
            event_loops.detach(publishing)
            _hubs.pop(publishing.loop, None)
            self._heartbeats.stop()
            self.threads.shutdown(wait=False)
            await publishing.aclose()

    async def _renew(self, interval: float | None) -> None:
        while interval is not None:
            await asyncio.sleep(interval)
            try:
                assert self._membership is not None
                await self._membership.renew()
            except (*UNREACHABLE, RedisError) as error:
                logger.warning("Could not renew the membership in groups at %s: %s", self.server, str(error))

    async def _receive(self, subscription: LayerSubscription) -> None:
        events = deliveries = size = 0
        while True:
            delivery, wanting = self._deliver(await subscription.receive())
            events += 1
            deliveries += wanting
            size += delivery.size
            if events >= _EVENTS_PER_TURN or deliveries >= _DELIVERIES_PER_TURN or size >= _BYTES_PER_TURN:
                events = deliveries = size = 0
                await asyncio.sleep(0)

    def _deliver(self, event: dict[str, Any]) -> tuple[Delivery, int]:
        """Put one event into the outbox of each socket that wants it; return the delivery and how many do."""
        delivery = Delivery.from_event(event)
        wanting = self._listening.wanting(delivery.key)
        for subscriber in wanting:
            subscriber.put(delivery)
        if wanting and not self._touched:
            # Runs when there is no event left or this turn ends: then what has come for a socket goes out together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._touched.update(wanting)
        return delivery, len(wanting)

    def _flush(self) -> None:
        touched, self._touched = self._touched, {}
        _flush_each(touched)


def _flush_each(subscribers: Iterable[Subscriber]) -> None:
    """Have each send what it was given. One socket's trouble is not another's."""
    for subscriber in subscribers:
        try:
            subscriber.flush()
        except Exception:
            logger.exception("Could not send to a websocket.")


# A hub lives as long as its event loop; nothing here outlives that loop or crosses a fork, where loops are new.
_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[ChannelLayerTransport, Hub]] = (
    weakref.WeakKeyDictionary()
)


def get_hub(transport: ChannelLayerTransport) -> Hub:
    """Return the running event loop's hub for `transport`."""
    hubs = _hubs.setdefault(asyncio.get_running_loop(), {})
    if transport not in hubs:
        hubs[transport] = Hub(transport)
    return hubs[transport]
