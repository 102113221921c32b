"""What a hub has while it serves: the receiver, what reads from Redis, and what fills gaps."""

from __future__ import annotations

from typing import Protocol

from ws4channels.connections import pool_of
from ws4channels.counters import counts
from ws4channels.delivery.gaps import Gaps
from ws4channels.delivery.kept_messages import KeptMessages, Wanted
from ws4channels.delivery.membership import Membership
from ws4channels.delivery.sequences import State
from ws4channels.delivery.watch import Watch
from ws4channels.delivery.welcome import Start
from ws4channels.transports.contract import Receiver
from ws4channels.transports.messages import Delivery
from ws4channels.transports.numbers import Record, database_of
from ws4channels.transports.publishing_loop import PublishingLoop

_REMEMBER_INTERVAL = 43_200.0  # seconds


class FanOut(Protocol):
    """What serves sockets: the hub."""

    @property
    def server(self) -> str:
        """What carries the messages, for log lines."""

    @property
    def listening(self) -> tuple[str, ...]:
        """The keys of which sockets are sent what comes."""

    def is_wanted(self, key: str) -> bool:
        """Tell whether a key is to be joined."""

    def hand_out(self, delivery: Delivery) -> None:
        """Send a message to the sockets of its key."""

    def tell_gap(self, key: str, number: int) -> None:
        """Tell the sockets of `key` that messages after `number` are lost."""


class Serving:
    """The parts of one hub that need a receiver."""

    def __init__(self, receiver: Receiver, publishing: PublishingLoop, hub: FanOut) -> None:
        self.receiver = receiver
        self.publishing = publishing
        self.database = database_of(pool_of(publishing.client))
        self.membership = Membership(hub.is_wanted, receiver)
        self.kept = KeptMessages(publishing, receiver)
        self.watch = Watch(receiver, hub.server, self._recover, self._compare)
        self.gaps = Gaps(self.kept, hub.hand_out, hub.tell_gap, lambda: self.watch.is_interrupted)
        self._hub = hub
        self._remembered_at = publishing.loop.time()

    async def read(self, keys: tuple[str, ...], start: Start) -> dict[str, State]:
        """Return the states of keys for a socket; all of them have a number if its client is to learn positions."""
        if not keys:
            return {}
        positions = start.positions or {}
        states = await self.kept.read({key: Wanted(positions.get(key), start.history) for key in keys})
        unknown = tuple(key for key, state in states.items() if not state.newest)
        if start.resumes and unknown and self.receiver.has_numbers:
            for key, number in (await self.kept.begin(unknown)).items():
                states[key] = State(Record(number, 0, states[key].record.kept))
        return states

    async def _recover(self) -> int:
        """Join all keys again and send what was missed; return how many messages."""
        await self.membership.renew()
        sent = await self.gaps.compare(self._hub.listening)
        counts["resent"] += sent
        return sent

    async def _compare(self) -> None:
        """Send what was lost without a sign; keep the records of keys that are listened to."""
        await self.gaps.compare(self._hub.listening)
        now = self.publishing.loop.time()
        if now - self._remembered_at >= _REMEMBER_INTERVAL:
            self._remembered_at = now
            await self.kept.remember(self._hub.listening)
