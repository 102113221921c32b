"""The plot: how deliveries, their cost, memory and publishing grow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")  # before pyplot chooses a window system

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from benchmarks.report import LABELS
from benchmarks.statistics import median
from benchmarks.targets import Results

# One hue per kind of server, the darker the more it is ours.
COLOURS = {
    "ceiling": "#8c8c8c",
    "original": "#c0392b",
    "daphne-stock": "#e59866",
    "uvicorn-stock": "#f5cba7",
    "daphne-plain": "#5dade2",
    "daphne-shared": "#1b4f9c",
    "daphne-redis": "#7d3c98",
    "uvicorn-plain": "#7dcea0",
    "uvicorn-shared": "#1e8449",
    "uvicorn-browsers": "#148f77",
    "nchan": "#f1c40f",
    "node-ws": "#d4ac0d",
    "bun": "#5d4037",
}
OTHER_COLOUR = "#b0b0b0"


def draw(results: Results, path: Path, caption: str) -> None:
    """Write the plot of ``results`` to ``path`` as PNG; panels whose measurement is missing stay empty."""
    figure, axes = plt.subplots(2, 2, figsize=(13, 10), layout="constrained")
    panels = (
        (_deliveries, axes[0][0], "throughput"),
        (_costs, axes[0][1], "throughput"),
        (_memory, axes[1][0], "memory"),
        (_publishing, axes[1][1], "publish_cost"),
    )
    for panel, where, name in panels:
        if "error" not in results.get(name, {"error": ""}):
            panel(where, results[name])
    figure.suptitle(f"ws4channels: what a delivery, a socket and a publish cost\n{caption}", fontsize=12)
    figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _deliveries(axes: Axes, result: Results) -> None:
    _lines(axes, result, "deliveries_per_s")
    axes.set_title("Deliveries per second (higher is better)")


def _costs(axes: Axes, result: Results) -> None:
    _lines(axes, result, "cpu_us")
    axes.set_title("Server CPU per delivery, µs (lower is better)")


def _lines(axes: Axes, result: Results, figure: str) -> None:
    levels = [int(level) for level in result["levels"]]
    for name in next(iter(result["levels"].values()))["rounds"]:
        points = [_point(level["rounds"][name], figure) for level in result["levels"].values()]
        axes.plot(levels, points, marker="o", label=LABELS[name], color=COLOURS.get(name, OTHER_COLOUR))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(levels, [f"{level:,}" for level in levels])
    axes.minorticks_off()
    axes.set_xlabel("sockets")
    axes.grid(alpha=0.3)


def _point(rounds: list[dict[str, Any]], figure: str) -> float | None:
    """Return the median, or None where more than half was not delivered: such a point would mislead."""
    if sum(one["delivered"] for one in rounds) * 2 < sum(one["expected"] for one in rounds):
        return None
    return median([one[figure] for one in rounds])


def _memory(axes: Axes, result: Results) -> None:
    names = list(result)[::-1]
    values = [result[name]["kib_per_socket"] for name in names]
    bars = axes.barh(
        [LABELS[name] for name in names], values, color=[COLOURS.get(name, OTHER_COLOUR) for name in names]
    )
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.set_title("Memory per idle socket, KiB (lower is better)")
    axes.margins(x=0.12)


def _publishing(axes: Axes, result: Results) -> None:
    counts = [int(count) for count in result["users"]]
    axes.plot(counts, list(result["users"].values()), marker="o", color=COLOURS["daphne-shared"], label="ours")
    axes.axhline(result["process"]["bare"], color=OTHER_COLOUR, linestyle="--", label="bare SET + PUBLISH, one key")
    axes.axhline(
        result["stock"]["layer"], color=COLOURS["daphne-stock"], linestyle="--", label="stock group_send, one group"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("users addressed")
    axes.set_title("One synchronous publish, µs (lower is better)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
