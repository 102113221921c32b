"""Collect health information about a site: Redis, a message's round trip, who listens, what is kept, what is wrong.

>>> from ws4channels.status import look
>>> look().exit_status
0
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from django.core.checks import WARNING, CheckMessage
from django.core.exceptions import ImproperlyConfigured

from ws4channels import __version__, connections, settings
from ws4channels.access.presence import has_presence
from ws4channels.audience import facility_in
from ws4channels.checks import current_messages
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.presence.reading import Present, read_present
from ws4channels.processes.asking import read_processes
from ws4channels.processes.records import Process
from ws4channels.shown import error_on_one_line
from ws4channels.status.kept import Kept, find_kept, measure
from ws4channels.status.listening import Listening, find_listening, measure_round_trip
from ws4channels.status.server import Latency, Server, ask_server
from ws4channels.transports.configured import get_transport
from ws4channels.transports.contract import Transport

__all__ = ["Status", "look"]

FINE, WARNED, FAILED = 0, 1, 2
DEFAULT_LIMIT = 10_000
_PATIENCE = 10.0
"""Seconds; a layer's connections may have no time limit of their own."""


@dataclass
class Status:
    """What `look` found. Where something is None or empty, `failures` has the reason."""

    version: str = __version__
    transport: str = ""
    server: Server | None = None
    round_trip: Latency | None = None
    listening: Listening | None = None
    here: Present | None = None
    """Who is present under the keys that were asked for; None where no presence of them is recorded."""
    processes: list[Process] = field(default_factory=list)
    """What the server processes tell of themselves; none with ``WS4CHANNELS_ADMIN = False``."""
    kept: int | None = None
    is_complete: bool = True
    """Whether all kept keys were found, and not only as many as the limit allowed."""
    kept_keys: list[Kept] = field(default_factory=list)
    """Those keys in detail, if that was asked for."""
    warnings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0 if all is fine, 1 with warnings, 2 with failures: what monitoring systems expect."""
        return FAILED if self.failures else WARNED if self.warnings else FINE

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        here = None if self.here is None else self.here.as_dict()
        processes = [{**asdict(each), "started": each.started.isoformat()} for each in self.processes]
        rest = asdict(replace(self, here=None, processes=[]))
        return {**rest, "here": here, "processes": processes, "exit_status": self.exit_status}


def look(keys: Iterable[str] = (), *, details: bool = False, limit: int = DEFAULT_LIMIT) -> Status:
    """Return the status of the site now. Takes up to some 20 seconds, and raises nothing, if something does not answer.

    `keys` are looked up besides those that are found, of which there are at most `limit`; with `details` the kept ones
    are described. For threads that run no event loop.
    """
    status = Status()
    _note_checks(status, current_messages())
    try:
        transport = get_transport()
        client = connections.sync_client()
    except ImproperlyConfigured as error:
        # Mostly the checks have said so.
        status.failures = status.failures or [str(error)]
        return status
    status.transport = f"{settings.WS4CHANNELS_TRANSPORT} ({transport.server})"
    found = _look_at_redis(status, client, keys, details, limit)
    asyncio.run(_look_at_transport(status, transport, sorted({*keys, *found}), limit))
    return status


def _look_at_redis(status: Status, client: Any, keys: Iterable[str], details: bool, limit: int) -> list[str]:
    """Ask Redis; return the keys with kept messages."""
    found: list[str] = []
    try:
        status.server = ask_server(client)
        status.warnings += [f"Redis at {status.server.address}: {each}" for each in status.server.warnings]
        status.processes = read_processes(client) if settings.WS4CHANNELS_ADMIN else []
        recorded = [key for key in keys if has_presence(facility_in(settings.WS4REDIS_PREFIX, key))]
        status.here = read_present(client, recorded) if recorded else None
        found, status.is_complete = find_kept(client, settings.WS4REDIS_PREFIX, limit)
        status.kept = len(found)
        status.kept_keys = measure(client, found) if details else []
    except (*UNREACHABLE, RedisError) as error:
        address = connections.describe_client(client)
        status.failures.append(f"Redis at {address} fails: {error_on_one_line(error)}")
    return found


def _note_checks(status: Status, messages: Iterable[CheckMessage]) -> None:
    for message in messages:
        text = f"{message.id}: {message.msg} {message.hint or ''}".rstrip()
        if message.is_serious():
            status.failures.append(text)
        elif message.level >= WARNING:
            status.warnings.append(text)


async def _look_at_transport(status: Status, transport: Transport, keys: list[str], limit: int) -> None:
    try:
        # First this: measuring joins a group itself.
        status.listening = await within(_PATIENCE, find_listening(transport, keys, limit))
        status.round_trip = await within(_PATIENCE, measure_round_trip(transport))
    except Exception as error:
        # Somebody's own layer may raise anything.
        status.failures.append(f"Messages do not come through {transport.server}: {error_on_one_line(error)}")
