"""Join and leave keys at the transport as websockets come and go."""

from __future__ import annotations

from collections.abc import Callable

from ws4channels.delivery.batches import Batches
from ws4channels.transports.contract import Receiver


class Membership:
    """Has a receiver join the keys for which `is_wanted` is true, and leave the others, each once."""

    def __init__(self, is_wanted: Callable[[str], bool], receiver: Receiver) -> None:
        self._is_wanted = is_wanted
        self._receiver = receiver
        self._joined: set[str] = set()
        self._half_left: set[str] = set()
        self._batches = Batches(self._settle)

    async def settle(self, keys: tuple[str, ...]) -> None:
        """Join those of `keys` that are wanted and not joined; leave those that are joined and not wanted."""
        if any(self._is_wanted(key) != (key in self._joined) for key in keys):
            await self._batches.submit((keys, False))

    async def renew(self) -> None:
        """Join all keys again, for layers that forget members; leave those that could not be left before."""
        await self._batches.submit(((*self._joined, *self._half_left), True))

    async def _settle(self, batch: list[tuple[tuple[str, ...], bool]]) -> list[None]:
        keys = dict.fromkeys(key for keys, _ in batch for key in keys)
        anew = {key for keys, is_anew in batch if is_anew for key in keys}
        missing = [key for key in keys if self._is_wanted(key) and (key in anew or key not in self._joined)]
        if missing:
            await self._receiver.join(missing)
            self._joined.update(missing)
            self._half_left.difference_update(missing)
        # Asked again: the last socket that wanted a key may have left while others were joined.
        for key in keys:
            if not self._is_wanted(key) and (key in self._joined or key in self._half_left):
                await self._leave(key)
        return [None] * len(batch)

    async def _leave(self, key: str) -> None:
        # Not joined from now on, so that the next socket joins it again. If leaving fails, its state is unknown.
        self._joined.discard(key)
        self._half_left.add(key)
        await self._receiver.leave(key)
        self._half_left.discard(key)
