"""Tests of the list of fixers."""

from __future__ import annotations

from pathlib import Path

import pytest

from ws4channels.migration import fixers
from ws4channels.migration.fixer import Fixer, ProjectFixer


def test_every_module_is_listed_once() -> None:
    """A fixer that is not listed would never run."""
    files = {path.stem for path in Path(fixers.__file__).parent.glob("*.py")} - {"__init__"}
    assert sorted(fixers.NAMES) == sorted(files)


def test_every_module_gives_its_fixer() -> None:
    """Each listed module defines one fixer."""
    loaded = fixers.load_fixers()
    assert [type(each).__module__.rpartition(".")[2] for each in loaded] == list(fixers.NAMES)
    assert all(isinstance(each, (Fixer, ProjectFixer)) for each in loaded)


def test_module_without_a_fixer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listed module that defines none is an error with its name."""
    monkeypatch.setattr(fixers, "NAMES", ("imports",))
    monkeypatch.setattr("ws4channels.migration.fixers.imports.ImportsFixer.__module__", "elsewhere")
    with pytest.raises(LookupError, match=r"fixers\.imports defines no fixer"):
        fixers.load_fixers()
