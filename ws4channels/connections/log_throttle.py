"""Log the first of a series of events that repeat."""

from __future__ import annotations

import math
import time


class LogThrottle:
    """Tells the first event of a series from the others. A series ends when `quiet` seconds pass without an event."""

    def __init__(self, quiet: float = 10.0) -> None:
        self._quiet = quiet
        self._last = -math.inf

    def is_first(self) -> bool:
        """Note an event that happens now; tell whether it is the first of a series."""
        before, self._last = self._last, time.monotonic()
        return self._last - before >= self._quiet
