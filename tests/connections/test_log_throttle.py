"""Tests of `ws4channels.connections.log_throttle`."""

from __future__ import annotations

import pytest

from ws4channels.connections import log_throttle
from ws4channels.connections.log_throttle import LogThrottle


def test_first_event_of_each_series_is_told_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """A series lasts until ten seconds pass without an event."""
    times = iter((100.0, 101.0, 110.5, 120.4, 130.4, 131.0))
    monkeypatch.setattr(log_throttle.time, "monotonic", lambda: next(times))
    throttle = LogThrottle()
    assert [throttle.is_first() for _ in range(6)] == [True, False, False, False, True, False]
