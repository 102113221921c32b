"""Fill gaps: read from Redis what was lost on its way here, and deliver it before what comes later."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.delivery.kept_messages import KeptMessages, Wanted
from ws4channels.delivery.sequences import Sequences, State
from ws4channels.shown import error_on_one_line
from ws4channels.transports.messages import Delivery

logger = logging.getLogger(__name__)

_OVERTAKING = 0.05
"""Seconds in which a message may still arrive that others have overtaken, before it is looked for."""
_UNDER_WAY = 0.5
"""Seconds after which a message that is nowhere to be found is taken for lost."""
_PER_TURN = 100
_REMEMBERED = 16


class Unnumbered:
    """Hashes of a key's last messages without numbers, to skip resending its kept message after an outage."""

    def __init__(self) -> None:
        self._hashes: dict[str, deque[int]] = {}

    def note(self, delivery: Delivery) -> None:
        """Note that a message was delivered."""
        self._hashes.setdefault(delivery.key, deque(maxlen=_REMEMBERED)).append(hash(delivery.payload))

    def has(self, delivery: Delivery) -> bool:
        """Tell whether such a message was delivered."""
        return hash(delivery.payload) in self._hashes.get(delivery.key, ())

    def forget(self, key: str) -> None:
        """Note that nobody wants a key any more."""
        self._hashes.pop(key, None)


class Gaps:
    """Delivers the messages of each key in order, by `hand_out`; `tell` is called with a key that has lost some."""

    def __init__(
        self,
        kept: KeptMessages,
        hand_out: Callable[[Delivery], None],
        tell: Callable[[str, int], None],
        is_interrupted: Callable[[], bool],
    ) -> None:
        self._kept = kept
        self._hand_out = hand_out
        self._tell = tell
        self._is_interrupted = is_interrupted
        self._sequences = Sequences()
        self._unnumbered = Unnumbered()
        self._filling: asyncio.Task[None] | None = None
        self._comparing = asyncio.Lock()
        self._throttle = LogThrottle()

    @property
    def last(self) -> dict[str, int]:
        """The number of the last message of each key that was delivered."""
        return self._sequences.last

    def begin(self, key: str, state: State) -> None:
        """Note what a websocket that joined a key was sent first."""
        self._sequences.begin(key, state.newest)
        kept = state.record.kept
        if kept is not None and not kept.number:
            self._unnumbered.note(kept)

    def forget(self, key: str) -> None:
        """Note that nobody wants a key any more."""
        self._sequences.forget(key)
        self._unnumbered.forget(key)

    def take(self, delivery: Delivery) -> Sequence[Delivery]:
        """Return what is to be delivered now that a message has come; see `Sequences.take`."""
        if not delivery.number:
            self._unnumbered.note(delivery)
            return (delivery,)
        ready = self._sequences.take(delivery, self._is_interrupted())
        if self._sequences.held and self._filling is None:
            # In a new context: that of the first socket would keep its request alive.
            self._filling = contextvars.Context().run(asyncio.create_task, self._fill())
        return ready

    async def compare(self, keys: Iterable[str]) -> int:
        """Compare what was delivered of `keys` with what Redis has; deliver what is missing, and return how much."""
        async with self._comparing:
            missing, sent = await self._settle(keys, is_final=False)
            if missing:
                # What is merely under way must not look lost.
                await asyncio.sleep(_UNDER_WAY)
                sent += (await self._settle(missing, is_final=True))[1]
        return sent

    def stop(self) -> None:
        """End before the event loop ends."""
        if self._filling is not None:
            self._filling.cancel()

    async def _fill(self) -> None:
        """Fill gaps until there is none; while Redis does not answer, hold back what comes."""
        try:
            await asyncio.sleep(_OVERTAKING)
            while self._sequences.held:
                await self._fill_once()
        finally:
            self._filling = None

    async def _fill_once(self) -> None:
        keys = tuple(self._sequences.held)
        try:
            await self.compare(keys)
        except Exception as error:
            logger.debug("Cannot look for missing messages yet: %s", error_on_one_line(error))
            for key in keys:
                if self._sequences.is_overfull(key):
                    await self._give_up(key, State.unknown(self._sequences.last.get(key, 0)))
            await asyncio.sleep(_UNDER_WAY)

    async def _settle(self, keys: Iterable[str], is_final: bool) -> tuple[list[str], int]:
        """Return the keys with gaps that are to be looked at again, and how many messages were sent."""
        wanted = {key: Wanted(after=self.last[key]) for key in keys if key in self.last}
        missing, sent = [], 0
        for key, state in (await self._kept.read(wanted)).items() if wanted else ():
            if key not in self.last:
                continue
            # What was delivered since Redis was asked may be newer than its answer.
            is_outdated = self.last[key] != wanted[key].after
            found = self._sequences.missed(key, state)
            if found is not None:
                sent += await self._deliver(key, found)
            elif is_final and not is_outdated:
                sent += await self._give_up(key, state)
            else:
                missing.append(key)
            sent += self._resend_unnumbered(state)
        return missing, sent

    def _resend_unnumbered(self, state: State) -> int:
        kept = state.record.kept
        if kept is None or kept.number or self._unnumbered.has(kept):
            return 0
        self._unnumbered.note(kept)
        self._hand_out(kept)
        return 1

    async def _deliver(self, key: str, found: Iterable[Delivery]) -> int:
        """Deliver what fills a gap, in turns, so that it does not fill the outboxes of clients that read."""
        lost = 0
        for index, each in enumerate(found, 1):
            was_held = each.number in self._sequences.held.get(key, ())
            if self._sequences.advance(each):
                lost += not was_held
                self._hand_out(each)
            if not index % _PER_TURN:
                await asyncio.sleep(0)
        if key in self.last:
            for each in self._sequences.settle(key):
                self._hand_out(each)
        counts["messages_recovered"] += lost
        return lost

    async def _give_up(self, key: str, state: State) -> int:
        """Deliver what there is; those who listen may have missed some before it."""
        counts["gaps_unfilled"] += 1
        if self._throttle.is_first():
            logger.warning(
                "Messages were lost on their way here and cannot be read again. A longer WS4CHANNELS_HISTORY makes "
                "that possible."
            )
        rest = self._sequences.rest(key, state)
        self._tell(key, rest[0].previous if rest else self.last[key])
        return await self._deliver(key, rest)
