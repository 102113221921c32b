"""Which keys a publisher writes, who listens to them, and whether a client does."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.asyncio import async_unsafe

from ws4channels.audience import SELF, name_of
from ws4channels.explain.keys import count_processes
from ws4channels.explain.report import Explanation, Report, listed
from ws4channels.publisher import RedisPublisher
from ws4channels.shown import on_one_line
from ws4channels.transports.configured import get_transport


@dataclass
class Publishing:
    """What a `RedisPublisher` with some arguments would reach."""

    keys: dict[str, int | None] = field(default_factory=dict)
    """The keys that are written, each with the number of processes that listen to it now; None if that is unknown."""
    notes: list[str] = field(default_factory=list)
    """What is odd about the arguments."""
    gap: str | None = None
    """Why the client of the given Explanation does not receive what is published; None if it does, or none is given."""

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return asdict(self)


@async_unsafe(
    "explain_publishing() waits for Redis and must not be called in a thread that runs an event loop: await "
    "sync_to_async(explain_publishing)() instead."
)
def explain_publishing(facility: Any, explanation: Explanation | None = None, **arguments: Any) -> Publishing:
    """Return which keys ``RedisPublisher(facility=facility, **arguments)`` writes, and who listens. Publishes nothing.

    With `explanation`, also say whether that client receives it. Raises what RedisPublisher raises for such arguments,
    and ConfigurationError, and SynchronousOnlyOperation in a thread that runs an event loop.
    """
    given = {name: list(value) if isinstance(value, Iterator) else value for name, value in arguments.items()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        publisher = RedisPublisher(facility=facility, **given)
    notes = [str(each.message) for each in caught] + list(_notes_on(given))
    keys = sorted(publisher._publishers)
    report = Report()
    counts = count_processes(report, get_transport(), keys) if keys else {}
    notes += [step.text for step in report.steps]
    if not keys:
        notes.append("The arguments address nobody.")
    gap = None if explanation is None else _gap_between(keys, explanation)
    return Publishing({key: counts.get(key) for key in keys}, list(map(on_one_line, notes)), gap and on_one_line(gap))


def _notes_on(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Yield a note for each object whose name is whatever ``str()`` makes of it."""
    for argument in ("users", "groups", "sessions"):
        value = arguments.get(argument)
        members = value if isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping)) else ()
        audience = argument.removesuffix("s")
        for member in members:
            if member is None or member is SELF or isinstance(member, (str, bytes)) or _has_name(member):
                continue
            yield f"{argument} holds {member!r}, which is no name: it is published to {name_of(audience, member)!r}."


def _has_name(member: Any) -> bool:
    return hasattr(member, "get_username") or hasattr(member, "session_key")


def _gap_between(written: list[str], explanation: Explanation) -> str | None:
    if not explanation.is_accepted:
        return "The client is not let in, so it receives nothing."
    read = [key.key for key in explanation.keys if key.subscribes]
    if set(written).intersection(read):
        return None
    dropped = "".join(f"; it does not get {channel}: {reason}" for channel, reason in explanation.dropped.items())
    return f"Published to {listed(written)}; the client listens to {listed(read)}{dropped}."
