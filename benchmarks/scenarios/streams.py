"""Event streams: deliveries and what they cost, beside django-eventstream on the same server."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.children import Answer
from benchmarks.scenarios import throughput
from benchmarks.subjects import Subject
from benchmarks.workbench import Workbench


def run(bench: Workbench, subjects: Sequence[Subject]) -> Answer:
    """Return what `throughput.run` does, up to the level at which ratios are judged."""
    plan = bench.plan
    return throughput.run(bench, subjects, [level for level in plan.levels if level <= plan.target_level])
