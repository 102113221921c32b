"""Which sockets want which keys, and flushing them. Without Redis and Channels."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ws4channels.transports.messages import Delivery

logger = logging.getLogger(__name__)

_NOBODY: Mapping[Any, None] = {}


class Subscriber(Protocol):
    """What the hub needs of a socket."""

    def put(self, delivery: Delivery) -> None:
        """Take a published message."""

    def put_own(self, delivery: Delivery) -> None:
        """Take a heartbeat."""

    def put_gap(self, key: str, number: int) -> None:
        """Take note that messages of `key` after `number` may have been lost."""

    def flush(self) -> None:
        """Send what has been taken."""


class SubscriberMap:
    """Which subscribers want which keys."""

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[Subscriber, None]] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._subscribers

    def __iter__(self) -> Iterator[str]:
        return iter(self._subscribers)

    def __len__(self) -> int:
        return len(self._subscribers)

    def add(self, key: str, subscriber: Subscriber) -> None:
        """Note that `subscriber` wants `key`."""
        self._subscribers.setdefault(key, {})[subscriber] = None

    def remove(self, key: str, subscriber: Subscriber) -> None:
        """Note that `subscriber` does not want `key` any more."""
        wanting = self._subscribers.get(key, {})
        wanting.pop(subscriber, None)
        if not wanting:
            self._subscribers.pop(key, None)

    def wanting(self, key: str) -> Mapping[Subscriber, None]:
        """Return the subscribers of `key` in the order of joining, as the keys of a mapping."""
        return self._subscribers.get(key, _NOBODY)


def flush_each(subscribers: Iterable[Subscriber]) -> None:
    """Flush subscribers; log and go on if one fails."""
    for subscriber in subscribers:
        try:
            subscriber.flush()
        except Exception:
            logger.exception("Could not send to a websocket.")
