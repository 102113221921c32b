"""Who is here under one key, as far as one process knows. Without Redis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ws4channels.delivery.subscriber_map import Subscriber
from ws4channels.presence.records import NOBODY, Content, Listed, Record, build_body, read_body

GRACE = 3.0
"""Seconds for which a user stays after the last websocket has closed, so that loading a page again is no leave."""

HOLD = 5.0
"""Seconds for which what another process wrote counts when it has vanished: Redis may have been emptied."""

EMPTY = build_body(NOBODY)

_SOON = 0.2
_WATCHERS_PER_SECOND = 2500
_LONGEST_DELAY = 2.0

Person = tuple[str | None, str | None]
"""A username, or None, and the mark of a session, or None."""


@dataclass
class Other:
    """What another process wrote."""

    record: Record
    content: Content
    missing_since: float | None = None


@dataclass
class News:
    """What is to be told to the watchers of a key."""

    now: list[str]
    anonymous: int
    joined: list[str]
    left: list[str]
    watchers: list[Subscriber]
    """They are told who has joined and left."""
    newcomers: list[Subscriber]
    """They are told who is here now."""


@dataclass
class _Own:
    """A user with websockets in this process."""

    since: int
    """Milliseconds by the event loop's clock."""
    session: str | None
    """The mark of the session of the first websocket, and then of the last that closed."""
    sockets: int = 0
    leaves_at: float | None = None
    is_announced: bool = False


@dataclass
class Roll:
    """The websockets of this process under one key, and what other processes wrote. Times are the event loop's."""

    facility: str | None = None
    """For which signals are sent for who comes and goes; None where there are none."""
    written: bytes | None = None
    """The body that Redis has."""
    joined: list[Person] = field(default_factory=list)
    """Who has come, until it is taken for the signals."""
    left: list[Person] = field(default_factory=list)
    _users: dict[str, _Own] = field(default_factory=dict)
    _anonymous: int = 0
    _body: bytes | None = None
    _others: dict[bytes, Other] = field(default_factory=dict)
    _watchers: dict[Subscriber, None] = field(default_factory=dict)
    _newcomers: dict[Subscriber, None] = field(default_factory=dict)
    _told: tuple[set[str], int] = field(default_factory=lambda: (set(), 0))
    _gone: dict[str, str | None] = field(default_factory=dict)
    """Users without websockets in this process, with the marks of their sessions, who may be in another."""

    def enter(self, user: str | None, session: str | None, now: float) -> None:
        """Note a websocket that has opened."""
        self._body = None
        if user is None:
            self._anonymous += 1
            self._announce(self.joined, None, session)
            return
        own = self._users.get(user)
        if own is None:
            own = self._users[user] = _Own(int(now * 1000), session, is_announced=user in self._gone)
            self._gone.pop(user, None)
        own.sockets += 1
        own.leaves_at = None

    def leave(self, user: str | None, session: str | None, now: float) -> bool:
        """Note a websocket that has closed; tell whether to call `expire` when the time of grace is over."""
        self._body = None
        if user is None:
            self._anonymous -= 1
            self._announce(self.left, None, session)
            return False
        own = self._users[user]
        own.sockets -= 1
        own.session = session
        own.leaves_at = None if own.sockets else now + GRACE
        return not own.sockets

    def expire(self, user: str, now: float) -> None:
        """Remove a user whose time of grace is over."""
        own = self._users.get(user)
        if own is not None and own.leaves_at is not None and own.leaves_at <= now:
            del self._users[user]
            self._body = None
            if own.is_announced:
                self._gone[user] = own.session

    def watch(self, subscriber: Subscriber) -> None:
        """Have a websocket told who is here, and then who comes and goes."""
        self._newcomers[subscriber] = None

    def unwatch(self, subscriber: Subscriber) -> None:
        """Undo `watch`."""
        self._newcomers.pop(subscriber, None)
        self._watchers.pop(subscriber, None)

    @property
    def delay(self) -> float:
        """Seconds until a change is written and told, with all others of that time; more where many are told."""
        return min(max(_SOON, len(self._watchers) / _WATCHERS_PER_SECOND), _LONGEST_DELAY)

    @property
    def body(self) -> bytes:
        """What to write now; nothing where nobody is here and Redis has that."""
        if self._body is None:
            users = {user: Listed(own.sockets, own.since) for user, own in self._users.items()}
            self._body = build_body(Content(users, self._anonymous))
        return b"" if self._body == EMPTY and self.written in (None, EMPTY) else self._body

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here, and no signal has to be sent for who was."""
        return not self._users and not self._anonymous and not self._gone

    @property
    def is_over(self) -> bool:
        """Whether nobody is here and Redis has nothing of it."""
        return self.is_empty and self.written is None

    @property
    def needs_others(self) -> bool:
        """Whether it matters what other processes wrote."""
        return bool(self._watchers or self._newcomers or self.facility is not None or self.written != self.body)

    @property
    def has_others(self) -> bool:
        """Whether other processes are there to be notified of changes."""
        return bool(self._others)

    def forget_others(self) -> None:
        """Forget what other processes wrote, where it does not matter any more."""
        self._others.clear()

    def take(self, records: Iterable[tuple[bytes, Record]], read_at: int, now: float, is_continuous: bool) -> None:
        """Take what other processes wrote, `read_at` by Redis' clock.

        `is_continuous` says whether Redis was reached all the time: others may have had no chance to write otherwise.
        """
        stale = set()
        present = set()
        for process, record in records:
            if record.is_stale(read_at):
                stale.add(process)
                continue
            present.add(process)
            known = self._others.get(process)
            is_same = known is not None and known.record.body == record.body
            content = known.content if known is not None and is_same else read_body(record.body)
            self._others[process] = Other(record, content)
        for process, other in list(self._others.items()):
            if process not in present:
                other.missing_since = now if other.missing_since is None else other.missing_since
                if (process in stale and is_continuous) or now - other.missing_since >= HOLD:
                    del self._others[process]
        if self.facility is not None:
            self._note_signals()

    def _note_signals(self) -> None:
        """A user who is in another process has joined there, and leaves there."""
        others = self._others.values()
        elsewhere: set[str] = set().union(*(other.content.users for other in others))
        sure: set[str] = set().union(*(other.content.users for other in others if other.missing_since is None))
        for user, own in self._users.items():
            if not own.is_announced:
                own.is_announced = True
                if user not in elsewhere:
                    self._announce(self.joined, user, own.session)
        for user, session in list(self._gone.items()):
            if user in elsewhere - sure:
                continue  # That process may have written that it has nobody, and removed that before it was read here.
            if user not in elsewhere:
                self._announce(self.left, user, session)
            del self._gone[user]

    def _announce(self, people: list[Person], user: str | None, session: str | None) -> None:
        if self.facility is not None:
            people.append((user, session))

    def news(self) -> News | None:
        """Return what to tell the watchers now, if anything."""
        if not self._watchers and not self._newcomers:
            return None
        contents = [other.content for other in self._others.values()]
        names = set(self._users).union(*(each.users for each in contents))
        anonymous = self._anonymous + sum(each.anonymous for each in contents)
        before = self._told[0]
        is_changed = (names, anonymous) != self._told
        if not is_changed and not self._newcomers:
            return None
        watchers, newcomers = list(self._watchers) if is_changed else [], list(self._newcomers)
        self._told = names, anonymous
        self._watchers.update(self._newcomers)
        self._newcomers.clear()
        return News(sorted(names), anonymous, sorted(names - before), sorted(before - names), watchers, newcomers)
