"""Handshakes that are explained and not served: their scope holds an observer, which is told what would be done.

The application that the site runs is given such a scope, so the same routes, middleware and rules decide. Nothing is
logged, counted, joined or accepted for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol

OBSERVER = "ws4channels.observer"
"""The scope's entry that holds an `Observer`. Servers make no such entry, so no client can."""

Verdict = Literal["ok", "dropped", "refused", "unknown"]


class Observer(Protocol):
    """What wants to know what becomes of a handshake."""

    def tell(self, name: str, verdict: Verdict, text: str) -> None:
        """Take note of what one step decided."""

    async def negotiate(self, consumer: Any, scope: Mapping[str, Any], send: Any) -> None:
        """Do what a consumer would do before it joins."""


def observer_of(scope: Mapping[str, Any]) -> Observer | None:
    """Return the observer of a handshake, or None for one that is to be served."""
    return scope.get(OBSERVER)
