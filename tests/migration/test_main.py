"""Tests of ``python -m ws4channels.migration``."""

from __future__ import annotations

import subprocess
import sys


def test_help_names_the_options() -> None:
    """--help works without a site, and says what --write does."""
    command = [sys.executable, "-m", "ws4channels.migration", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert shown.startswith("usage: python -m ws4channels.migration")
    assert "change the files: all of them, or none if one fails" in shown


def test_exit_code_is_the_commands() -> None:
    """An error ends the process with 2."""
    command = [sys.executable, "-m", "ws4channels.migration", "/nowhere/at/all"]
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 2
