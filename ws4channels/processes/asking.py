"""Read what server processes tell of themselves, and ask all of them. For threads that run no event loop."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from ws4channels import connections, settings
from ws4channels.audience import answers_key
from ws4channels.connections.pipelines import ask
from ws4channels.processes.questions import Question
from ws4channels.processes.records import Process, read_command, read_names, read_processes_in
from ws4channels.transports import publishing

_PIECE = 0.25
"""Seconds of one waiting: less than any sensible time limit of the connection."""

_MOST_ANSWERS = 2000
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Answers:
    """What the processes answered."""

    by_process: dict[str, dict[str, int]]
    """By a process's name its keys with their numbers of sockets."""
    processes: tuple[Process, ...]
    """Those that were asked."""
    at: float
    """When that was, in seconds by Redis' clock."""

    @property
    def silent(self) -> tuple[Process, ...]:
        """Those that were asked and did not answer in time."""
        return tuple(each for each in self.processes if each.name not in self.by_process)

    @property
    def totals(self) -> dict[str, int]:
        """The keys with the numbers of sockets of all processes together, those with most first."""
        totals: Counter[str] = Counter()
        for counts in self.by_process.values():
            totals.update(counts)
        return dict(sorted(totals.items(), key=lambda each: (-each[1], each[0])))


def read_processes(client: Any) -> list[Process]:
    """Return the server processes that have websockets, or had some, in one round trip. `client` is a sync one."""
    return _look(client)[1]


def _look(client: Any) -> tuple[float, list[Process]]:
    """Return Redis' time, and the processes."""
    with connections.one_kind_of_failure():
        (answer,) = ask(client, [read_command()])
        processes = read_processes_in(answer)
        return int(answer[0]) / 1_000_000, processes


def ask_processes(client: Any, question: Question, seconds: float = 1.0) -> Answers:
    """Ask all server processes, and return when all have answered, or after `seconds`.

    Build the question with `sockets_of` or `keys_of`. Raises ``redis.exceptions.ConnectionError`` if Redis does not
    answer.
    """
    at, processes = _look(client)
    answers: dict[str, dict[str, int]] = {}
    whole = Answers(answers, tuple(processes), at)
    if not processes or publishing.recorders:
        return whole
    deadline = time.monotonic() + seconds
    publishing.publish(question.publication(), client)
    key = answers_key(settings.WS4REDIS_PREFIX, question.number)
    missing = {each.name for each in processes}
    for _ in range(_MOST_ANSWERS):
        raw = _next_answer(client, key, deadline) if missing else None
        if raw is None:
            break
        name, counts = read_answer(raw, question.limit)
        if name is not None and name in missing:
            missing.discard(name)
            answers[name] = counts
    return whole


def _next_answer(client: Any, key: str, deadline: float) -> bytes | None:
    """Return the next answer, or None when time is over."""
    with connections.one_kind_of_failure():
        while (left := deadline - time.monotonic()) > 0:
            answer = client.blpop([key], timeout=max(min(left, _PIECE), 0.01))
            if answer is not None:
                return bytes(answer[1])
    return None


def build_answer(name: str, counts: list[tuple[str, int]]) -> bytes:
    """Return what a process answers: its name, and keys with their numbers of sockets; as many as a reader takes."""
    while True:
        raw = json.dumps([name, counts], separators=(",", ":")).encode("ascii")
        if len(raw) <= _MOST_BYTES:
            return raw
        counts = counts[: len(counts) // 2]


def read_answer(raw: bytes, limit: int) -> tuple[str | None, dict[str, int]]:
    """Return the name and the counts in an answer; no name where another program wrote it."""
    if len(raw) > _MOST_BYTES:
        return None, {}
    try:
        name, pairs = json.loads(raw)
        return str(name), dict(read_names(pairs, limit))
    except (ValueError, TypeError, RecursionError):
        return None, {}
