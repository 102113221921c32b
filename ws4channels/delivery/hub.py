"""The hub: one per process and event loop. Joins each key once, however many websockets want it, and fans out."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from redis.exceptions import ResponseError

from ws4channels import settings
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.delivery.companions import Companions
from ws4channels.delivery.garbage import collect_less_often
from ws4channels.delivery.heartbeats import HeartbeatClock
from ws4channels.delivery.open_sockets import OpenSockets
from ws4channels.delivery.serving import Serving
from ws4channels.delivery.site_threads import SiteThreads
from ws4channels.delivery.subscriber_map import Subscriber, SubscriberMap, flush_each
from ws4channels.delivery.welcome import Start, Welcome, make_welcome
from ws4channels.exceptions import RedisRefusal
from ws4channels.shown import error_on_one_line
from ws4channels.transports import publishing_loop
from ws4channels.transports.contract import Transport, UnreadableEvent
from ws4channels.transports.messages import Delivery, ForeignEvent, Payload
from ws4channels.transports.publishing_loop import PublishingLoop

logger = logging.getLogger(__name__)

# After this much, the hub lets other tasks run and the outboxes send. Less than an outbox may hold, so that a burst
# does not fill the outboxes of clients that read.
_EVENTS_PER_TURN = 100
_DELIVERIES_PER_TURN = 20_000
_BYTES_PER_TURN = 512 * 1024
_CANCEL_INTERVAL = 1.0
_RETRY_DELAY = 0.5
_AT_KEPT = Start()


class Hub:
    """Serves all websockets of one event loop. Starts with the first of them and ends with the loop."""

    def __init__(self, transport: Transport) -> None:
        collect_less_often()
        self._transport = transport
        self._starting = asyncio.Lock()
        self._wanted = SubscriberMap()
        self.subscribers = SubscriberMap()
        self._ahead: dict[str, dict[Subscriber, int]] = {}
        """Sockets that were sent messages when they connected which have not arrived here: up to which number."""
        self._touched: dict[Subscriber, None] = {}
        self._handlers: dict[str, Callable[[Payload], None]] = {}
        self._heartbeats = HeartbeatClock()
        self._foreign_events = LogThrottle()
        self.sockets = OpenSockets()
        self.companions = Companions()
        self._serving: Serving | None = None
        self._receiving: asyncio.Task[None] | None = None
        self.threads = SiteThreads(settings.WS4CHANNELS_HANDSHAKE_THREADS, "ws4channels-handshake")
        """Where the site's sync code runs. Threads are kept: starting one per handshake would cost more."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""
        return self._transport.server

    @property
    def key_count(self) -> int:
        """How many keys websockets want."""
        return len(self._wanted)

    async def join(self, subscriber: Subscriber, keys: tuple[str, ...], start: Start = _AT_KEPT) -> Welcome:
        """Deliver to `subscriber` what is published to `keys` from now on, and return what it is to be sent first.

        By the time this returns, everything published before that has been delivered. Undo it with `leave`, also after
        an error.
        """
        for key in keys:
            self._wanted.add(key, subscriber)
        with _as_known_failure(keys):
            serving = await self._start()
            await serving.membership.settle(keys)
        # Only after joining: late messages of a previous membership must not reach the new socket.
        for key in keys:
            self.subscribers.add(key, subscriber)
        with _as_known_failure(keys):
            states = await serving.read(keys, start)
        for key, state in states.items():
            serving.gaps.begin(key, state)
            if state.newest > serving.gaps.last[key]:
                self._ahead.setdefault(key, {})[subscriber] = state.newest
        welcome = make_welcome(states, start)
        counts["deliveries"] += len(welcome.deliveries)
        counts["bytes_delivered"] += sum(each.size for each in welcome.deliveries)
        return welcome

    async def catch_up(self) -> None:
        """Return when everything that was published before this call has been delivered."""
        if self._serving is not None:
            await self._serving.kept.catch_up()

    async def handle(self, key: str, handler: Callable[[Payload], None]) -> None:
        """Call `handler` with the payload of each message that is published to `key`, until the hub ends.

        A second handler of the same key takes the place of the first.
        """
        self._handlers[key] = handler
        with _as_known_failure((key,)):
            serving = await self._start()
            await serving.membership.settle((key,))

    async def leave(self, subscriber: Subscriber, keys: tuple[str, ...]) -> None:
        """Deliver nothing more to `subscriber`. A transport that fails meanwhile is logged."""
        self._heartbeats.remove(subscriber)
        for key in keys:
            self.subscribers.remove(key, subscriber)
            self._wanted.remove(key, subscriber)
            self._ahead.get(key, {}).pop(subscriber, None)
            # Not `_wanted`: what comes while a socket is still joining is taken by nobody.
            if key not in self.subscribers:
                self._ahead.pop(key, None)
                if self._serving is not None:
                    self._serving.gaps.forget(key)
        if self._serving is None:
            return
        try:
            await self._serving.membership.settle(keys)
        except (*UNREACHABLE, RedisError) as error:
            # The outage is logged once, by Watch; do not log it per websocket.
            logger.debug("Could not leave keys that nobody wants any more at %s: %s", self.server, str(error))

    def add_heartbeat(self, subscriber: Subscriber, text: str) -> None:
        """Send `text` to `subscriber` every ``WS4CHANNELS_HEARTBEAT_INTERVAL`` seconds, until it leaves."""
        self._heartbeats.add(subscriber, text)

    async def aclose(self) -> None:
        """End the hub before its event loop ends."""
        # More than one attempt: on Python 3.10 a cancellation may be lost in channels_redis.core or redis-py.
        while self._receiving is not None and not self._receiving.done():
            self._receiving.cancel()
            await asyncio.wait([self._receiving], timeout=_CANCEL_INTERVAL)

    async def _start(self) -> Serving:
        async with self._starting:
            if self._serving is None:
                receiver = await self._transport.open_receiver()
                publishing = PublishingLoop(asyncio.get_running_loop())
                self._serving = serving = Serving(receiver, publishing, self)
                # In a new context: that of the first socket would keep its request alive.
                self._receiving = contextvars.Context().run(asyncio.create_task, self._run(serving))
            return self._serving

    @property
    def listening(self) -> tuple[str, ...]:
        """The keys of which sockets are sent what comes."""
        return tuple(self.subscribers)

    def is_wanted(self, key: str) -> bool:
        """Tell whether a key is to be joined."""
        return key in self._wanted or key in self._handlers

    async def _run(self, serving: Serving) -> None:
        publishing, watch = serving.publishing, serving.watch
        publishing_loop.attach(publishing)
        self.companions.begin(watch.run)
        try:
            while True:
                try:
                    await self._receive(serving)
                except Exception as error:
                    watch.report(f"receiving failed ({error_on_one_line(error)})", error)
                    await asyncio.sleep(_RETRY_DELAY)
        finally:
            # Cancelled: the event loop ends, and nothing may keep it alive.
            self.companions.cancel()
            serving.gaps.stop()
            publishing_loop.detach(publishing)
            _hubs.pop(publishing.loop, None)
            self._heartbeats.stop()
            self.threads.shutdown(wait=False)
            await self.companions.end()
            await publishing.aclose()
            # Websockets leave their keys themselves if there is time; handlers do not.
            await serving.receiver.aclose((*self._wanted, *self._handlers))

    async def _receive(self, serving: Serving) -> None:
        events = deliveries = size = 0
        while True:
            try:
                delivery, wanting = self._deliver(serving, await serving.receiver.receive())
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

    def _deliver(self, serving: Serving, event: dict[str, Any]) -> tuple[Delivery, int]:
        """Put one event into the outbox of each socket that wants it; return the delivery and how many do."""
        delivery = Delivery.from_event(event, serving.database)
        wanting = self.subscribers.wanting(delivery.key)
        if wanting:
            for each in serving.gaps.take(delivery):
                self.hand_out(each)
        elif delivery.key in self._handlers:
            self._handlers[delivery.key](delivery.payload)
        return delivery, len(wanting)

    def hand_out(self, delivery: Delivery) -> None:
        """Put a message into the outbox of each socket that wants it and was not sent it yet."""
        wanting = self.subscribers.wanting(delivery.key)
        if delivery.key in self._ahead:
            wanting = self._without_ahead(delivery, wanting)
        if not delivery.payload:
            return  # past its deadline
        counts["deliveries"] += len(wanting)
        counts["bytes_delivered"] += len(wanting) * delivery.size
        for subscriber in wanting:
            subscriber.put(delivery)
        self._flush_soon(wanting)

    def _without_ahead(self, delivery: Delivery, wanting: Mapping[Subscriber, None]) -> Mapping[Subscriber, None]:
        """Return those of `wanting` that were not sent a message when they connected."""
        ahead = self._ahead[delivery.key]
        if not delivery.number:
            return wanting
        for subscriber, number in list(ahead.items()):
            if number < delivery.number:
                del ahead[subscriber]
        if not ahead:
            del self._ahead[delivery.key]
        return {each: None for each in wanting if each not in ahead}

    def tell_gap(self, key: str, number: int) -> None:
        """Tell sockets that messages of `key` after `number` are lost, unless they were sent later ones at connect."""
        ahead = self._ahead.get(key, {}) if number else {}
        wanting = {each: None for each in self.subscribers.wanting(key) if ahead.get(each, -1) < number}
        for subscriber in wanting:
            subscriber.put_gap(key, number)
        self._flush_soon(wanting)

    def _flush_soon(self, subscribers: Mapping[Subscriber, None]) -> None:
        if not self._touched:
            # Runs when there is no event left or this turn ends, so that a socket's messages are sent together.
            asyncio.get_running_loop().call_soon(self._flush)
        self._touched.update(subscribers)

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
