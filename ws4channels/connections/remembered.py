"""Build a value once for each object that it is built from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Source = TypeVar("Source")
Value = TypeVar("Value")


class Remembered(Generic[Source, Value]):
    """The value that `build` made of the latest source. It is built again when the source is another object.

    For what depends on a setting: override_settings gives another object. Two threads may both build; one value stays.
    """

    def __init__(self, build: Callable[[Source], Value]) -> None:
        self._build = build
        self._known: tuple[Source, Value] | None = None

    def get(self, source: Source) -> Value:
        """Return the value for `source`."""
        known = self._known
        if known is None or known[0] is not source:
            self._known = known = source, self._build(source)
        return known[1]
