"""Clients that stop reading: what the others notice, and what the server's memory does."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks import meters
from benchmarks.children import Answer, Child
from benchmarks.subjects import Subject
from benchmarks.workbench import Server, Workbench

# So small that what a stalled client does not read comes back to the server after a few messages.
RECEIVE_BUFFER = 4096
MESSAGE_BYTES = 4096
MESSAGE_RATE = 20.0
FLOOD_MESSAGE_BYTES = 65_536
CLOSE_TIMEOUT = 30.0
# Stock never closes such a client: there is nothing to wait for, but for the client to read what it was sent.
CLOSE_TIMEOUT_OF_OTHERS = 3.0
POLL = 0.1


def neighbours(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return the latencies of the readers, in turns without and with clients that do not read."""
    return {subject.name: _neighbours_of(bench, subject) for subject in subjects}


def _neighbours_of(bench: Workbench, subject: Subject) -> Answer:
    plan = bench.plan
    results: Answer = {"without": [], "with": [], "stalled": []}
    with bench.serve(subject) as server:
        server.connect(plan.stalled_readers)
        bench.burst(server, plan.stalled_readers)
        for _ in range(plan.stalled_rounds):
            results["without"].append(_readers(bench, server))
            with bench.another_client() as stalled:
                _connect_stalled(server, stalled, plan.stalled_clients)
                results["with"].append(_readers(bench, server))
                results["stalled"].append(stalled.ask("states"))
            _wait_for_goodbyes()
    return results


def _readers(bench: Workbench, server: Server) -> Answer:
    plan = bench.plan
    return bench.steady(
        server, plan.stalled_readers, messages=plan.stalled_messages, rate=MESSAGE_RATE, size=MESSAGE_BYTES
    )


def _connect_stalled(server: Server, client: Child, count: int) -> None:
    server.connect(count, receive_buffer=RECEIVE_BUFFER, paused=True, client=client)


def _wait_for_goodbyes() -> None:
    """Let the server clear away the sockets of the client that just ended, before the next round begins."""
    time.sleep(0.5)


def flood(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return how the server's memory grew while much was published to one stalled client, and how that client ended.

    A second client reads the same messages, and its progress paces the publisher.
    """
    return {subject.name: _flood_of(bench, subject) for subject in subjects}


def _flood_of(bench: Workbench, subject: Subject) -> Answer:
    with bench.serve(subject) as server, bench.another_client() as stalled:
        server.connect(1)
        bench.burst(server, 1, size=FLOOD_MESSAGE_BYTES, messages=50)
        _connect_stalled(server, stalled, 1)
        with meters.PeakMemory(server.pid) as memory:
            messages = bench.plan.flood_bytes // FLOOD_MESSAGE_BYTES
            burst = bench.burst(server, 1, size=FLOOD_MESSAGE_BYTES, messages=messages)
        return {"published_mb": bench.plan.flood_bytes / 1e6, "burst": burst, **_end_of(subject, stalled, memory.grown)}


def _end_of(subject: Subject, stalled: Child, grown: int) -> Answer:
    """Let the stalled client read what its buffers hold, and see which close code follows."""
    stalled.ask("resume")
    deadline = time.monotonic() + (CLOSE_TIMEOUT if subject.is_ours else CLOSE_TIMEOUT_OF_OTHERS)
    while (states := stalled.ask("states"))["open"] and time.monotonic() < deadline:
        time.sleep(POLL)
    return {"grown_mib": grown / 2**20, "close_codes": states["close_codes"], "still_open": states["open"]}
