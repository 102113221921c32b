"""The few figures that the benchmark draws from its samples."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

median = statistics.median


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest sample that ``share`` (0 to 1) of all samples do not exceed (nearest rank).

    Raises:
        ValueError: if there is no sample.
    """
    if not ordered:
        raise ValueError("no samples: a percentile needs at least one")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def ratio(one: float, other: float) -> float:
    """Return ``one / other``; infinite if ``other`` is 0."""
    return one / other if other else math.inf


def median_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Return the median of the ratios of pairs that were measured one right after the other.

    What disturbs the machine for a while disturbs both of a pair, so this is steadier than the ratio of two medians.
    """
    return median([ratio(one, other) for one, other in pairs])
