"""Tests of `ws4channels.admin.picture`."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from ws4channels.admin.picture import HEIGHT, WIDTH, curve_of, rates_of, sockets_of
from ws4channels.processes.records import Process

PROCESS = Process(
    **dict.fromkeys(("name", "host", "server", "version"), "a"),
    **dict.fromkeys(("pid", "sockets", "keys", "waiting", "deliveries", "outages", "refused", "slow"), 0),
    **dict.fromkeys(("rate", "resumed", "not_recovered"), 0),
    started=datetime(2026, 1, 1, tzinfo=timezone.utc),
)


def points_of(line: str) -> list[tuple[float, float]]:
    """Return the points of a path."""
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+),([\d.]+)", line)]


@pytest.mark.parametrize("values", [[], [5]])
def test_too_few_values_make_no_curve(values: list[float]) -> None:
    """A process that has just started has no past."""
    assert curve_of(values) is None


def test_newest_value_is_at_the_right_edge() -> None:
    """The largest value is at the top, and 0 at the bottom."""
    curve = curve_of([0, 10, 5])
    assert curve is not None
    assert (curve.most, curve.now) == (10, 5)
    (_, first), (_, second), (right, third) = points_of(curve.line)
    assert right == WIDTH
    assert first == HEIGHT
    assert second < third < first


def test_curve_of_ten_minutes_fills_the_picture() -> None:
    """Sixty values, and the last sixty of more, reach from edge to edge and stay within."""
    curve = curve_of([float(each % 7) for each in range(80)])
    assert curve is not None
    points = points_of(curve.line)
    assert len(points) == 60
    assert (points[0][0], points[-1][0]) == (0, WIDTH)
    assert all(0 <= y <= HEIGHT for _, y in points)


def test_nothing_at_all_is_a_line_at_the_bottom() -> None:
    """Zeros are no division by zero."""
    curve = curve_of([0, 0])
    assert curve is not None
    assert {y for _, y in points_of(curve.line)} == {HEIGHT}


def test_processes_are_added_up_from_now_backwards() -> None:
    """One that has begun later adds to the newest values only."""
    processes = [replace(PROCESS, points=((10, 1), (20, 2), (30, 3))), replace(PROCESS, points=((5, 7),))]
    assert rates_of(processes) == [1.0, 2.0, 3.5]
    assert sockets_of(processes) == [1.0, 2.0, 10.0]
    assert rates_of([]) == []
