"""Run the benchmark: ``python -m benchmarks``, or ``python -m benchmarks --short`` to see in a minute that it works.

Prints tables and writes ``benchmark.md``, ``benchmark.json`` and ``benchmark.png``. The exit status is 0 even if a
target was missed; it is 1 if something could not be measured, or a server of ours lost or damaged a message.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from benchmarks import machine, other_servers, plot, report, targets
from benchmarks import subjects as of
from benchmarks.plan import FULL, SHORT, Plan
from benchmarks.scenarios import connects, growth, idle, publish_cost, stalled, streams, throughput
from benchmarks.subjects import Subject
from benchmarks.targets import Results
from benchmarks.workbench import Workbench
from tests.against_original.environment import ensure_environment

OUTPUT = Path(__file__).resolve().parent / "results" / "local"

OTHERS = (of.NCHAN, of.NODE, of.BUN)
DELIVERING = (
    of.CEILING,
    of.ORIGINAL,
    of.DAPHNE_STOCK,
    of.DAPHNE_PLAIN,
    of.DAPHNE_SHARED,
    of.DAPHNE_REDIS,
    of.UVICORN_STOCK,
    of.UVICORN_PLAIN,
    of.UVICORN_SHARED,
    of.UVICORN_BROWSERS,
    *OTHERS,
)
IDLE = (
    of.DAPHNE_BARE,
    of.DAPHNE_SHARED,
    of.DAPHNE_STOCK,
    of.UVICORN_BARE,
    of.UVICORN_SHARED,
    of.UVICORN_STOCK,
    of.ORIGINAL,
)
CONNECTING = (of.DAPHNE_STOCK, of.DAPHNE_SHARED, of.UVICORN_STOCK, of.UVICORN_SHARED, *OTHERS)
OURS = (of.DAPHNE_SHARED, of.UVICORN_SHARED)
LEFT_OUT_OF_SHORT = {of.UVICORN_BARE, of.UVICORN_STOCK, of.UVICORN_PLAIN, *OTHERS}
STREAMING = (of.DAPHNE_STREAMS, of.DAPHNE_EVENTSTREAM, of.UVICORN_STREAMS, of.UVICORN_EVENTSTREAM)
FLOODED = (of.DAPHNE_SHARED, of.UVICORN_SHARED, of.DAPHNE_STOCK)

Scenario = Callable[[Workbench, Callable[[Sequence[Subject]], list[Subject]]], Results]

SCENARIOS: dict[str, Scenario] = {
    "throughput": lambda bench, chosen: throughput.run(bench, chosen(DELIVERING)),
    "streams": lambda bench, chosen: streams.run(bench, chosen(STREAMING)),
    "memory": lambda bench, chosen: idle.memory(bench, chosen(IDLE)),
    "connects": lambda bench, chosen: connects.run(bench, chosen(CONNECTING)),
    "publish_cost": lambda bench, chosen: publish_cost.run(bench),
    "growth_sockets": lambda bench, chosen: growth.sockets(bench, chosen(OURS)),
    "growth_keys": lambda bench, chosen: growth.keys(bench, of.DAPHNE_SHARED),
    "heartbeat": lambda bench, chosen: idle.heartbeat(bench, chosen(OURS)),
    "processes": lambda bench, chosen: growth.processes(bench, of.DAPHNE_SHARED),
    "neighbours": lambda bench, chosen: stalled.neighbours(bench, chosen(OURS)),
    "flood": lambda bench, chosen: stalled.flood(bench, chosen(FLOODED)),
}


def _end_tidily(number: int, frame: object) -> None:
    """Leave by an exception, so that all servers are stopped."""
    raise SystemExit(128 + number)


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, _end_tidily)
    plan = SHORT if options.short else FULL
    with_original = plan is FULL and not options.without_original
    if with_original:
        ensure_environment()
    machine.raise_descriptor_limit(max(plan.levels))
    left_out = (
        (LEFT_OUT_OF_SHORT if plan is SHORT else _missing())
        | _missing_packages()
        | (set() if with_original else {of.ORIGINAL})
    )

    def chosen(subjects: Sequence[Subject]) -> list[Subject]:
        return [subject for subject in subjects if subject not in left_out]

    with Workbench(plan) as bench:
        description = machine.describe(bench.redis_version, with_original)
        results = {name: _measure(name, bench, chosen) for name in options.only or SCENARIOS}
        losses = bench.losses
    _write(options.output, description, plan, results)
    for loss in losses:
        print(loss, file=sys.stderr)
    return int(bool(losses) or any("error" in one for one in results.values()))


def _missing() -> set[Subject]:
    """Return the servers in other languages that cannot run here, and say why."""
    missing = other_servers.why_missing()
    for name, reason in missing.items():
        print(f"{name} is left out: {reason}.", file=sys.stderr)
    return {each for each in OTHERS if each.name in missing}


def _missing_packages() -> set[Subject]:
    """Return the servers whose Python package is not installed, and say so."""
    if find_spec("django_eventstream") is not None:
        return set()
    print("django-eventstream is left out: it is not installed (requirements/bench.txt).", file=sys.stderr)
    return {of.DAPHNE_EVENTSTREAM, of.UVICORN_EVENTSTREAM}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a minute instead of ten; shows that all of it works")
    parser.add_argument("--without-original", action="store_true", help="leave django-websocket-redis out")
    parser.add_argument("--only", action="append", choices=SCENARIOS, help="one measurement; may be repeated")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="directory of the results (default: %(default)s)")
    return parser.parse_args()


def _measure(name: str, bench: Workbench, chosen: Callable[[Sequence[Subject]], list[Subject]]) -> Results:
    """Return what a scenario measured, or its error: one that fails shall not cost the results of the others."""
    with bench.noted(name):
        try:
            return SCENARIOS[name](bench, chosen)
        except Exception as error:
            traceback.print_exc()
            return {"error": f"{type(error).__name__}: {error}"}


def _write(directory: Path, description: Results, plan: Plan, results: Results) -> None:
    rows = targets.judge(results, plan)
    text = report.render(description, plan, results, rows)
    print(text)
    directory.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": description,
        "plan": dataclasses.asdict(plan),
        "targets": [dataclasses.asdict(row) for row in rows],
        "results": results,
    }
    (directory / "benchmark.md").write_text(text, "utf-8")
    (directory / "benchmark.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    caption = f"{description['cpu']}, {description['cores']} cores; Python {description['python']}; {plan.name} form"
    plot.draw(results, directory / "benchmark.png", caption)
    print(f"Written to {directory}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
