"""The targets of this project's speed, and whether one run met them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.plan import Plan
from benchmarks.statistics import median, median_ratio, ratio

Results = dict[str, Any]

OURS = {"daphne-plain", "daphne-shared", "daphne-redis", "uvicorn-plain", "uvicorn-shared", "uvicorn-browsers"}
OVERFLOW_CODE = "4008"  # WS4CHANNELS_OUTBOX_MESSAGES and _BYTES say so


@dataclass(frozen=True)
class Row:
    """One target: what it is about, what was to be reached, what was measured. ``met`` is None if nothing was."""

    what: str
    target: str
    measured: str
    met: bool | None

    @property
    def verdict(self) -> str:
        return {True: "met", False: "**not met**", None: "not measured"}[self.met]


def judge(results: Results, plan: Plan) -> list[Row]:
    """Return a row for every target whose measurement ``results`` holds, in the order of the issue that set them."""
    judges = (
        (_throughput, "throughput"),
        (_memory, "memory"),
        (_publish, "publish_cost"),
        (_growth, "growth_sockets"),
        (_heartbeat, "heartbeat"),
        (_neighbours, "neighbours"),
        (_flood, "flood"),
    )
    return [
        row
        for one, scenario in judges
        for row in (
            one(results[scenario], plan)
            if "error" not in results.get(scenario, {"error": ""})
            else [Row(scenario, "", "", None)]
        )
    ]


def paired(rounds: Results, one: str, other: str, figure: str) -> float:
    """Return the median of the ratios of two subjects' rounds, each pair measured one right after the other."""
    return median_ratio((a[figure], b[figure]) for a, b in zip(rounds[one], rounds[other], strict=True))


def _at_least(what: str, value: float, limit: float, unit: str = "x") -> Row:
    return Row(what, f"≥ {limit:g} {unit}", f"{value:.3g} {unit}", value >= limit)


def _at_most(what: str, value: float, limit: float, unit: str = "x") -> Row:
    return Row(what, f"≤ {limit:g} {unit}", f"{value:.3g} {unit}", value <= limit)


def _throughput(result: Results, plan: Plan) -> Iterator[Row]:
    rounds = result["levels"][str(plan.target_level)]["rounds"]
    rate = "deliveries_per_s"
    of = f"deliveries/s, {plan.target_level} sockets"
    wanted = (
        ("daphne-plain", "daphne-stock", 12, f"{of}: plain send vs stock, Daphne"),
        ("daphne-shared", "daphne-stock", 25, f"{of}: shared frame vs stock, Daphne"),
        ("daphne-plain", "ceiling", 0.7, f"{of}: plain send on Daphne vs ceiling"),
        ("daphne-shared", "ceiling", 1.2, f"{of}: shared frame on Daphne vs ceiling"),
        ("uvicorn-shared", "ceiling", 0.85, f"{of}: uvicorn vs ceiling"),
    )
    for one, other, limit, what in wanted:
        if one in rounds and other in rounds:
            yield _at_least(what, paired(rounds, one, other, rate), limit)
    if "daphne-redis" in rounds:
        # By what it costs: so many sockets are served faster than the publisher, on the same cores, publishes.
        what = f"CPU per delivery, {plan.target_level} sockets: redis transport vs pubsub layer, Daphne"
        yield _at_most(what, paired(rounds, "daphne-redis", "daphne-shared", "cpu_us"), 1.05)
    for one in ("daphne-shared", "uvicorn-shared"):
        for other, limit in (("bun", 1.5), ("node-ws", 1), ("nchan", 1)):
            if other in rounds:
                what = f"CPU per delivery, {plan.target_level} sockets: {_server(one)} vs {other}"
                yield _at_most(what, paired(rounds, one, other, "cpu_us"), limit)
    if "uvicorn-browsers" in rounds:
        what = f"CPU per delivery, {plan.target_level} sockets: clients that offer compression vs others, uvicorn"
        yield _at_most(what, paired(rounds, "uvicorn-browsers", "uvicorn-shared", "cpu_us"), 1.2)
    if "original" in rounds:
        yield _against_original(result)
    yield _nothing_lost(result)


def _against_original(result: Results) -> Row:
    """Compare where the original delivers: at its lowest level, and at a moderate rate. The worse of both counts."""
    lowest = next(iter(result["levels"].values()))["rounds"]
    ratios = [paired(lowest, "daphne-shared", "original", "cpu_us")]
    if result["latency"]:
        ratios.append(ratio(result["latency"]["daphne-shared"]["cpu_us"], result["latency"]["original"]["cpu_us"]))
    return _at_most("CPU per delivery on Daphne vs the original (the worse of burst and steady)", max(ratios), 0.333)


def _nothing_lost(result: Results) -> Row:
    bad = sum(
        one["missing"] + sum(one["anomalies"].values())
        for level in result["levels"].values()
        for name, rounds in level["rounds"].items()
        if name in OURS
        for one in rounds
    )
    return Row(f"lost or damaged at {', '.join(result['levels'])} sockets, ours", "0", str(bad), bad == 0)


def _memory(result: Results, plan: Plan) -> Iterator[Row]:
    ours, bare = (result[name]["kib_per_socket"] for name in ("daphne-shared", "daphne-bare"))
    yield _at_most("memory per idle socket on Daphne, beyond a bare one", ours - bare, 6, "KiB")
    yield _at_most("memory per idle socket on Daphne, total", ours, 40, "KiB")


def _publish(result: Results, plan: Plan) -> Iterator[Row]:
    cost = result["process"]
    yield _at_most("sync publish, plain process, vs bare SET + PUBLISH", ratio(cost["ours"], cost["bare"]), 3)
    yield _at_most("sync publish, redis transport, vs bare SET + PUBLISH", ratio(cost["over_redis"], cost["bare"]), 1.3)
    opened = sum(result[caller]["new_connections"] for caller in ("process", "thread", "view"))
    yield Row("connections opened by publishing (process, thread, view)", "0", str(opened), opened == 0)
    yield _at_most("publish to 100 users vs to one", ratio(result["users"]["100"], result["users"]["1"]), 6)


def _growth(result: Results, plan: Plan) -> Iterator[Row]:
    for name, sizes in result.items():
        one, many = sizes["1"]["publish_us"], sizes[str(plan.many_sockets)]["publish_us"]
        yield _at_most(f"publish with {plan.many_sockets:,} sockets vs one, {_server(name)}", ratio(many, one), 1.5)


def _heartbeat(result: Results, plan: Plan) -> Iterator[Row]:
    for name in ("daphne-shared", "uvicorn-shared"):
        if name in result:
            what = f"{plan.many_sockets:,} idle sockets with heartbeats, {_server(name)}"
            yield _at_most(what, 100 * result[name]["cpu_share"], 10, "% of one core")


def _neighbours(result: Results, plan: Plan) -> Iterator[Row]:
    for name, rounds in result.items():
        without, with_stalled = (
            median([one["latency_ms"]["p99"] for one in rounds[which]]) for which in ("without", "with")
        )
        what = f"others' p99 with {plan.stalled_clients} stalled clients, {_server(name)}"
        yield _at_most(what, ratio(with_stalled, without), 1.2)


def _flood(result: Results, plan: Plan) -> Iterator[Row]:
    for name, one in result.items():
        if name.endswith("stock"):
            continue
        published = f"{one['published_mb']:.0f} MB at one stalled client, {_server(name)}"
        yield _at_most(f"{published}: memory", one["grown_mib"], 16, "MiB")
        codes = one["close_codes"]
        shown = ", ".join(codes) or "none, still open"
        yield Row(f"{published}: close code", OVERFLOW_CODE, shown, list(codes) == [OVERFLOW_CODE])


def _server(name: str) -> str:
    return {"daphne": "Daphne", "uvicorn": "uvicorn"}.get(name.partition("-")[0], name)
