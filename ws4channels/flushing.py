"""Having sockets send what they were given."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ws4channels.subscriber_map import Subscriber

logger = logging.getLogger(__name__)


def flush_each(subscribers: Iterable[Subscriber]) -> None:
    """Have each send what it was given. One socket's trouble is not another's."""
    for subscriber in subscribers:
        try:
            subscriber.flush()
        except Exception:
            logger.exception("Could not send to a websocket.")
