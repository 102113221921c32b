"""What one hub receives through a channel layer.

A receiver belongs to one event loop: it joins and leaves keys, and receives events in the order in which they were
published per key.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from channels.exceptions import ChannelFull
from channels_redis.core import RedisChannelLayer

from ws4channels.audience import group_of
from ws4channels.connections import UNREACHABLE, RedisConnectionError, RedisError
from ws4channels.connections.deadlines import within

logger = logging.getLogger(__name__)

PROBE_TYPE = "ws4channels.probe"
HUB_GROUP_PREFIX = "ws4channels-hub."
"""Begins the name of the group that each receiver has for its own probes."""

PROBE_TIMEOUT = 5.0
PROBE_INTERVAL = 0.05
_CLOSE_TIMEOUT = 0.5
_ATTEMPTS = 3


async def persistently(function: Callable[..., Awaitable[Any]], *args: Any) -> None:
    """Await something that may be done twice, and do so if its connection had died while it lay in the layer's pool."""
    for attempts_left in reversed(range(_ATTEMPTS)):
        try:
            await within(PROBE_TIMEOUT, function(*args))
        except (RedisConnectionError, ConnectionError):
            if not attempts_left:
                raise
        else:
            return


class LayerReceiver:
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
    async def open(cls, layer: Any) -> LayerReceiver:
        """Open a channel of our own in `layer`."""
        receiver = cls(layer, await layer.new_channel())
        await receiver.restore()
        return receiver

    async def restore(self) -> None:
        """Do what may be needed, after an outage, for `probe` to succeed and `join` to work."""
        await persistently(self.layer.group_add, self._own_group, self.channel_name)

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
            await within(timeout, persistently(self.layer.group_send, self._own_group, event))
            await within(timeout, arrival)

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received."""
        for key in keys:
            await persistently(self.layer.group_add, group_of(key), self.channel_name)

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""
        await persistently(self.layer.group_discard, group_of(key), self.channel_name)

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
            await within(PROBE_TIMEOUT, self._send_when_possible(event))
            await within(PROBE_TIMEOUT, arrival)

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
                await persistently(self.layer.send, self.channel_name, event)
            except ChannelFull:
                await asyncio.sleep(PROBE_INTERVAL)
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
