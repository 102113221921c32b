"""Receive through a Django Channels layer."""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from channels_redis.core import RedisChannelLayer
from channels_redis.pubsub import RedisPubSubChannelLayer

from ws4channels.audience import group_of
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.shown import error_on_one_line
from ws4channels.transports.contract import UnreadableEvent, ignore_loss

logger = logging.getLogger(__name__)

PROBE_TYPE = "ws4channels.probe"
HUB_GROUP_PREFIX = "ws4channels-hub."
"""Begins the name of the group through which each receiver sends itself probes."""

CALL_TIMEOUT = 5.0  # seconds for one call of the layer
_FIRST_PROBE_DELAY = 0.05  # seconds; doubled for each further probe
_CLOSE_TIMEOUT = 0.5
_ATTEMPTS = 3


async def retry_if_stale(function: Callable[..., Awaitable[Any]], *args: Any) -> None:
    """Retry an idempotent call of a layer, up to three times, if the pooled connection was stale."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            await within(CALL_TIMEOUT, function(*args))
        except (RedisConnectionError, ConnectionError):
            if not attempts_left:
                raise
        else:
            return


class LayerReceiver:
    """Receives through a channel of its own in a layer. Build it with `open`, on the event loop that uses it."""

    def __init__(self, layer: Any, channel_name: str) -> None:
        self.layer = layer
        self.channel_name = channel_name
        self.on_loss: Callable[[str], None] = ignore_loss
        self._probe_groups = self._new_groups(HUB_GROUP_PREFIX)
        self._arrivals: dict[int, asyncio.Future[None]] = {}
        self._probe_numbers = itertools.count()

    has_numbers = True

    @property
    def renewal_interval(self) -> float | None:
        """Half of the time after which the layer forgets the members of groups; None if it never does."""
        expiry = getattr(self.layer, "group_expiry", None)
        return expiry / 2 if expiry else None

    @property
    def comparison_interval(self) -> float:
        """Most layers drop what is over a capacity, and tell nobody."""
        return 30.0

    @classmethod
    async def open(cls, layer: Any) -> LayerReceiver:
        """Open a channel in `layer`."""
        receiver = cls(layer, await layer.new_channel())
        await receiver.restore()
        return receiver

    async def restore(self, reconnect: bool = False) -> None:
        if reconnect:
            await self._close_connections()
        for group in self._probe_groups:
            await retry_if_stale(self.layer.group_add, group, self.channel_name)

    async def join(self, keys: Iterable[str]) -> None:
        for key in keys:
            await retry_if_stale(self.layer.group_add, group_of(key), self.channel_name)

    async def leave(self, key: str) -> None:
        await retry_if_stale(self.layer.group_discard, group_of(key), self.channel_name)

    async def receive(self) -> dict[str, Any]:
        while True:
            event = await self._receive()
            if event.get("type") != PROBE_TYPE:
                return event
            arrival = self._arrivals.get(event.get("number", -1))
            if arrival is not None and not arrival.done():
                arrival.set_result(None)

    async def _receive(self) -> dict[str, Any]:
        try:
            event: dict[str, Any] = await self.layer.receive(self.channel_name)
        except (*UNREACHABLE, RedisError, RuntimeError):
            raise
        except Exception as error:
            # channels_redis decodes messages here; other layers may fail in any way.
            if isinstance(self.layer, (RedisChannelLayer, RedisPubSubChannelLayer)):
                raise UnreadableEvent(error_on_one_line(error)) from error
            raise
        return event

    async def confirm(self, timeout: float) -> None:
        # A layer keeps the order of what it carries to one channel, whichever group it comes by.
        await within(timeout, self._send_probes(self._probe_groups))

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        await self._try_to(self._discard([*self._probe_groups, *map(group_of, keys)]))

    def _new_groups(self, prefix: str) -> list[str]:
        """Return names of new groups: one for each connection that the layer receives by."""
        return [f"{prefix}{uuid.uuid4().hex}"]

    async def _send_probes(self, groups: Iterable[str]) -> None:
        for group in groups:
            await self._send_probe(group)

    async def _send_probe(self, group: str) -> None:
        """Send a probe through a group, again and again until it arrives.

        A layer drops what is over its capacity, and its ``group_add`` may return before Redis has subscribed.
        """
        number, delay = next(self._probe_numbers), _FIRST_PROBE_DELAY
        self._arrivals[number] = arrival = asyncio.get_running_loop().create_future()
        try:
            while not arrival.done():
                await retry_if_stale(self.layer.group_send, group, {"type": PROBE_TYPE, "number": number})
                await asyncio.wait([arrival], timeout=delay)
                delay *= 2
        finally:
            del self._arrivals[number]

    async def _close_connections(self) -> None:
        """Close the layer's connections on this event loop, where it has such; it opens new ones."""
        if isinstance(self.layer, RedisChannelLayer):
            for index in range(len(self.layer.hosts)):
                await self.layer.connection(index).connection_pool.disconnect(inuse_connections=True)

    async def _discard(self, groups: Iterable[str]) -> None:
        for group in groups:
            await self.layer.group_discard(group, self.channel_name)

    async def _try_to(self, ending: Awaitable[None]) -> None:
        try:
            await within(_CLOSE_TIMEOUT, ending)
        except (*UNREACHABLE, RedisError) as error:
            logger.debug("Could not leave the channel layer: %s", str(error))
