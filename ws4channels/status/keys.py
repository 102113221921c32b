"""Find keys by facility, user, group or session: who listens to them, and what is kept of them.

Redis is not searched. Keys are those whose names follow from what was asked, and those that the server processes say
their websockets are subscribed to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ws4channels import connections, settings
from ws4channels.audience import BROADCAST, build_key, facility_in
from ws4channels.processes.asking import Answers, ask_processes
from ws4channels.processes.questions import Question, keys_of, sockets_of
from ws4channels.processes.records import Process
from ws4channels.status.kept import Kept, measure


@dataclass(frozen=True)
class FoundKey:
    """One key."""

    key: str
    facility: str
    sockets: int
    """How many websockets are subscribed to it, in all processes that answered."""
    by_process: dict[str, int]
    """The same by the name of the process."""
    kept: Kept | None
    """The kept message and the history; None if there is neither."""
    age: float | None
    """Seconds since its newest message was published; None if that is not known."""


@dataclass(frozen=True)
class FoundKeys:
    """What `find_keys` found."""

    keys: list[FoundKey]
    """Those with most sockets first."""
    silent: tuple[Process, ...]
    """Processes that did not answer in time: sockets and keys of theirs are missing."""


def find_keys(
    client: Any,
    *,
    facility: str | None = None,
    user: Any = None,
    group: Any = None,
    session: Any = None,
    limit: int = 100,
    seconds: float = 1.0,
) -> FoundKeys:
    """Return up to `limit` keys, 1 to 1000, of a facility, of a user, a group or a session, or of one in a facility.

    Without any of them those with most sockets. `client` is a sync one. Takes up to `seconds` longer if a process does
    not answer. Raises ValueError for several of user, group and session, and for another limit, and
    ``redis.exceptions.ConnectionError`` if Redis does not answer.
    """
    named = [(each, name) for each, name in (("user", user), ("group", group), ("session", session)) if name]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(each for each, _ in named)} are given; at most one of them can be.")
    question, exact, lead = _plan(facility, named, limit)
    answers = ask_processes(client, question, seconds)
    found = [key for key in answers.totals if key.startswith(lead)]
    keys = [*found[:limit], *(key for key in exact if key not in found)][:limit]
    with connections.one_kind_of_failure():
        measured = measure(client, keys)
    described = [_describe(kept, answers) for kept in measured]
    return FoundKeys([each for each in described if each.sockets or each.kept], answers.silent)


def _plan(facility: str | None, named: list[tuple[str, Any]], limit: int) -> tuple[Question, list[str], str]:
    """Return what to ask the processes, the keys that follow from the names, and what all keys begin with."""
    prefix = settings.WS4REDIS_PREFIX
    if not named:
        exact = [build_key(prefix, BROADCAST, "", facility)] if facility else []
        return keys_of(facility or None, limit=limit), exact, ""
    audience, name = named[0]
    key = build_key(prefix, audience, name, facility or "")
    if facility:
        return sockets_of([key]), [key], key
    return keys_of(text=key, limit=limit), [], key


def _describe(kept: Kept, answers: Answers) -> FoundKey:
    key = kept.key
    by_process = {name: counts[key] for name, counts in answers.by_process.items() if key in counts}
    has_any = bool(kept.size or kept.logged)
    return FoundKey(
        key,
        facility_in(settings.WS4REDIS_PREFIX, key),
        sum(by_process.values()),
        by_process,
        kept if has_any else None,
        max(round(answers.at - kept.number / 1_000_000, 1), 0.0) if has_any and kept.number else None,
    )
