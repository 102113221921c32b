"""Checks and the server configurations they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.against_original.client import Side
from tests.against_original.reasons import Reason

# Plain data: what `==` compares and `repr` shows.
Observation = Any


@dataclass(frozen=True)
class Configuration:
    """Settings with which both servers are started once, for all checks that need them."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Instead:
    """What the original is known to do instead, and why ours need not."""

    observation: Observation
    reason: Reason


@dataclass(frozen=True)
class Check:
    """One sentence about the behaviour, how to observe it on a side, and what must be seen."""

    name: str
    sentence: str
    configuration: Configuration
    observe: Callable[[Side], Observation]
    expected: Observation
    original: Instead | None
    quick: bool

    @property
    def known_of_original(self) -> Observation:
        """What the original is known to do."""
        return self.expected if self.original is None else self.original.observation


CHECKS: dict[str, Check] = {}


def check(
    configuration: Configuration, expected: Observation, *, original: Instead | None = None, quick: bool = False
) -> Callable[[Callable[[Side], Observation]], Callable[[Side], Observation]]:
    """
    Register the decorated function, which observes one side, as a check.

    `expected` is what ours must do, and the original as well unless `original` says what it does instead.
    `quick` puts the check into the subset of `--quick`.
    """

    def register(observe: Callable[[Side], Observation]) -> Callable[[Side], Observation]:
        name = observe.__name__
        if name in CHECKS:
            raise ValueError(f"two checks are named {name!r}")
        sentence = " ".join((observe.__doc__ or "").split())
        CHECKS[name] = Check(name, sentence, configuration, observe, expected, original, quick)
        return observe

    return register
