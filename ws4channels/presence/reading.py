"""Read from Redis who is here, in one round trip."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ws4channels import connections
from ws4channels.connections.pipelines import aask, ask
from ws4channels.presence.records import Record, read_answers, read_body, read_commands


@dataclass(frozen=True)
class Presence:
    """One user who is here."""

    user: str
    """The username."""
    sockets: int
    """How many websockets the user has; 0 for a few seconds after the last has closed."""
    since: datetime
    """Since when the user has had at least one, by Redis' clock."""


class Present(list[Presence]):
    """The users who are here, those who came first first."""

    anonymous: int = 0
    """How many websockets there are of clients that are not signed in."""

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        users = [{"user": each.user, "sockets": each.sockets, "since": each.since.isoformat()} for each in self]
        return {"users": users, "anonymous": self.anonymous}


def read_present(client: Any, keys: Iterable[str]) -> Present:
    """Return who is here under some keys, through a sync client."""
    with connections.one_kind_of_failure():
        return _merge(ask(client, read_commands(keys, connections.pool_of(client) is None)))


async def aread_present(client: Any, keys: Iterable[str]) -> Present:
    """Do as `read_present` with an async client."""
    with connections.one_kind_of_failure():
        return _merge(await aask(client, read_commands(keys, connections.pool_of(client) is None)))


def _merge(answers: Iterable[Any]) -> Present:
    """Put the records of all keys and processes together."""
    users: dict[str, dict[bytes, int]] = {}
    since: dict[str, datetime] = {}
    anonymous: dict[bytes, int] = {}
    for now, records in read_answers(answers):
        for process, record in records:
            if not record.is_stale(now):
                _add(users, since, anonymous, process, record)
    present = Present(
        sorted(
            (Presence(user, sum(sockets.values()), since[user]) for user, sockets in users.items()),
            key=lambda each: (each.since, each.user),
        )
    )
    present.anonymous = sum(anonymous.values())
    return present


def _add(
    users: dict[str, dict[bytes, int]],
    since: dict[str, datetime],
    anonymous: dict[bytes, int],
    process: bytes,
    record: Record,
) -> None:
    content = read_body(record.body)
    anonymous[process] = max(anonymous.get(process, 0), content.anonymous)
    for user, listed in content.users.items():
        sockets = users.setdefault(user, {})
        sockets[process] = max(sockets.get(process, 0), listed.sockets)
        since[user] = min(record.since(listed), since.get(user, record.since(listed)))
