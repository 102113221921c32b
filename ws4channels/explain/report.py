"""What `explain` found: the steps of a handshake with their verdicts, and the keys behind it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from ws4channels.access.observers import Verdict
from ws4channels.access.refusals import CLOSE_UNREACHABLE, is_refusal
from ws4channels.connections import UNREACHABLE
from ws4channels.shown import error_on_one_line, on_one_line


@dataclass(frozen=True)
class Step:
    """One step of a handshake. `text` is one line, without control characters."""

    name: str
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class Key:
    """One key of a websocket, and what Redis knows of it; not what its messages say."""

    key: str
    subscribes: bool
    publishes: bool
    kept_bytes: int | None = None
    """Size of the kept message; None: there is none."""
    kept_age: float | None = None
    """Seconds since it was published; None where that is unknown."""
    kept_seconds: int | None = None
    """For how many seconds more it is kept; None: for ever, or there is none."""
    history_messages: int = 0
    history_bytes: int = 0
    processes: int | None = None
    """How many processes listen to it now; None where the layer does not tell."""
    sockets: dict[str, int] | None = None
    """How many websockets listen in each server process, by its host and number; None where nobody answers that."""


@dataclass
class Explanation:
    """What a handshake would come to, and why."""

    steps: list[Step] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)
    """The channels that the URL asks for and the client does not get, each with the reason."""
    is_accepted: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as values that JSON has."""
        return asdict(self)


@dataclass
class Finding:
    """What a step that has not failed says of itself."""

    text: str = ""
    verdict: Verdict = "ok"


class Report:
    """Collects steps as they are taken."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    @property
    def is_refused(self) -> bool:
        """Tell whether some step refused the client."""
        return any(step.verdict == "refused" for step in self.steps)

    def tell(self, name: str, verdict: Verdict, text: str) -> None:
        """Take note of what one step decided."""
        self.steps.append(Step(on_one_line(name), verdict, on_one_line(text)))

    @contextmanager
    def step(self, name: str) -> Iterator[Finding]:
        """Take note of a step when it ends: of what it says in the Finding, or of the error that it raises."""
        finding = Finding()
        try:
            yield finding
        except Exception as error:
            self.tell(name, "refused", outcome_of(error))
            raise
        self.tell(name, finding.verdict, finding.text)


def outcome_of(error: Exception) -> str:
    """Return what a server answers to a handshake in which `error` is raised, and why, as its log has it."""
    text = error_on_one_line(error)
    if isinstance(error, UNREACHABLE):
        return f"{text} (Redis does not answer; closed with {CLOSE_UNREACHABLE})"
    if is_refusal(error):
        return f"{text} (status 403)"
    *_, last = [None, *traceback.extract_tb(error.__traceback__)]
    place = "" if last is None else f", raised in line {last.lineno} of {last.filename}, {last.name}"
    return f"{text} (status 500{place})"


def listed(names: Mapping[str, Any] | list[str] | tuple[str, ...] | set[str], most: int = 20) -> str:
    """Return names as they stand in a sentence: at most so many, and "nothing" for none."""
    shown = sorted(names) if isinstance(names, set) else list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more if shown else "nothing"
