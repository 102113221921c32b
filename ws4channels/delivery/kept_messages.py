"""Read kept messages, and remember which ones the sockets of each key have been sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from redis.exceptions import ResponseError

from ws4channels.delivery.batches import Batches
from ws4channels.delivery.subscriber_map import Subscriber
from ws4channels.exceptions import RedisRefusal
from ws4channels.transports.contract import Receiver
from ws4channels.transports.messages import Delivery, to_payload
from ws4channels.transports.publishing_loop import PublishingLoop

_NOBODY: Mapping[Subscriber, int] = {}
_KEYS_PER_READ = 1000
_CONFIRM_TIMEOUT = 5.0
_REMEMBERED = 16
"""How many messages of a key are remembered, where the latest of them may not be the one that is kept."""


class LatestMessages:
    """Hash of the last kept message sent per key, to skip resending it after an outage."""

    def __init__(self) -> None:
        self._latest: dict[str, int] = {}
        self._before: dict[str, deque[int]] = {}
        self._received: set[str] = set()
        self._ahead: dict[str, dict[Subscriber, int]] = {}

    def note(self, delivery: Delivery) -> None:
        """Note that a message which is kept, or may be, was delivered to the sockets of its key."""
        if delivery.is_kept is None:
            # If it is not, the kept message is still one of those before.
            if delivery.key in self._latest:
                self._before.setdefault(delivery.key, deque(maxlen=_REMEMBERED)).append(self._latest[delivery.key])
        elif delivery.key in self._before:
            del self._before[delivery.key]
        self._latest[delivery.key] = hash(delivery.payload)
        self._received.add(delivery.key)

    def note_first(self, subscriber: Subscriber, kept: Iterable[Delivery]) -> None:
        """Note the kept messages that one socket was sent when it connected; the others may have missed them."""
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
        self._before.pop(key, None)
        self._received.discard(key)
        self._ahead.pop(key, None)

    def begin(self) -> None:
        """Begin to note which keys receive messages; call it before kept messages are read."""
        self._received.clear()

    def has_changed(self, kept: Delivery) -> bool:
        """Tell whether a kept message differs from what its sockets were sent."""
        digest = hash(kept.payload)
        return self._latest.get(kept.key) != digest and digest not in self._before.get(kept.key, ())

    def is_overtaken(self, kept: Delivery) -> bool:
        """Tell whether the key received a message since `begin`: then it is unknown which of the two is newer."""
        return kept.key in self._received

    def has_already(self, kept: Delivery) -> Mapping[Subscriber, int]:
        """Return the sockets that were sent this kept message when they connected, as the keys of a mapping."""
        ahead = self._ahead.get(kept.key, _NOBODY)
        digest = hash(kept.payload)
        return {subscriber: given for subscriber, given in ahead.items() if given == digest}


class KeptMessages:
    """Reads kept messages, in one round trip for all sockets that connect at the same time."""

    def __init__(self, publishing: PublishingLoop, receiver: Receiver) -> None:
        self._publishing = publishing
        self._receiver = receiver
        self._batches = Batches(self._read)

    async def read(self, keys: tuple[str, ...]) -> list[Delivery]:
        """Return the kept messages of `keys`, when all that was published before them has been delivered."""
        return await self._batches.submit(keys)

    async def catch_up(self) -> None:
        """Return when all that was published before this call has been delivered."""
        await self._receiver.confirm(_CONFIRM_TIMEOUT)

    async def _read(self, batch: list[tuple[str, ...]]) -> list[list[Delivery]]:
        wanted = list(dict.fromkeys(key for keys in batch for key in keys))
        values: list[Any] = []
        for start in range(0, len(wanted), _KEYS_PER_READ):
            values += await self._mget(wanted[start : start + _KEYS_PER_READ])
        await self._receiver.confirm(_CONFIRM_TIMEOUT)
        kept = {key: Delivery(to_payload(raw), key) for key, raw in zip(wanted, values, strict=True) if raw}
        return [[kept[key] for key in keys if key in kept] for keys in batch]

    async def _mget(self, keys: list[str]) -> list[Any]:
        try:
            values: list[Any] = await self._publishing.client.mget(keys)
        except ResponseError as error:
            raise RedisRefusal.of("MGET", keys, error) from error
        return values
