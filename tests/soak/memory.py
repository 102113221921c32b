"""Whether the memory of a server grows with the time that it runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

MEGABYTE = 1024 * 1024
TOLERANCE = 2 * MEGABYTE
"""Bytes by which a server may grow over the measured time, beyond what the samples' scatter explains.

Allocators take memory from the system in steps of up to a megabyte and give it back late, so even a server that leaks
nothing may stand a step or two higher at the end. Over three minutes of the soak's load it is some four bytes for each
delivery, or some hundred for each socket: less than the smallest object that could leak with either.
"""

ENOUGH = 60.0
"""Seconds of samples from which on a trend says something."""

WARM_UP = 230.0
"""Seconds in which a server fills its pools and caches, and each thread for handshakes its share of the allocator's.

Measured: after that, what had grown by 16 MB stayed within 0.1 MB for more than two minutes.
"""


@dataclass(frozen=True)
class Trend:
    """The straight line that fits samples of a size over time best."""

    slope: float
    """Bytes a second."""
    error: float
    """Its standard error."""
    seconds: float
    size: float
    is_settled: bool = True
    """Whether the server had warmed up before: only then it is judged."""

    @property
    def growth(self) -> float:
        """Bytes over the measured time."""
        return self.slope * self.seconds

    @property
    def is_leak(self) -> bool:
        """Tell whether the size grows by more than is tolerated, and by more than chance."""
        return self.is_settled and self.seconds >= ENOUGH and self.growth > TOLERANCE and self.slope > 3 * self.error


def trend_of(samples: Sequence[tuple[float, float]]) -> Trend:
    """Return the trend of a server that was sampled from its start on: of the time after its warm-up, if any."""
    settled = [(when, size) for when, size in samples if when - samples[0][0] >= WARM_UP]
    return fit(settled) if len(settled) > 2 else replace(fit(samples[len(samples) // 2 :]), is_settled=False)


def fit(samples: Sequence[tuple[float, float]]) -> Trend:
    """Fit a line to (seconds, bytes) by least squares."""
    count = len(samples)
    if count < 3:
        raise ValueError(f"{count} samples are too few for a trend.")
    mean_time = sum(when for when, _ in samples) / count
    mean_size = sum(size for _, size in samples) / count
    spread = sum((when - mean_time) ** 2 for when, _ in samples)
    slope = sum((when - mean_time) * (size - mean_size) for when, size in samples) / spread
    scatter = sum((size - mean_size - slope * (when - mean_time)) ** 2 for when, size in samples)
    error = math.sqrt(scatter / (count - 2) / spread)
    return Trend(slope, error, samples[-1][0] - samples[0][0], mean_size)
