"""What is noted during a soak: what was published, what each socket received, and what was broken when.

All times are those of ``time.monotonic``, which all processes of one machine share.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

CLOSED_UNSERVED = frozenset({1013})
RESTART = "restart"


@dataclass(frozen=True)
class Publication:
    """One message: who sent it where, and when the call began and returned."""

    key: str
    publisher: str
    number: int
    began: float
    ended: float
    is_accepted: bool = True
    """False: its publisher got an error, so nobody knows whether it was published."""

    @property
    def name(self) -> tuple[str, str, int]:
        """What is in the message's text."""
        return self.key, self.publisher, self.number


def write(key: str, publisher: str, number: int, size: int = 0) -> str:
    """Return the text of a message, of at least `size` characters."""
    return f"{key} {publisher} {number} ".ljust(size, "x")


def read(text: str | bytes) -> tuple[str, str, int]:
    """Return key, publisher and number of a message; raises ValueError for anything else."""
    key, publisher, number, filler = str(text).split(" ")
    if filler.strip("x"):
        raise ValueError(f"{filler[:50]!r} is no filler.")
    return key, publisher, int(number)


@dataclass(eq=False)
class Session:
    """One socket, from the begin of its handshake to its end."""

    name: str
    key: str
    began: float
    opened: float
    publishes: bool = False
    reads: bool = True
    """False for clients that stall, which the server may close."""
    is_prompt: bool = True
    """False for clients that do not read at once."""
    told: list[float] | None = None
    """When a client that resumes was told that messages may be missing; None for those that do not resume."""
    arrivals: list[tuple[float, tuple[str, str, int]]] = field(default_factory=list)
    leaves: float = inf
    """When the client decided to leave. It goes on reading for a while, but nothing more is owed."""
    close_code: int | None = None
    """The code with which the server closed; None where the client did."""
    closed: float = inf

    @property
    def counted_until(self) -> float:
        """When messages cease to be owed. To a socket that was turned away because Redis was, none are."""
        if self.is_turned_away:
            return self.opened
        return min(self.leaves, self.closed)

    @property
    def is_turned_away(self) -> bool:
        """Tell whether the server accepted the socket only to say that it cannot serve it."""
        return self.close_code in CLOSED_UNSERVED and not self.arrivals


@dataclass(frozen=True)
class Outage:
    """A time in which something was broken on purpose. From `over` on, everything is owed again."""

    kind: str
    began: float
    over: float
    loses_messages: bool = True
    loses_kept_at: float | None = None
    """When the Redis that kept messages came back empty, if it did."""

    def covers(self, publication: Publication) -> bool:
        """Tell whether the message was, or may have been, published meanwhile."""
        return self.began <= publication.ended and publication.began <= self.over


class Ledger:
    """All notes."""

    def __init__(self, margin: float) -> None:
        self.margin = margin
        """Seconds that what was published just before a close or an outage may have needed to arrive."""
        self.publications: list[Publication] = []
        self.latest: dict[str, dict[str, Publication]] = {}
        """By key and publisher, the latest message."""
        self.sessions: list[Session] = []
        self.outages: list[Outage] = []
        self.refusals: list[tuple[float, str]] = []
        self.oddities: list[str] = []

    def covering(self, publication: Publication) -> Outage | None:
        """Return an outage in which the message was published."""
        return next((outage for outage in self.outages if outage.covers(publication)), None)

    def is_disturbed(self, when: float, *, by_restart: bool | None = None) -> bool:
        """Tell whether something was broken about then: a server, something else, or, by default, anything."""
        return any(
            outage.began - self.margin <= when <= outage.over + self.margin
            for outage in self.outages
            if by_restart is None or by_restart == (outage.kind == RESTART)
        )

    def note(self, publication: Publication) -> None:
        """Note a message whose publishing has ended."""
        self.publications.append(publication)
        if publication.is_accepted:
            self.latest.setdefault(publication.key, {})[publication.publisher] = publication
