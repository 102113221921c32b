"""What a hub has joined, and the kept messages of what it has joined."""

from __future__ import annotations

from typing import Any

from ws4channels.batches import Batches
from ws4channels.event_loops import PublishingLoop
from ws4channels.messages import Delivery, to_payload
from ws4channels.subscriber_map import SubscriberMap
from ws4channels.subscriptions import Subscription

_KEYS_PER_READ = 1000


class Membership:
    """Keeps a transport's subscription in step with a SubscriberMap: joins and leaves each key once, in order."""

    def __init__(self, wanted: SubscriberMap, subscription: Subscription) -> None:
        self._wanted = wanted
        self._subscription = subscription
        self._joined: set[str] = set()
        self._half_left: set[str] = set()
        self._batches = Batches(self._settle)

    async def settle(self, keys: tuple[str, ...]) -> None:
        """Join those of `keys` that are wanted and not joined; leave those that are joined and not wanted."""
        if any((key in self._wanted) != (key in self._joined) for key in keys):
            await self._batches.submit((keys, False))

    async def renew(self) -> None:
        """Join all keys again, for layers that forget members; leave those that could not be left before."""
        await self._batches.submit(((*self._joined, *self._half_left), True))

    async def _settle(self, batch: list[tuple[tuple[str, ...], bool]]) -> list[None]:
        keys = dict.fromkeys(key for keys, _ in batch for key in keys)
        anew = {key for keys, is_anew in batch if is_anew for key in keys}
        missing = [key for key in keys if key in self._wanted and (key in anew or key not in self._joined)]
        if missing:
            await self._subscription.join(missing)
            self._joined.update(missing)
            self._half_left.difference_update(missing)
        # Looked at anew: the last socket that wanted a key may have left while others were joined.
        for key in keys:
            if key not in self._wanted and (key in self._joined or key in self._half_left):
                await self._leave(key)
        return [None] * len(batch)

    async def _leave(self, key: str) -> None:
        # Not joined from now on: who wants the key again joins it again. If this fails, nobody knows what it is.
        self._joined.discard(key)
        self._half_left.add(key)
        await self._subscription.leave(key)
        self._half_left.discard(key)


class KeptMessages:
    """Reads kept messages, in one round trip for all sockets that wait for theirs."""

    def __init__(self, publishing: PublishingLoop, subscription: Subscription) -> None:
        self._publishing = publishing
        self._subscription = subscription
        self._batches = Batches(self._read)

    async def read(self, keys: tuple[str, ...]) -> list[Delivery]:
        """Return the kept messages of `keys`, when all that was published before them has been delivered."""
        return await self._batches.submit(keys)

    async def catch_up(self) -> None:
        """Return when all that was published before this call has been delivered."""
        await self._subscription.catch_up()

    async def _read(self, batch: list[tuple[str, ...]]) -> list[list[Delivery]]:
        wanted = list(dict.fromkeys(key for keys in batch for key in keys))
        values: list[Any] = []
        for start in range(0, len(wanted), _KEYS_PER_READ):
            values += await self._publishing.client.mget(wanted[start : start + _KEYS_PER_READ])
        await self._subscription.catch_up()
        kept = {key: Delivery(to_payload(raw), key) for key, raw in zip(wanted, values, strict=True) if raw}
        return [[kept[key] for key in keys if key in kept] for keys in batch]
