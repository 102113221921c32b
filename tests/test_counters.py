"""Tests of `ws4channels.counters`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import ws4channels
from ws4channels.counters import MEANINGS, counts

PACKAGE = Path(inspect.getfile(ws4channels)).parent


def test_what_never_happened_counts_zero() -> None:
    """Reading a name that nothing was counted under gives 0 and leaves no trace."""
    assert counts["never_happens"] == 0
    assert "never_happens" not in counts


def test_every_counted_name_is_documented() -> None:
    """The names used in the package are those that the module documents."""
    used = {
        name
        for module in PACKAGE.rglob("*.py")
        for name in re.findall(r'counts\["(\w+)"\]', module.read_text(encoding="utf-8"))
        if module.name != "counters.py"
    }
    assert used == set(MEANINGS)


@pytest.mark.parametrize("name", MEANINGS)
def test_every_name_is_in_the_documentation(name: str) -> None:
    """The page about monitoring has a row for each name, in the words of the module."""
    page = (PACKAGE.parent / "docs" / "monitoring.md").read_text(encoding="utf-8")
    assert f"| {name} | {MEANINGS[name].removesuffix('.')} |" in page.replace("`", "")
