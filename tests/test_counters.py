"""Tests of `ws4channels.counters`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import ws4channels
from ws4channels import counters
from ws4channels.counters import counts

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
    source = Path(inspect.getfile(counters)).read_text(encoding="utf-8")
    assert used == set(re.findall(r"``(\w+)``", source))
