"""Small pictures of the last ten minutes: the paths of an SVG, which needs neither a script nor a style."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from ws4channels.processes.records import MOST_POINTS, Process

WIDTH, HEIGHT = 600, 60
SECONDS_OF_A_POINT = 10
_ROOM = 2  # above the curve, so that its line is whole


@dataclass(frozen=True)
class Curve:
    """One curve; its last value is at the right edge."""

    line: str
    """The path of its line."""
    area: str
    """The path of what is below."""
    most: float
    now: float
    width: int = WIDTH
    height: int = HEIGHT


def curve_of(values: Sequence[float]) -> Curve | None:
    """Return the curve of up to sixty values, oldest first; None for less than two."""
    if len(values) < 2:
        return None
    values = values[-MOST_POINTS:]
    most = max(values)
    step = WIDTH / (MOST_POINTS - 1)
    left = WIDTH - step * (len(values) - 1)
    points = [f"{left + step * number:.1f},{_height_of(value, most):.1f}" for number, value in enumerate(values)]
    line = f"M{' L'.join(points)}"
    return Curve(line, f"{line} L{WIDTH},{HEIGHT} L{left:.1f},{HEIGHT} Z", most, values[-1])


def _height_of(value: float, most: float) -> float:
    return HEIGHT - (HEIGHT - _ROOM) * (value / most if most else 0)


def rates_of(processes: Iterable[Process]) -> list[float]:
    """Return the deliveries per second of all processes together, oldest first."""
    return [count / SECONDS_OF_A_POINT for count in _sums([[count for count, _ in each.points] for each in processes])]


def sockets_of(processes: Iterable[Process]) -> list[float]:
    """Return the websockets of all processes together, oldest first."""
    return _sums([[sockets for _, sockets in each.points] for each in processes])


def _sums(series: list[list[int]]) -> list[float]:
    """Add up series that end now, and may have begun at different times."""
    backwards = zip_longest(*(reversed(each) for each in series), fillvalue=0)
    return [float(sum(values)) for values in backwards][::-1]
