"""Whether what was published in a soak accounts for what each socket received.

**Owed** to a socket is each message that was published, without an error for its publisher, to the socket's key while
the socket was open; and, where the socket was sent a kept message at connect, each one that came after that. What is
owed arrives exactly once, and each publisher's messages in order. Three reasons, and no other, excuse a message that
did not arrive: it was published in an outage that was declared; the socket was closed because its client did not
read; the socket's server was being stopped. After an outage, and after connecting, a socket has the newest message of
its key, whenever that was published.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import inf

from tests.soak.ledger import CLOSED_UNSERVED, Ledger, Publication, Session

MAX_COMPLAINTS = 20
_COMPLAINTS_PER_SESSION = 2
_AT_ONCE = 50
_INSTANT = 1.0  # seconds
CLOSED_FOR_RESTART = frozenset({1001, 1006, 1012})
CLOSED_AS_FULL = 4008
CLOSED_FOR_SLOWNESS = frozenset({CLOSED_AS_FULL}) | CLOSED_FOR_RESTART
"""A client that does not read learns late why its socket was closed, which may have been for two reasons."""


@dataclass
class Outcome:
    """What was found."""

    counts: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    """Owed messages that did not arrive, by excuse."""
    complaints: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds from the begin of publishing to the arrival, outside outages, to clients that read."""

    def complain(self, text: str) -> None:
        """Note what has no excuse."""
        self.counts["complaints"] += 1
        if len(self.complaints) < MAX_COMPLAINTS:
            self.complaints.append(text)


def audit_of(ledger: Ledger) -> Outcome:
    """Compare what each socket received with what was published while it was open."""
    outcome = Outcome(complaints=[], counts=Counter(complaints=0))
    for oddity in ledger.oddities:
        outcome.complain(oddity)
    histories: dict[str, _History] = defaultdict(_History)
    for publication in sorted(ledger.publications, key=lambda each: each.began):
        histories[publication.key].add(publication)
        outcome.counts["accepted" if publication.is_accepted else "failed"] += 1
        if not publication.is_accepted and not ledger.covering(publication):
            outcome.complain(f"{publication} failed, and nothing was broken.")
    for when, why in ledger.refusals:
        outcome.counts["refused"] += 1
        if not ledger.is_disturbed(when):
            outcome.complain(f"At {when:.1f} a websocket was refused, and nothing was broken: {why}")
    for session in ledger.sessions:
        _Audit(ledger, session, histories[session.key], outcome).run()
    return outcome


class _History:
    """What was published to one key, in order of time."""

    def __init__(self) -> None:
        self.publications: list[Publication] = []
        self.begins: list[float] = []
        self.by_name: dict[tuple[str, str, int], Publication] = {}

    def add(self, publication: Publication) -> None:
        """Add the next one."""
        self.publications.append(publication)
        self.begins.append(publication.began)
        self.by_name[publication.name] = publication

    def since(self, when: float) -> Iterator[Publication]:
        """Yield what was begun from then on."""
        return islice(self.publications, bisect_left(self.begins, when), None)

    def newest(self, after: float, until: float) -> list[Publication]:
        """Return what may be the newest message of a time: of those published at once, Redis alone knows."""
        latest: list[Publication] = []
        for index in range(bisect_left(self.begins, until) - 1, -1, -1):
            publication = self.publications[index]
            if publication.began <= after or len(latest) > _AT_ONCE:
                break
            if publication.is_accepted and publication.ended <= until:
                latest.append(publication)
        last = max((each.ended for each in latest), default=0.0)
        last_began = max((each.began for each in latest if each.ended == last), default=0.0)
        return [each for each in latest if each.ended >= last_began]


class _Audit:
    """Compares one session with what was published to its key."""

    def __init__(self, ledger: Ledger, session: Session, history: _History, outcome: Outcome) -> None:
        self.ledger = ledger
        self.session = session
        self.history = history
        self.known = history.by_name
        self.outcome = outcome
        self.received: dict[tuple[str, str, int], float] = {}
        self.complaints = 0

    def run(self) -> None:
        """Note what the session received, what it missed, and how it ended."""
        self._check_ending()
        self._check_arrivals()
        self._check_owed()
        self._check_newest()

    def _complain(self, text: str) -> None:
        session = self.session
        self.complaints += 1
        if self.complaints > _COMPLAINTS_PER_SESSION:
            self.outcome.counts["complaints"] += 1
            return
        self.outcome.complain(
            f"{session.name} on {session.key}, begun {session.began:.2f}, opened {session.opened:.2f}: {text}"
        )

    def _check_ending(self) -> None:
        session, ledger = self.session, self.ledger
        code = session.close_code
        self.outcome.counts["sockets"] += 1
        if code is None:
            self.outcome.counts["left"] += 1
            return
        self.outcome.counts[f"closed with {code}"] += 1
        if code in CLOSED_FOR_SLOWNESS and not session.reads:
            return
        if code == CLOSED_AS_FULL and self._waited_for_redis():
            return
        if code in CLOSED_FOR_RESTART and ledger.is_disturbed(session.closed, by_restart=True):
            return
        # Who joins or publishes while Redis is away is told so; who only listens keeps the socket.
        # A handshake waits for Redis, so what counts is when it began.
        moments = (session.began, session.opened) if session.is_turned_away else (session.closed,)
        is_told = session.publishes or session.is_turned_away
        if code in CLOSED_UNSERVED and is_told and any(ledger.is_disturbed(each, by_restart=False) for each in moments):
            return
        self._complain(f"closed by the server with {code} at {session.closed:.2f}, and nothing was broken.")

    def _check_arrivals(self) -> None:
        newest: dict[str, int] = {}
        for when, name in self.session.arrivals:
            publication = self.known.get(name)
            if publication is None:
                self._complain(f"received {name}, which nobody published here.")
                continue
            self.outcome.counts["received"] += 1
            if name in self.received:
                self._complain(f"received {name} twice, at {self.received[name]:.2f} and at {when:.2f}.")
            self.received.setdefault(name, when)
            if publication.is_accepted:
                if publication.number < newest.get(publication.publisher, -1):
                    self._complain(f"received {name} after {newest[publication.publisher]} of that publisher.")
                newest[publication.publisher] = publication.number
            is_usual = self.session.is_prompt and publication.began > self.session.opened
            if is_usual and not self.ledger.covering(publication):
                self.outcome.slowest = max(self.outcome.slowest, when - publication.began)

    def _owed_since(self) -> float:
        """Return from when on everything is owed: since the socket was open, or since the kept message before."""
        if self.session.arrivals:
            first = self.known.get(self.session.arrivals[0][1])
            if first is not None and first.is_accepted:
                return min(self.session.opened, first.ended)
        return self.session.opened

    def _check_owed(self) -> None:
        since, until = self._owed_since(), self.session.counted_until
        owed = set()
        for publication in self.history.since(since):
            if publication.began >= until:
                break
            if publication.is_accepted and publication.began > since and publication.ended <= until:
                owed.add(publication.name)
                self._account_for(publication)
        self.outcome.counts["owed"] += len(owed)
        for name in self.received.keys() - owed:
            publication = self.known[name]
            if publication.began <= self.session.opened:
                self.outcome.counts["kept, sent at connect"] += 1
            elif not publication.is_accepted:
                self.outcome.counts["published in spite of an error"] += 1
            else:
                self.outcome.counts["received while leaving"] += 1

    def _account_for(self, publication: Publication) -> None:
        if publication.name in self.received:
            self.outcome.counts["delivered"] += 1
            return
        excuse = self._excuse(publication)
        if excuse is None:
            self.outcome.lost["no excuse"] += 1
            self._complain(f"never received {publication}.")
        else:
            self.outcome.lost[excuse] += 1

    def _waited_for_redis(self) -> bool:
        """Tell whether the socket was closed as it opened, after a handshake that an outage held up.

        What is published meanwhile waits in its outbox, which has a bound, however fast the client reads afterwards.
        """
        session = self.session
        was_held_up = any(self.ledger.is_disturbed(each, by_restart=False) for each in (session.began, session.opened))
        return was_held_up and session.closed - session.opened < _INSTANT

    def _excuse(self, publication: Publication) -> str | None:
        session = self.session
        is_tail = not session.arrivals or self.known_time(session.arrivals[-1][1]) <= publication.ended
        if not session.reads and session.close_code in CLOSED_FOR_SLOWNESS and is_tail:
            return "client did not read"
        outage = next((each for each in self.ledger.outages if each.loses_messages and each.covers(publication)), None)
        if session.told is not None:
            # A client that resumes has everything, or was told that it has not.
            is_told = outage is not None and any(outage.began <= each for each in session.told)
            return f"{outage.kind}: told" if is_told and outage is not None else None
        if outage is not None:
            return outage.kind
        if session.close_code is not None and is_tail and publication.ended > session.closed - self.ledger.margin:
            return f"published while the socket was closed with {session.close_code}"
        return None

    def known_time(self, name: tuple[str, str, int]) -> float:
        """Return when a message was published, as far as is known."""
        publication = self.known.get(name)
        return -inf if publication is None else publication.began

    def _check_newest(self) -> None:
        session = self.session
        if not session.reads:
            return
        moments = [(session.began, session.opened)]
        moments += [(each.over, each.over) for each in self.ledger.outages if session.opened < each.began]
        for published, settled in moments:
            # Long enough for it to have been sent, and not in a time in which something else is broken.
            if settled + self.ledger.margin < session.counted_until and not self._is_disturbed(settled):
                self._check_has_newest_of(published)

    def _is_disturbed(self, when: float) -> bool:
        return any(each.began <= when < each.over for each in self.ledger.outages)

    def _check_has_newest_of(self, moment: float) -> None:
        emptied = max((each.loses_kept_at or -inf for each in self.ledger.outages if each.began < moment), default=-inf)
        newest = self.history.newest(emptied, moment)
        if not newest:
            return
        self.outcome.counts["newest expected"] += 1
        # Who connects reads what is kept a moment later.
        if moment == self.session.began:
            # Any of them may be the newest: those that took long may have begun before others.
            began = min(each.began for each in newest)
            is_there = any(self.known_time(name) >= began for name in self.received)
        else:
            is_there = any(each.name in self.received for each in newest)
        if not is_there:
            self._complain(f"never received {newest[0]}, the newest at {moment:.2f}.")
