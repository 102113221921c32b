"""Why websockets are refused or closed by the server: close codes, counts, and one log line each.

The reason is for the log. A client is sent a code and no text.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Any

from ws4channels import settings
from ws4channels.counters import counts
from ws4channels.exceptions import TooManyKeys, TooManySockets
from ws4channels.shown import error_on_one_line, on_one_line

# Errors are logged as texts: a handler that keeps its records would keep a whole websocket with each.
logger = logging.getLogger(__name__)

CLOSE_TOO_FAST = 1008
CLOSE_TOO_LARGE = 1009
CLOSE_UNREACHABLE = 1013
CLOSE_SLOW = 4008
CLOSE_REFUSED = 4403


class Alarm:
    """How loud to say that something does not answer: an error at first, then a warning for each client concerned.

    An error again when it is still so after `interval` seconds.
    """

    def __init__(self, interval: float = 10.0) -> None:
        self._interval = interval
        self._rung_at = -math.inf

    def level(self) -> int:
        """Return the level for a line that is logged now."""
        now = time.monotonic()
        if now - self._rung_at < self._interval:
            return logging.WARNING
        self._rung_at = now
        return logging.ERROR


_outage = Alarm()


def note_refusal(scope: Mapping[str, Any], error: Exception) -> None:
    """Note that a handshake is refused."""
    counts["refused"] += 1
    if isinstance(error, TooManyKeys):
        counts["too_many_keys"] += 1
    elif isinstance(error, TooManySockets):
        counts["too_many_sockets"] += 1
    logger.warning("Refused a websocket to %s: %s", on_one_line(scope["path"]), error_on_one_line(error))


def note_unserved(server: str, error: BaseException) -> None:
    """Note that a handshake fails because `server` does not answer."""
    counts["redis_failures"] += 1
    logger.log(_outage.level(), "Closed a new websocket, because %s does not answer: %s", server, str(error))


def note_unpublished(error: BaseException) -> None:
    """Note that a client's message could not be published."""
    counts["redis_failures"] += 1
    logger.log(_outage.level(), "Could not publish a client's message: Redis does not answer: %s", str(error))


def note_too_large(size: int) -> None:
    """Note that a client is closed because of a message of `size` bytes."""
    counts["too_large"] += 1
    logger.warning(
        "Closed a websocket whose client sent %s bytes; WS4CHANNELS_MAX_MESSAGE_SIZE is %s.",
        size,
        settings.WS4CHANNELS_MAX_MESSAGE_SIZE,
    )


def note_too_fast(scope: Mapping[str, Any]) -> None:
    """Note that a client is closed because it sends too many messages."""
    counts["too_many_messages"] += 1
    logger.warning(
        "Closed a websocket to %s whose client sent too many messages; WS4CHANNELS_MAX_MESSAGES_PER_SECOND is %s.",
        on_one_line(scope["path"]),
        settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND,
    )


def note_slow(dropped: int) -> None:
    """Note that a client is closed because it does not read, and that `dropped` messages go with it."""
    counts["slow_clients_closed"] += 1
    counts["messages_dropped"] += dropped
    logger.warning("Closed a websocket whose client did not keep up; %s messages were dropped.", dropped)
