"""Deliveries per second, CPU per delivery and latency, as the number of sockets on one server grows.

All servers run side by side and take turns, round by round: what disturbs the machine disturbs all of them. A server
that is not ours and breaks under a number of sockets is reported as broken there, and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from benchmarks.children import Answer
from benchmarks.subjects import Subject
from benchmarks.workbench import Server, Workbench


def run(bench: Workbench, subjects: Sequence[Subject], numbers: Iterable[int] = ()) -> Answer:
    """Return ``{"levels": {sockets: {subject: [round, …]}}, "latency": {subject: round}}``.

    `numbers` are those of the plan's levels that are measured; all if it is empty.
    """
    plan = bench.plan
    levels: Answer = {}
    latency: Answer = {}
    with ExitStack() as stack:
        servers = [stack.enter_context(bench.serve(subject)) for subject in subjects]
        open_sockets = 0
        for level in numbers or plan.levels:
            with bench.noted(f"throughput: connecting up to {level} sockets per server"):
                connected = {server.subject.name: server.connect(level - open_sockets) for server in servers}
            open_sockets = level
            with bench.noted(f"throughput: bursts to {level} sockets"):
                levels[str(level)] = {"connect": connected, "rounds": _rounds(bench, servers, level)}
            if level == plan.latency_sockets:
                latency = _latencies(bench, servers, level)
    return {"levels": levels, "latency": latency}


def _rounds(bench: Workbench, servers: Sequence[Server], level: int) -> Answer:
    results: Answer = {server.subject.name: [] for server in servers}
    for server in servers:
        bench.burst(server, level)  # to warm up, and to learn how large the next one must be
    for _ in range(bench.plan.levels[level]):
        for server in servers:
            results[server.subject.name].append(bench.burst(server, level))
    return results


def _latencies(bench: Workbench, servers: Sequence[Server], level: int) -> Answer:
    plan = bench.plan
    return {
        server.subject.name: bench.steady(server, level, messages=plan.latency_messages, rate=plan.latency_rate)
        for server in servers
    }
