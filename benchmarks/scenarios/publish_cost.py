"""What one synchronous publish costs: in a plain process, in a thread, in a view under Daphne, to many users."""

from __future__ import annotations

import json
from urllib.request import urlopen

from benchmarks.children import Answer
from benchmarks.subjects import DAPHNE_SHARED
from benchmarks.workbench import Workbench

VIEW_TIMEOUT = 120


def run(bench: Workbench) -> Answer:
    """Return microseconds per publish, by caller and by number of users, and the connections that were opened."""
    calls = bench.plan.publish_calls
    publisher = bench.publisher
    return {
        "process": publisher.ask("costs", calls=calls, thread=False, timeout=VIEW_TIMEOUT),
        "thread": publisher.ask("costs", calls=calls, thread=True, timeout=VIEW_TIMEOUT),
        "view": _in_view(bench, calls),
        "stock": publisher.ask("layer_cost", calls=max(10, calls // 10), timeout=VIEW_TIMEOUT),
        "users": publisher.ask("user_costs", counts=list(bench.plan.many_keys), calls=calls, timeout=VIEW_TIMEOUT),
    }


def _in_view(bench: Workbench, calls: int) -> Answer:
    """Ask twice: the first answer includes what a server does once."""
    with bench.serve(DAPHNE_SHARED) as server:
        address = f"http://127.0.0.1:{server.port}/publish-cost?calls="
        _get(address + "10")
        return _get(f"{address}{calls}")


def _get(address: str) -> Answer:
    with urlopen(address, timeout=VIEW_TIMEOUT) as response:
        answer: Answer = json.load(response)
    return answer
