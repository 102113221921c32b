"""Tests of `ws4channels.connections.remembered`."""

from __future__ import annotations

from ws4channels.connections.remembered import Remembered


def test_value_is_built_once_for_each_source() -> None:
    """An equal source is another one: settings are compared by identity."""
    built: list[dict[str, int]] = []
    remembered: Remembered[dict[str, int], int] = Remembered(lambda source: built.append(source) or len(built))
    first, second = {"port": 1}, {"port": 1}
    assert [remembered.get(first), remembered.get(first)] == [1, 1]
    assert [remembered.get(second), remembered.get(second), remembered.get(first)] == [2, 2, 3]
