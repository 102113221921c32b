"""Tests of `ws4channels.processes.gauges`."""

from __future__ import annotations

from ws4channels.processes.gauges import Gauges


def test_rate_is_that_of_the_last_seconds() -> None:
    """Not of all the time."""
    gauges = Gauges(100.0, 1000)
    gauges.note(105.0, 1500, 1)
    assert gauges.rate == 100.0
    gauges.note(110.0, 1500, 1)
    assert gauges.rate == 0.0
    assert gauges.seconds(110.0) == 10


def test_point_says_what_was_delivered_in_ten_seconds() -> None:
    """And how many sockets there are at its end; what comes a little late does not add up."""
    gauges = Gauges(0.0, 0)
    for step in range(1, 9):
        gauges.note(step * 5.1, step * 10, step)
    assert list(gauges.points) == [(20, 2), (20, 4), (20, 6), (20, 8)]


def test_pause_of_the_process_gives_points_without_deliveries() -> None:
    """So that points stay ten seconds apart."""
    gauges = Gauges(0.0, 0)
    gauges.note(35.0, 7, 2)
    gauges.note(41.0, 9, 2)
    assert list(gauges.points) == [(7, 2), (0, 2), (0, 2), (2, 2)]


def test_there_are_sixty_points_at_most() -> None:
    """Also after a day of sleep; two notes at one moment do no harm."""
    gauges = Gauges(0.0, 0)
    gauges.note(86_400.0, 5, 1)
    gauges.note(86_400.0, 5, 1)
    assert len(gauges.points) == 60
    gauges.note(86_410.0, 8, 1)
    assert gauges.points[-1] == (3, 1)
