"""What ``channels_redis.pubsub`` logs while Redis is away: a traceback a second; the first tells everything."""

from __future__ import annotations

import logging
import time

from channels_redis import pubsub


class OncePerOutage(logging.Filter):
    """Lets the first of the layer's tracebacks pass, and whatever else it logs."""

    QUIET = 10.0
    """Seconds without a traceback, after which the next one is a new outage's first."""

    def __init__(self) -> None:
        super().__init__()
        self._last = -self.QUIET

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a record is to be logged."""
        if record.getMessage() != "Unexpected exception in receive task":
            return True
        before, self._last = self._last, time.monotonic()
        return self._last - before >= self.QUIET


_once = OncePerOutage()


def log_outages_once() -> None:
    """Have the layer log each outage once in this process. May be called again."""
    logging.getLogger(pubsub.__name__).addFilter(_once)
