"""Tests of `ws4channels.processes.server_names`; those of real servers are in ``tests/faults/test_processes.py``."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from ws4channels.processes.server_names import server_name


def test_daphne_counts_only_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modules are loaded in other processes as well."""
    for name in ("uvicorn", "hypercorn", "granian"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "daphne.server", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", SimpleNamespace(running=False))
    assert server_name() == "other"
    monkeypatch.setitem(sys.modules, "uvicorn", SimpleNamespace())
    assert server_name() == "uvicorn"
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", SimpleNamespace(running=True))
    assert server_name() == "daphne"
