"""Connects per second, anonymous and signed in; servers take turns, and all sockets stay open until the end."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from benchmarks.children import Answer
from benchmarks.subjects import Subject
from benchmarks.workbench import Server, Workbench

WARM_UP_SOCKETS = 50


def run(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return ``{subject: {"anonymous": [round, …], "signed in": [round, …]}}``."""
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.serve(subject)) for subject in subjects]
        results: Answer = {server.subject.name: {"anonymous": [], "signed in": []} for server in servers}
        for server in servers:
            server.connect(WARM_UP_SOCKETS)
            server.connect(WARM_UP_SOCKETS, cookie=bench.cookie)
        for _ in range(bench.plan.connect_rounds):
            for server in servers:
                of_server = results[server.subject.name]
                of_server["anonymous"].append(_connects(server, bench.plan.connects, None))
                of_server["signed in"].append(_connects(server, bench.plan.connects, bench.cookie))
    return results


def _connects(server: Server, count: int, cookie: str | None) -> Answer:
    query = "subscribe-broadcast&subscribe-user" if cookie else "subscribe-broadcast"
    answer = server.connect(count, urls=[server.url(query=query)], cookie=cookie)
    opened = max(1, answer["opened"])
    return {"per_s": opened / answer["seconds"], "cpu_us": answer["cpu_seconds"] * 1e6 / opened, "opened": opened}
