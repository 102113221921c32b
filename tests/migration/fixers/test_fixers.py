"""Tests of the list of fixers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ws4channels.migration import fixers
from ws4channels.migration.fixer import Fixer


def test_every_module_is_listed_once() -> None:
    """A fixer that is not listed would never run."""
    files = {path.stem for path in Path(fixers.__file__).parent.glob("*.py")} - {"__init__"}
    assert sorted(fixers.NAMES) == sorted(files)


def test_every_module_gives_its_fixer() -> None:
    """Each listed module fixes files, or the project, or both."""
    for loaded in fixers.load_fixers():
        module = vars(import_module(f"{fixers.__name__}.{loaded.name}"))
        assert {"fix", "fix_project"} & set(module)
        assert loaded.fix == module.get("fix", Fixer.fix)
        assert loaded.fix_project is module.get("fix_project", Fixer.fix_project)
