"""What an idle socket costs in memory, and what 5,000 of them with heartbeats cost in CPU."""

from __future__ import annotations

import time
from collections.abc import Sequence

from benchmarks import meters
from benchmarks.children import Answer
from benchmarks.client import HEARTBEAT
from benchmarks.subjects import Subject
from benchmarks.workbench import Server, Workbench

WARM_UP_SOCKETS = 50
SETTLE_SECONDS = 0.7  # for what a server does right after the last handshake


def memory(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return KiB per idle anonymous socket for each subject: memory of the server's own, without kernel buffers."""
    return {subject.name: _memory_of(bench, subject) for subject in subjects}


def _memory_of(bench: Workbench, subject: Subject) -> Answer:
    with bench.serve(subject) as server:
        server.connect(WARM_UP_SOCKETS)
        before = _settled_memory(server)
        opened = server.connect(bench.plan.idle_sockets)["opened"]
        grown = _settled_memory(server) - before
        return {"sockets": opened, "kib_per_socket": grown / 1024 / max(1, opened), "mib_before": before / 2**20}


def _settled_memory(server: Server) -> int:
    time.sleep(SETTLE_SECONDS)
    return meters.memory_bytes(server.pid)


def heartbeat(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return the share of one core that many idle sockets use, heartbeats and the server's pings included."""
    return {subject.name: _heartbeat_of(bench, subject) for subject in subjects}


def _heartbeat_of(bench: Workbench, subject: Subject) -> Answer:
    with bench.serve(subject, BENCH_HEARTBEAT=HEARTBEAT.decode()) as server:
        server.connect(bench.plan.many_sockets)
        time.sleep(SETTLE_SECONDS)
        used = meters.CpuReading(server.pid)
        time.sleep(bench.plan.heartbeat_seconds)
        share = used.stop() / bench.plan.heartbeat_seconds
        states = server.client.ask("states")
        return {"sockets": states["open"], "cpu_share": share, "heartbeats": states["heartbeats"]}
