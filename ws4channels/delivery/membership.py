"""What a hub has joined, and the kept messages of what it has joined."""

from __future__ import annotations

from ws4channels.delivery.batches import Batches
from ws4channels.delivery.subscriber_map import SubscriberMap
from ws4channels.transports.contract import Receiver


class Membership:
    """Keeps a transport's receiver in step with a SubscriberMap: joins and leaves each key once, in order."""

    def __init__(self, wanted: SubscriberMap, receiver: Receiver) -> None:
        self._wanted = wanted
        self._receiver = receiver
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
            await self._receiver.join(missing)
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
        await self._receiver.leave(key)
        self._half_left.discard(key)
