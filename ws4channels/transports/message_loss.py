"""Noticing what a layer with a capacity drops: publishers number their events, and hubs look for gaps in the numbers.

``channels_redis.core`` and the in-memory layer drop a message when too many wait for a process already, and tell
nobody but the publisher's log, if anybody.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.transports.layer_receiver import LayerReceiver

logger = logging.getLogger(__name__)

_MAX_KEYS = 10_000  # numbered by one publisher; beyond that, numbers begin again
_MAX_SOURCES = 100  # remembered for one key; processes that publish once leave one each


class Numbers:
    """Numbers the events that one process publishes, each key's from 0 on."""

    def __init__(self, max_keys: int = _MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._owner = os.getpid()
        self._counters: dict[str, tuple[str, itertools.count[int]]] = {}

    def number(self, key: str, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event with its number, and the name of what gave it: never the same in two processes."""
        if self._owner != os.getpid() or len(self._counters) >= self._max_keys:
            self._owner = os.getpid()
            self._counters = {}
        counter = self._counters.get(key)
        if counter is None:
            counter = self._counters.setdefault(key, (uuid.uuid4().hex[:16], itertools.count()))
        source, numbers = counter
        return {**event, "source": source, "number": next(numbers)}


class Gaps:
    """Which numbers are missing of one source. Pure: times are given."""

    def __init__(self, first: int) -> None:
        self._next = first + 1
        self._missing: dict[int, float] = {}

    def add(self, number: int, now: float) -> bool:
        """Take note of a number that has come; return whether one before it has not."""
        if number < self._next:
            self._missing.pop(number, None)
            return False
        is_gap = number > self._next
        self._missing.update(dict.fromkeys(range(self._next, number), now))
        self._next = number + 1
        return is_gap

    def take_lost(self, before: float) -> int:
        """Return how many have been missing since before that time, and forget them."""
        lost = [number for number, since in self._missing.items() if since <= before]
        for number in lost:
            del self._missing[number]
        return len(lost)

    def __bool__(self) -> bool:
        return bool(self._missing)


class NumberedReceiver(LayerReceiver):
    """What one hub receives from a layer that may drop messages. What it has dropped is counted and logged.

    It reports each loss, so that the hub sends the kept messages that it has missed.
    """

    grace = 2.0
    """Seconds in which a number may still arrive that others have overtaken."""

    def __init__(self, layer: Any, channel_name: str) -> None:
        super().__init__(layer, channel_name)
        self._sources: dict[str, dict[str, Gaps]] = {}
        self._gaps: dict[tuple[str, str], Gaps] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._throttle = LogThrottle()

    async def join(self, keys: Iterable[str]) -> None:
        """Subscribe to `keys`. What is published after this has returned is received, or missed."""
        keys = list(keys)
        await super().join(keys)
        for key in keys:
            self._sources.setdefault(key, {})

    async def leave(self, key: str) -> None:
        """Unsubscribe from `key`, of which nothing is missed from now on."""
        self._sources.pop(key, None)
        await super().leave(key)

    async def receive(self) -> dict[str, Any]:
        """Wait for the next event of a joined key."""
        event = await super().receive()
        self._note(event)
        return event

    async def aclose(self, keys: Iterable[str] = ()) -> None:
        """Leave our own group and those of `keys`."""
        if self._timer is not None:
            self._timer.cancel()
        await super().aclose(keys)

    def _note(self, event: Mapping[str, Any]) -> None:
        source, number = event.get("source"), event.get("number")
        key = event.get("key", "")
        sources = self._sources.get(key)
        # A publisher of another version gives no numbers.
        if sources is None or source is None or number is None:
            return
        gaps = sources.get(source)
        if gaps is None:
            if len(sources) >= _MAX_SOURCES:
                del sources[next(iter(sources))]
            sources[source] = Gaps(number)
        elif gaps.add(number, asyncio.get_running_loop().time()):
            self._gaps[key, source] = gaps
            self._look_later(self.grace)

    def _look_later(self, delay: float) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        self._timer = None
        now = asyncio.get_running_loop().time()
        lost = sum(gaps.take_lost(now - self.grace) for gaps in self._gaps.values())
        self._gaps = {which: gaps for which, gaps in self._gaps.items() if gaps}
        if lost:
            counts["messages_lost"] += lost
            self._log(lost)
            self.on_loss("messages are missing")
        if self._gaps:
            self._look_later(self.grace)

    def _log(self, lost: int) -> None:
        if not self._throttle.is_first():
            return
        logger.warning(
            "%s lost %s messages on their way here: more waited than its capacity of %s. Give it a larger capacity, or "
            "use channels_redis.pubsub.",
            type(self.layer).__name__,
            lost,
            getattr(self.layer, "capacity", "unknown size"),
        )
