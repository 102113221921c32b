"""Numbers of one process over time: deliveries per second, and points of the last ten minutes. Without Redis."""

from __future__ import annotations

from collections import deque

from ws4channels.processes.records import MOST_POINTS

POINT = 10.0
"""Seconds between two points."""


class Gauges:
    """Is told now and then of a counter and of the number of sockets. Times are the event loop's, in seconds."""

    def __init__(self, now: float, deliveries: int) -> None:
        self._began_at = self._noted_at = self._point_at = now
        self._noted = self._at_point = deliveries
        self.points: deque[tuple[int, int]] = deque(maxlen=MOST_POINTS)
        """Deliveries in ten seconds and sockets at their end, oldest first."""
        self.rate = 0.0
        """Deliveries per second between the last two calls of `note`."""

    def note(self, now: float, deliveries: int, sockets: int) -> None:
        """Take note of the counter of deliveries and of the number of sockets."""
        if now > self._noted_at:
            self.rate = round((deliveries - self._noted) / (now - self._noted_at), 1)
            self._noted_at, self._noted = now, deliveries
        passed = min(int((now - self._point_at) / POINT), MOST_POINTS)
        if passed:
            # After a pause of the process there are several at once; what was delivered is in the first.
            self.points += [(deliveries - self._at_point, sockets), *[(0, sockets)] * (passed - 1)]
            self._point_at += POINT * int((now - self._point_at) / POINT)
            self._at_point = deliveries

    def seconds(self, now: float) -> int:
        """Return how long this has been going on."""
        return int(now - self._began_at)
