"""What a websocket is sent first: kept messages, history, or what its client has missed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ws4channels.counters import counts
from ws4channels.delivery.sequences import State, follow
from ws4channels.transports.messages import Delivery


@dataclass(frozen=True, slots=True)
class Start:
    """Where a client wants to begin."""

    history: int = 0
    """With this many of the newest messages; 0: with the kept message of each key."""
    resumes: bool = False
    """Whether the client is to learn positions."""
    positions: Mapping[str, int] | None = None
    """The number of the last message that it has seen of each key, if it comes back; None if not."""


@dataclass(slots=True)
class Welcome:
    """What one websocket is sent first."""

    deliveries: list[Delivery] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)
    """The number of each key's newest message, which must not be sent again."""
    positions: dict[str, int] = field(default_factory=dict)
    """Where the client is before it reads `deliveries`, as far as these do not tell."""
    recovered: bool | None = None
    """Whether `deliveries` are all that the client has missed; None if it did not ask."""


def make_welcome(states: Mapping[str, State], start: Start) -> Welcome:
    """Return what a websocket to these keys is sent first."""
    welcome = Welcome(recovered=None if start.positions is None else True)
    for key, state in states.items():
        asked = None if start.positions is None else start.positions.get(key)
        welcome.seen[key] = state.newest
        missed = None if asked is None else _missed(asked, state)
        if asked is not None and missed is not None:
            welcome.positions[key] = asked
            welcome.deliveries += missed
            continue
        if start.positions is not None:
            welcome.recovered = False
        newest = _newest(state, start.history, asked or 0)
        welcome.deliveries += newest
        if state.newest and not any(each.number for each in newest):
            welcome.positions[key] = state.newest
    if start.history or start.positions is not None:
        # Numbers are times, also between keys. What has none is the newest of its key.
        welcome.deliveries.sort(key=lambda each: (not each.number, each.number))
    return welcome


def _missed(position: int, state: State) -> list[Delivery] | None:
    """Return all that follows a client's position, or None if some of it is missing or unknown."""
    kept = state.record.kept
    if kept is not None and not kept.number:
        return None
    found, reached = follow(position, state.messages())
    is_complete = state.record.number > 0 and position <= state.newest == reached
    return [each for each in found if each.payload] if is_complete else None


def _newest(state: State, count: int, after: int) -> list[Delivery]:
    kept = state.record.kept
    logged = [each for each in state.log if each.payload and each.number > after] if count else []
    if kept is None or (kept.number and logged and kept.number <= logged[-1].number):
        return logged[-count:] if count else []
    return [*logged[1 - count :], kept] if count > 1 else [kept]


def note_recovery(welcome: Welcome) -> None:
    """Count how it went where a client came back."""
    if welcome.recovered is None:
        return
    counts["resumes"] += 1
    if welcome.recovered:
        counts["resumes_complete"] += 1
    else:
        counts["resumes_incomplete"] += 1
