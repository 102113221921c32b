"""The ledger of one channel: who sent how much, what each socket received, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

SEPARATOR = " no. "
EXAMPLES = 5


def entry(publisher: str, number: int) -> str:
    """Return the text of the message that a publisher sends as its `number`, counted from 0."""
    return f"{publisher}{SEPARATOR}{number}"


@dataclass
class Ledger:
    """The numbers that each publisher sent to one channel, and what each of its sockets received, in order."""

    sent: Mapping[str, range]
    received: dict[str, Sequence[str | bytes]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many messages each socket should receive."""
        return sum(map(len, self.sent.values()))

    def faults(self) -> list[str]:
        """Return a sentence for each fault: a message that is missing, repeated, out of order, or nobody's."""
        sentences = [f"{socket} {fault}" for socket, frames in self.received.items() for fault in self._faults(frames)]
        return sentences or list(self._disagreements())

    def _faults(self, frames: Sequence[str | bytes]) -> Iterator[str]:
        expected = {entry(publisher, number) for publisher, numbers in self.sent.items() for number in numbers}
        counts = Counter(frames)
        yield from _sentence("missed", expected - set(counts))
        yield from _sentence("received what nobody sent:", set(counts) - expected)
        yield from _sentence("received more than once", {frame for frame, count in counts.items() if count > 1})
        for publisher, numbers in self.sent.items():
            order = [frame for frame in dict.fromkeys(frames) if str(frame).startswith(f"{publisher}{SEPARATOR}")]
            wanted = [text for text in (entry(publisher, number) for number in numbers) if text in counts]
            if set(order) == set(wanted) and order != wanted:
                yield f"received those of {publisher} out of order"

    def _disagreements(self) -> Iterator[str]:
        """Tell whose order of all publishers' messages is another than the first socket's."""
        orders = list(self.received.items())
        for socket, frames in orders[1:]:
            if list(frames) != list(orders[0][1]):
                yield f"{socket} received in another order than {orders[0][0]}"


def _sentence(verb: str, frames: set[str | bytes] | set[str]) -> Iterator[str]:
    if frames:
        examples = ", ".join(repr(frame) for frame in sorted(frames, key=str)[:EXAMPLES])
        yield f"{verb} {len(frames)}: {examples}"
