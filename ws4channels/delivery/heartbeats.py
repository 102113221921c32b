"""Send the heartbeat to all websockets of a hub by one timer."""

from __future__ import annotations

import asyncio

from ws4channels import settings
from ws4channels.delivery.subscriber_map import Subscriber, flush_each
from ws4channels.transports.messages import Delivery

_SLICES = 8


class HeartbeatClock:
    """Sends the heartbeat to all sockets, one eighth of them per tick, to spread the load."""

    def __init__(self) -> None:
        self._slices: list[dict[Subscriber, Delivery]] = [{} for _ in range(_SLICES)]
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0

    def add(self, subscriber: Subscriber, text: str) -> None:
        """Begin to send `text` to `subscriber` every ``WS4CHANNELS_HEARTBEAT_INTERVAL`` seconds."""
        min(self._slices, key=len)[subscriber] = Delivery(text)
        if self._timer is None:
            self._schedule()

    def remove(self, subscriber: Subscriber) -> None:
        """Stop sending to `subscriber`."""
        for each in self._slices:
            each.pop(subscriber, None)
        if not any(self._slices):
            self.stop()

    def stop(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self) -> None:
        delay = settings.WS4CHANNELS_HEARTBEAT_INTERVAL / _SLICES
        self._timer = asyncio.get_running_loop().call_later(delay, self._tick)

    def _tick(self) -> None:
        self._schedule()
        self._next = (self._next + 1) % _SLICES
        beating = self._slices[self._next]
        for subscriber, heartbeat in beating.items():
            subscriber.put_own(heartbeat)
        flush_each(beating)
