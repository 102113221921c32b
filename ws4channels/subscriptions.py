"""What one hub receives through a channel layer.

A subscription belongs to one event loop: it joins and leaves keys, and receives events in the order in which they were
published per key.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from channels.exceptions import ChannelFull

from ws4channels.audience import group_of

PROBE_TYPE = "ws4channels.probe"
_PROBE_TIMEOUT = 5.0
_PROBE_INTERVAL = 0.05


class LayerSubscription:
    """What one hub receives from a channel layer. `open` it on the loop that uses it."""

    def __init__(self, layer: Any, channel_name: str) -> None:
        self.layer = layer
        self.channel_name = channel_name
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
        return cls(layer, await layer.new_channel())

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received."""
        for key in keys:
            await self.layer.group_add(group_of(key), self.channel_name)

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`."""
        await self.layer.group_discard(group_of(key), self.channel_name)

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
            await asyncio.wait_for(self._send_when_possible(event), _PROBE_TIMEOUT)
            await asyncio.wait_for(arrival, _PROBE_TIMEOUT)

    async def _send_when_possible(self, event: dict[str, Any]) -> None:
        """Send to our own channel, as soon as its layer's capacity allows."""
        while True:
            try:
                await self.layer.send(self.channel_name, event)
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
    """On ``channels_redis.pubsub``, whose ``group_add`` returns before Redis has seen the subscription."""

    renewal_interval = None

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys` and wait until Redis has done it.

        The layer's subscriptions travel over one connection, in order. So we subscribe to one more, private,
        group after them and send probes to that until one arrives: then the others stand as well.
        """
        await super().join(keys)
        marker = f"ws4channels.joined.{uuid.uuid4().hex}"
        await self.layer.group_add(marker, self.channel_name)
        try:
            await asyncio.wait_for(self._probe_until_heard(marker), _PROBE_TIMEOUT)
        finally:
            await self.layer.group_discard(marker, self.channel_name)

    async def _probe_until_heard(self, group: str) -> None:
        with self._probe() as (event, arrival):
            while not arrival.done():
                await self.layer.group_send(group, event)
                await asyncio.wait([arrival], timeout=_PROBE_INTERVAL)
