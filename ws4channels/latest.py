"""What the sockets of each key were last given, to tell after an outage whether its kept message is news. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ws4channels.messages import Delivery
from ws4channels.subscriber_map import Subscriber

_NOBODY: Mapping[Subscriber, int] = {}


class LatestMessages:
    """The latest kept message that each key's sockets have been given, as a hash: payloads may be large and many."""

    def __init__(self) -> None:
        self._latest: dict[str, int] = {}
        self._heard: set[str] = set()
        self._ahead: dict[str, dict[Subscriber, int]] = {}

    def note(self, delivery: Delivery) -> None:
        """Note that a message which is kept was delivered to the sockets of its key."""
        self._latest[delivery.key] = hash(delivery.payload)
        self._heard.add(delivery.key)

    def note_first(self, subscriber: Subscriber, kept: Iterable[Delivery]) -> None:
        """Note what one socket was given when it connected; the others of a key may have missed it."""
        for delivery in kept:
            digest = hash(delivery.payload)
            if self._latest.setdefault(delivery.key, digest) != digest:
                self._ahead.setdefault(delivery.key, {})[subscriber] = digest

    def forget_subscriber(self, key: str, subscriber: Subscriber) -> None:
        """Note that a socket does not want a key any more."""
        if key in self._ahead:
            self._ahead[key].pop(subscriber, None)
            if not self._ahead[key]:
                del self._ahead[key]

    def forget_key(self, key: str) -> None:
        """Note that nobody wants a key any more."""
        self._latest.pop(key, None)
        self._heard.discard(key)
        self._ahead.pop(key, None)

    def begin(self) -> None:
        """Begin to watch which keys are heard from; call it before kept messages are read."""
        self._heard.clear()

    def is_news(self, kept: Delivery) -> bool:
        """Tell whether a kept message is other than what its sockets have."""
        return self._latest.get(kept.key) != hash(kept.payload)

    def is_overtaken(self, kept: Delivery) -> bool:
        """Tell whether the key was heard from since `begin`, so that it is not known which of the two is newer."""
        return kept.key in self._heard

    def has_already(self, kept: Delivery) -> Mapping[Subscriber, int]:
        """Return the sockets that were given this kept message when they connected, as the keys of a mapping."""
        ahead = self._ahead.get(kept.key, _NOBODY)
        digest = hash(kept.payload)
        return {subscriber: given for subscriber, given in ahead.items() if given == digest}
