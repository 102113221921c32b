"""How a publish and its delivery grow: with the number of sockets, of keys and of server processes."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.children import Answer
from benchmarks.subjects import Subject
from benchmarks.workbench import Server, Workbench

RATE = 5.0  # messages per second: slow enough for one to be delivered everywhere before the next


def sockets(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return what a publish costs its caller, and how long its deliveries take, with one socket and with many."""
    return {subject.name: _sockets_of(bench, subject) for subject in subjects}


def _sockets_of(bench: Workbench, subject: Subject) -> Answer:
    many = bench.plan.many_sockets
    with bench.serve(subject) as server:
        server.connect(1)
        bench.burst(server, 1)  # so that the first publish's connections are not part of it
        one = bench.steady(server, 1, messages=bench.plan.growth_messages, rate=RATE)
        server.connect(many - 1)
        return {"1": one, str(many): bench.steady(server, many, messages=bench.plan.growth_messages, rate=RATE)}


def keys(bench: Workbench, subject: Subject) -> Answer:
    """Return the same for a publish to one of few keys, and of many: two keys for each signed-in socket."""
    many = bench.plan.many_sockets
    with bench.serve(subject) as server:
        _connect_to_own_keys(bench, server, 1, first=0)
        bench.burst(server, 1, facility="own-0")
        few = bench.steady(server, 1, messages=bench.plan.growth_messages, rate=RATE, facility="own-0")
        connected = _connect_to_own_keys(bench, server, many - 1, first=1)
        return {
            "2": few,
            str(2 * many): bench.steady(server, 1, messages=bench.plan.growth_messages, rate=RATE, facility="own-0"),
            "connect": connected,
        }


def _connect_to_own_keys(bench: Workbench, server: Server, count: int, first: int) -> Answer:
    query = "subscribe-broadcast&subscribe-user"
    urls = [server.url(f"own-{number}", query) for number in range(first, first + count)]
    return server.connect(count, urls=urls, cookie=bench.cookie)


def processes(bench: Workbench, subject: Subject) -> Answer:
    """Return bursts to the same number of sockets on one server process, and on two behind one Redis, in turns."""
    level = bench.plan.target_level
    with bench.serve(subject) as alone, bench.serve(subject) as first, bench.serve(subject) as second:
        alone.connect(level, "alone")
        first.connect(level, urls=[first.url(), second.url()])
        results: Answer = {"1": [], "2": []}
        for _ in range(bench.plan.levels[level] + 1):
            results["1"].append(bench.burst(alone, level, facility="alone"))
            results["2"].append(bench.burst(first, level, beside=[second]))
        return {name: rounds[1:] for name, rounds in results.items()}  # without the first, a warm-up
