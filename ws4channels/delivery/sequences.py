"""The order of each key's numbered messages: what follows what, and what is missing. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ws4channels.transports.messages import Delivery
from ws4channels.transports.numbers import Record, is_beginning

_MAX_HELD = 1000
_MAX_HELD_BYTES = 1024 * 1024
_NONE: Mapping[int, Delivery] = {}


class State(NamedTuple):
    """What Redis has of a key."""

    record: Record
    log: Sequence[Delivery] = ()
    """The newest messages, oldest first, as far as they were wanted."""

    @classmethod
    def unknown(cls, last: int) -> State:
        """Return what stands for the state of a key while Redis does not tell it."""
        return cls(Record(last))

    @property
    def newest(self) -> int:
        """The number of the newest message."""
        return max(self.record.number, self.log[-1].number if self.log else 0)

    def messages(self) -> list[Delivery]:
        """Return all that have a number."""
        kept = self.record.kept
        return [*self.log, *([kept] if kept is not None and kept.number else [])]


def follow(position: int, deliveries: Iterable[Delivery]) -> tuple[list[Delivery], int]:
    """Return the messages that follow `position` without a gap, and the number that this leads to."""
    later = {each.number: each for each in deliveries if each.number > position}
    found = []
    for number in sorted(later):
        if not _follows(position, later[number]):
            break
        found.append(later[number])
        position = number
    return found, position


def _follows(position: int, delivery: Delivery) -> bool:
    # Where a key had no record, another process may have made one since, which no message belongs to.
    return delivery.previous == position or (position == 0 and is_beginning(delivery.previous))


class Sequences:
    """The last message of each key that was delivered, and those held back because one before them is missing."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.held: dict[str, dict[int, Delivery]] = {}

    def begin(self, key: str, number: int) -> None:
        """Note the newest number of a key when it was joined."""
        self.last.setdefault(key, number)

    def forget(self, key: str) -> None:
        """Note that nobody wants a key any more."""
        self.last.pop(key, None)
        self.held.pop(key, None)

    def take(self, delivery: Delivery, is_interrupted: bool) -> Sequence[Delivery]:
        """Return what is to be delivered now that a message has come: nothing, it, or it and others that were held.

        `is_interrupted` says whether messages may have been lost: then a sequence that begins anew is no reason to
        believe that nothing is missing.
        """
        key, number = delivery.key, delivery.number
        last = self.last.get(key)
        if last is None or _follows(last, delivery):
            self.last[key] = number
            return (delivery, *self._take_held(key)) if key in self.held else (delivery,)
        begins_anew = is_beginning(delivery.previous)
        if number == last or (number < last and not begins_anew):
            return ()
        if begins_anew and number > last and not is_interrupted and key not in self.held:
            self.last[key] = number
            return (delivery,)
        self.held.setdefault(key, {})[number] = delivery
        return ()

    def is_overfull(self, key: str) -> bool:
        """Tell whether too much is held of a key."""
        held = self.held.get(key, _NONE)
        return len(held) > _MAX_HELD or sum(each.size for each in held.values()) > _MAX_HELD_BYTES

    def missed(self, key: str, state: State) -> list[Delivery] | None:
        """Return what is to be delivered to fill the gap of a key, or None if that cannot be filled."""
        last, held = self.last[key], self.held.get(key, _NONE)
        found, reached = follow(last, [*state.messages(), *held.values()])
        is_complete = state.record.number >= last and reached >= max((state.newest, *held))
        return found if is_complete else None

    def rest(self, key: str, state: State) -> list[Delivery]:
        """Return what there is to be delivered of a key with a gap that cannot be filled: what came, and what is kept.

        The sequence goes on from there.
        """
        held, kept = dict(self.held.get(key, _NONE)), state.record.kept
        if state.record.number < self.last[key]:
            self.last[key] = 0  # Redis began anew.
        if kept is not None and kept.number:
            held[kept.number] = kept
        rest = [held[number] for number in sorted(held) if number > self.last[key]]
        if not rest:
            self.last[key] = max(self.last[key], state.newest)
        return rest

    def advance(self, delivery: Delivery) -> bool:
        """Tell whether a message of `missed` or `rest` is still to be delivered, and note that it is."""
        key, number = delivery.key, delivery.number
        self.held.get(key, {}).pop(number, None)
        if number <= self.last.get(key, number):
            return False
        self.last[key] = number
        return True

    def settle(self, key: str) -> Sequence[Delivery]:
        """Return what was held and follows now; what does not stays held."""
        ready = self._take_held(key)
        held = self.held.get(key)
        if held is not None:
            last = self.last.get(key, 0)
            self.held[key] = held = {number: each for number, each in held.items() if number > last}
            if not held:
                del self.held[key]
        return ready

    def _take_held(self, key: str) -> list[Delivery]:
        held = self.held.get(key, _NONE)
        ready, self.last[key] = follow(self.last[key], held.values())
        for each in ready:
            del self.held[key][each.number]
        if key in self.held and not self.held[key]:
            del self.held[key]
        return ready
