"""The report: tables in Markdown, for the terminal and for a page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmarks import subjects
from benchmarks.plan import Plan
from benchmarks.statistics import median
from benchmarks.targets import Results, Row, paired

LABELS = {one.name: one.label for one in vars(subjects).values() if isinstance(one, subjects.Subject)}


def render(machine: dict[str, Any], plan: Plan, results: Results, rows: Sequence[Row]) -> str:
    """Return the whole report."""
    parts = [_machine(machine, plan), _targets(rows)]
    for title, name, section in SECTIONS:
        if "error" not in results.get(name, {"error": ""}):
            parts.append(f"## {title}\n\n" + "\n\n".join(section(results[name], plan)))
    parts += [f"## {name}\n\nCould not be measured:\n\n    {one['error']}" for name, one in _failed(results)]
    return "\n\n".join(parts) + "\n"


def _failed(results: Results) -> Iterator[tuple[str, Any]]:
    return ((name, one) for name, one in results.items() if "error" in one)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table with aligned columns."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _machine(machine: dict[str, Any], plan: Plan) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        "# Benchmark"
        + ("" if plan.name == "full" else f" ({plan.name} form: shows that it works, not how fast it is)"),
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"Python {machine['python']}; load before: {machine['load_before']}.",
        versions + ".",
    ]
    if "versions_of_original" in machine:
        original = ", ".join(f"{name} {version}" for name, version in machine["versions_of_original"].items())
        lines.append(f"The original: {original}.")
    return "\n\n".join(lines)


def _targets(rows: Sequence[Row]) -> str:
    body = ((row.what, row.target, row.measured, row.verdict) for row in rows)
    return "## Targets\n\n" + table(("what", "target", "measured", ""), body)


def _throughput(result: Results, plan: Plan) -> Iterator[str]:
    for level, measured in result["levels"].items():
        rounds = measured["rounds"]
        yield f"{int(level):,} sockets:\n\n" + table(
            ("server", "deliveries/s", "CPU µs each", "Redis µs", "vs stock", "vs ceiling", "missing or damaged"),
            (_of_rounds(name, rounds) for name in rounds),
        )


def _of_rounds(name: str, rounds: Results) -> tuple[str, ...]:
    mine = rounds[name]
    stock = f"{name.partition('-')[0]}-stock"
    bad = sum(one["missing"] + sum(one["anomalies"].values()) for one in mine)
    expected = sum(one["expected"] for one in mine)
    return (
        LABELS[name],
        _thousands(median([one["deliveries_per_s"] for one in mine])),
        f"{median([one['cpu_us'] for one in mine]):.1f}",
        f"{median([one['redis_us'] for one in mine]):.1f}",
        _times(rounds, name, stock),
        _times(rounds, name, "ceiling"),
        f"{bad:,} of {expected:,}" if bad else "0",
    )


def _streams(result: Results, plan: Plan) -> Iterator[str]:
    for level, measured in result["levels"].items():
        rounds = measured["rounds"]
        yield f"{int(level):,} streams:\n\n" + table(
            ("server", "deliveries/s", "CPU µs each", "vs django-eventstream", "missing or damaged"),
            (_of_streams(name, rounds) for name in rounds),
        )
    yield from _latency(result, plan)


def _of_streams(name: str, rounds: Results) -> tuple[str, ...]:
    label, rate, cpu, *_, bad = _of_rounds(name, rounds)
    return label, rate, cpu, _times(rounds, name, f"{name.partition('-')[0]}-eventstream"), bad


def _times(rounds: Results, name: str, other: str) -> str:
    return f"{paired(rounds, name, other, 'deliveries_per_s'):.3g} x" if other in rounds else ""


def _latency(result: Results, plan: Plan) -> Iterator[str]:
    yield f"{plan.latency_sockets} sockets, {plan.latency_rate:g} messages per second:\n\n" + table(
        ("server", "p50 ms", "p99 ms", "CPU µs each", "missing"),
        (
            (LABELS[name], *_percentiles(one), f"{one['cpu_us']:.0f}", one["missing"])
            for name, one in result["latency"].items()
        ),
    )


def _percentiles(one: Results) -> tuple[str, str]:
    latency = one["latency_ms"]
    return (f"{latency['p50']:.1f}", f"{latency['p99']:.1f}") if latency else ("", "")


def _memory(result: Results, plan: Plan) -> Iterator[str]:
    yield table(
        ("server", "KiB per idle socket", "server before, MiB", "sockets"),
        (
            (LABELS[name], f"{one['kib_per_socket']:.1f}", f"{one['mib_before']:.0f}", f"{one['sockets']:,}")
            for name, one in result.items()
        ),
    )


def _connects(result: Results, plan: Plan) -> Iterator[str]:
    yield table(
        ("server", "client", "connects/s", "CPU µs each"),
        (
            (
                LABELS[name],
                who,
                _thousands(median([one["per_s"] for one in rounds])),
                _thousands(median([one["cpu_us"] for one in rounds])),
            )
            for name, clients in result.items()
            for who, rounds in clients.items()
        ),
    )


def _publish(result: Results, plan: Plan) -> Iterator[str]:
    callers = (("plain process", "process"), ("thread", "thread"), ("view under Daphne", "view"))
    yield table(
        ("caller", "ours, µs", "redis transport, µs", "bare SET + PUBLISH, µs", "ratios", "connections opened"),
        (
            (
                title,
                f"{result[name]['ours']:.0f}",
                f"{result[name]['over_redis']:.0f}",
                f"{result[name]['bare']:.0f}",
                f"{result[name]['ours'] / result[name]['bare']:.2f}, "
                f"{result[name]['over_redis'] / result[name]['bare']:.2f}",
                result[name]["new_connections"],
            )
            for title, name in callers
        ),
    )
    yield f"Stock, `async_to_sync(channel_layer.group_send)` in a plain process: {result['stock']['layer']:.0f} µs."
    yield table(
        ("users addressed", "one publish, µs", "µs per user"),
        ((count, f"{cost:,.0f}", f"{cost / int(count):,.1f}") for count, cost in result["users"].items()),
    )


def _growth_sockets(result: Results, plan: Plan) -> Iterator[str]:
    yield table(
        ("server", "sockets", "publishing call, µs", "delivery p50 ms", "p99 ms", "server CPU µs per delivery"),
        (
            (LABELS[name], f"{int(size):,}", f"{one['publish_us']:.0f}", *_percentiles(one), f"{one['cpu_us']:.1f}")
            for name, sizes in result.items()
            for size, one in sizes.items()
        ),
    )


def _growth_keys(result: Results, plan: Plan) -> Iterator[str]:
    sizes = {name: one for name, one in result.items() if name != "connect"}
    yield "A publish to one socket, while the server listens to so many keys:\n\n" + table(
        ("keys", "publishing call, µs", "delivery p50 ms", "p99 ms"),
        ((f"{int(size):,}", f"{one['publish_us']:.0f}", *_percentiles(one)) for size, one in sizes.items()),
    )


def _heartbeat(result: Results, plan: Plan) -> Iterator[str]:
    yield table(
        ("server", "sockets", "% of one core", "heartbeats seen"),
        (
            (LABELS[name], f"{one['sockets']:,}", f"{100 * one['cpu_share']:.1f}", f"{one['heartbeats']:,}")
            for name, one in result.items()
        ),
    )


def _processes(result: Results, plan: Plan) -> Iterator[str]:
    yield f"{plan.target_level} sockets in all, shared frame on Daphne:\n\n" + table(
        ("server processes", "deliveries/s", "CPU µs each"),
        (
            (
                count,
                _thousands(median([one["deliveries_per_s"] for one in rounds])),
                f"{median([one['cpu_us'] for one in rounds]):.1f}",
            )
            for count, rounds in result.items()
        ),
    )


def _neighbours(result: Results, plan: Plan) -> Iterator[str]:
    yield f"{plan.stalled_readers} readers:\n\n" + table(
        ("server", "clients that do not read", "readers' p50 ms", "p99 ms"),
        (
            (LABELS[name], plan.stalled_clients if which == "with" else 0, *_median_percentiles(rounds[which]))
            for name, rounds in result.items()
            for which in ("without", "with")
        ),
    )


def _median_percentiles(rounds: Sequence[Results]) -> tuple[str, ...]:
    return tuple(f"{median([one['latency_ms'][which] for one in rounds]):.1f}" for which in ("p50", "p99"))


def _flood(result: Results, plan: Plan) -> Iterator[str]:
    yield table(
        ("server", "published, MB", "server's memory grew by, MiB", "close code", "still open"),
        (
            (
                LABELS[name],
                f"{one['published_mb']:.0f}",
                f"{one['grown_mib']:.1f}",
                ", ".join(one["close_codes"]),
                one["still_open"],
            )
            for name, one in result.items()
        ),
    )


def _thousands(value: float) -> str:
    return f"{value:,.0f}"


SECTIONS = (
    ("Deliveries", "throughput", _throughput),
    ("Latency", "throughput", _latency),
    ("Event streams", "streams", _streams),
    ("Memory", "memory", _memory),
    ("Connects", "connects", _connects),
    ("Publishing", "publish_cost", _publish),
    ("More sockets", "growth_sockets", _growth_sockets),
    ("More keys", "growth_keys", _growth_keys),
    ("Idle with heartbeats", "heartbeat", _heartbeat),
    ("Two processes", "processes", _processes),
    ("Readers beside stalled clients", "neighbours", _neighbours),
    ("One stalled client", "flood", _flood),
)
