"""The hub: one per process and event loop. Joins each key once, however many websockets want it, and fans out."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import ResponseError

from ws4channels import settings
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.delivery.heartbeats import HeartbeatClock
from ws4channels.delivery.kept_messages import KeptMessages, LatestMessages
from ws4channels.delivery.membership import Membership
from ws4channels.delivery.open_sockets import OpenSockets
from ws4channels.delivery.subscriber_map import Subscriber, SubscriberMap, flush_each
from ws4channels.delivery.watch import Watch
from ws4channels.exceptions import RedisRefusal
from ws4channels.shown import error_on_one_line
from ws4channels.transports import publishing_loop
from ws4channels.transports.contract import Receiver, Transport, UnreadableEvent
from ws4channels.transports.messages import Delivery, ForeignEvent, Payload
from ws4channels.transports.publishing_loop import PublishingLoop

logger = logging.getLogger(__name__)

# After this much, the hub lets other tasks run and the outboxes send. Less than an outbox may hold, so that a burst
# does not fill the outboxes of clients that read.
_EVENTS_PER_TURN = 100
_DELIVERIES_PER_TURN = 5000
_BYTES_PER_TURN = 512 * 1024
_CANCEL_INTERVAL = 1.0
_RETRY_DELAY = 0.5
_ROUNDS = 3


class Hub:
    """Serves all websockets of one event loop. Starts with the first of them and ends with the loop."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._starting = asyncio.Lock()
        self._wanted = SubscriberMap()
        self._listening = SubscriberMap()
        self._latest = LatestMessages()
        self._touched: dict[Subscriber, None] = {}
        self._handlers: dict[str, Callable[[Payload], None]] = {}
        self._heartbeats = HeartbeatClock()
        self._foreign_events = LogThrottle()
        self.sockets = OpenSockets()
        self._membership: Membership | None = None
        self._kept: KeptMessages | None = None
        self._receiving: asyncio.Task[None] | None = None
        # Threads are kept: starting one per handshake would cost more.
        self.threads = ThreadPoolExecutor(settings.WS4CHANNELS_HANDSHAKE_THREADS, "ws4channels-handshake")
        """Where the site's sync code runs. Starts a thread when it first needs one."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""
        return self._transport.server

    @property
    def key_count(self) -> int:
        """How many keys websockets want."""
        return len(self._wanted)

    async def join(self, subscriber: Subscriber, keys: tuple[str, ...]) -> list[Delivery]:
        """Deliver to `subscriber` what is published to `keys` from now on, and return their kept messages.

        By the time this returns, everything published before the kept messages has been delivered. Undo it with
        `leave`, also after an error.
        """
        for key in keys:
            self._wanted.add(key, subscriber)
        with _as_known_failure(keys):
            membership, kept = await self._start()
            await membership.settle(keys)
        # Only after joining: late messages of a previous membership must not reach the new socket.
        for key in keys:
            self._listening.add(key, subscriber)
        with _as_known_failure(keys):
            found = await kept.read(keys) if keys else []
        counts["deliveries"] += len(found)
        counts["bytes_delivered"] += sum(each.size for each in found)
        self._latest.note_first(subscriber, found)
        return found

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been delivered."""
        if self._kept is not None:
            await self._kept.catch_up()

    async def handle(self, key: str, handler: Callable[[Payload], None]) -> None:
        """Call `handler` with the payload of each message that is published to `key`, until the hub ends.

        A second handler of the same key takes the place of the first.
        """
        self._handlers[key] = handler
        with _as_known_failure((key,)):
            membership, _ = await self._start()
            await membership.settle((key,))

    async def leave(self, subscriber: Subscriber, keys: tuple[str, ...]) -> None:
        """Deliver nothing more to `subscriber`. A transport that fails meanwhile is logged."""
        self._heartbeats.remove(subscriber)
        for key in keys:
            self._listening.remove(key, subscriber)
            self._wanted.remove(key, subscriber)
            self._latest.forget_subscriber(key, subscriber)
            if key not in self._wanted:
                self._latest.forget_key(key)
        if self._membership is None:
            return
        try:
            await self._membership.settle(keys)
        except (*UNREACHABLE, RedisError) as error:
            # The outage is logged once, by Watch; do not log it per websocket.
            logger.debug("Could not leave keys that nobody wants any more at %s: %s", self.server, str(error))

    def add_heartbeat(self, subscriber: Subscriber, text: str) -> None:
        """Send `text` to `subscriber` every ``WS4CHANNELS_HEARTBEAT_INTERVAL`` seconds, until it leaves."""
        self._heartbeats.add(subscriber, text)

    async def aclose(self) -> None:
        """End the hub before its event loop ends.

        More than one attempt, for on Python 3.10 a cancellation may be lost in channels_redis.core or redis-py.
        """
        while self._receiving is not None and not self._receiving.done():
            self._receiving.cancel()
            await asyncio.wait([self._receiving], timeout=_CANCEL_INTERVAL)

    async def _start(self) -> tuple[Membership, KeptMessages]:
        async with self._starting:
            if self._membership is None or self._kept is None:
                receiver = await self._transport.open_receiver()
                publishing = PublishingLoop(asyncio.get_running_loop())
                self._membership = Membership(self._is_wanted, receiver)
                self._kept = KeptMessages(publishing, receiver)
                # In a new context: that of the first socket would keep its request alive.
                self._receiving = contextvars.Context().run(asyncio.create_task, self._run(receiver, publishing))
            return self._membership, self._kept

    def _is_wanted(self, key: str) -> bool:
        return key in self._wanted or key in self._handlers

    async def _run(self, receiver: Receiver, publishing: PublishingLoop) -> None:
        publishing_loop.attach(publishing)
        watch = Watch(receiver, self.server, self._recover)
        watching = asyncio.create_task(watch.run())
        try:
            while True:
                try:
                    await self._receive(receiver)
                except Exception as error:
                    watch.report(f"receiving failed ({error_on_one_line(error)})", error)
                    await asyncio.sleep(_RETRY_DELAY)
        finally:
            # Cancelled: the event loop ends, and nothing may keep it alive.
            watching.cancel()
            publishing_loop.detach(publishing)
            _hubs.pop(publishing.loop, None)
            self._heartbeats.stop()
            self.threads.shutdown(wait=False)
            await publishing.aclose()
            # Websockets leave their keys themselves if there is time; handlers do not.
            await receiver.aclose((*self._wanted, *self._handlers))

    async def _recover(self) -> int:
        """Join all keys again and send kept messages that have changed; return how many."""
        assert self._membership is not None
        await self._membership.renew()
        keys = tuple(self._listening)
        sent = 0
        for _ in range(_ROUNDS):
            keys, count = await self._send_changed(keys)
            sent += count
        counts["resent"] += sent
        return sent

    async def _send_changed(self, keys: tuple[str, ...]) -> tuple[tuple[str, ...], int]:
        """Return the keys that have to be looked at again, and how many messages were sent.

        What has come while we read may be newer than what we read, or be a message that is not kept.
        """
        if not keys or self._kept is None:
            return (), 0
        self._latest.begin()
        changed = [kept for kept in await self._kept.read(keys) if self._latest.has_changed(kept)]
        overtaken = tuple(kept.key for kept in changed if self._latest.is_overtaken(kept))
        count = 0
        for kept in changed:
            if kept.key not in overtaken:
                informed = self._latest.has_already(kept)
                listening = self._listening.wanting(kept.key)
                self._hand_out(kept, {each: None for each in listening if each not in informed})
                self._latest.note(kept)
                count += 1
        return overtaken, count

    async def _receive(self, receiver: Receiver) -> None:
        events = deliveries = size = 0
        while True:
            try:
                delivery, wanting = self._deliver(await receiver.receive())
            except (UnreadableEvent, ForeignEvent) as error:
                self._ignore(error)
                continue
            events += 1
            deliveries += wanting
            size += delivery.size
            if events >= _EVENTS_PER_TURN or deliveries >= _DELIVERIES_PER_TURN or size >= _BYTES_PER_TURN:
                events = deliveries = size = 0
                await asyncio.sleep(0)

    def _ignore(self, error: Exception) -> None:
        """Log, once per series, that somebody else sent something to a group of ours."""
        if self._foreign_events.is_first():
            logger.warning(
                "Ignored what was sent to a group of ws4channels (%s). Publish with RedisPublisher; for events of your "
                "own, use a group of your own.",
                error,
            )

    def _deliver(self, event: dict[str, Any]) -> tuple[Delivery, int]:
        """Put one event into the outbox of each socket that wants it; return the delivery and how many do."""
        delivery = Delivery.from_event(event)
        wanting = self._listening.wanting(delivery.key)
        if wanting:
            self._hand_out(delivery, wanting)
            if delivery.is_kept is not False:
                self._latest.note(delivery)
        elif delivery.key in self._handlers:
            self._handlers[delivery.key](delivery.payload)
        return delivery, len(wanting)

    def _hand_out(self, delivery: Delivery, wanting: Mapping[Subscriber, None]) -> None:
        counts["deliveries"] += len(wanting)
        counts["bytes_delivered"] += len(wanting) * delivery.size
        for subscriber in wanting:
            subscriber.put(delivery)
        if not self._touched:
            # Runs when there is no event left or this turn ends, so that a socket's messages are sent together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._touched.update(wanting)

    def _flush(self) -> None:
        touched, self._touched = self._touched, {}
        flush_each(touched)


@contextmanager
def _as_known_failure(keys: Sequence[str]) -> Iterator[None]:
    """Raise RedisRefusal where Redis refuses, and redis-py's ConnectionError for an error of any other library."""
    try:
        yield
    except (*UNREACHABLE, RedisRefusal, ImproperlyConfigured):
        raise
    except ResponseError as error:
        raise RedisRefusal.of("to join", keys, error) from error
    except Exception as error:
        logger.exception("The channel layer failed.")
        raise RedisConnectionError(error_on_one_line(error)) from error


# A hub lives as long as its event loop; nothing here outlives that loop or crosses a fork, where loops are new.
_hubs: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Transport, Hub]] = weakref.WeakKeyDictionary()


def get_hub(transport: Transport) -> Hub:
    """Return the running event loop's hub for `transport`."""
    hubs = _hubs.setdefault(asyncio.get_running_loop(), {})
    if transport not in hubs:
        hubs[transport] = Hub(transport)
    return hubs[transport]


def count_joined_keys() -> int:
    """Return how many keys the hubs of this process have websockets for. May be called from any thread."""
    return sum(hub.key_count for hubs in list(_hubs.values()) for hub in list(hubs.values()))
