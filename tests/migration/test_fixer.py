"""Tests of the interface of fixers."""

from __future__ import annotations

import pytest

from ws4channels.migration.fixer import Finding, Fixed, Fixer, Severity


def test_finding_asks_to_look_unless_said_otherwise() -> None:
    """A finding without a severity is one to check."""
    assert Finding("a", 1, "what", "todo").severity is Severity.CHECK
    assert list(Fixed("text").findings) == []


def test_fixer_must_say_what_it_wants_and_does() -> None:
    """A fixer without its two methods cannot be made."""
    with pytest.raises(TypeError, match="abstract"):
        Fixer()  # type: ignore[abstract]
