"""The recipes of the documentation, with this machine's paths and ports put in place of the marked values."""

from __future__ import annotations

import configparser
import shlex
from collections.abc import Mapping
from pathlib import Path

from tests.live.processes import ROOT

RECIPES = ROOT / "docs" / "deployment"


def render(name: str, values: Mapping[str, str | Path]) -> str:
    """Return a recipe with each marked value replaced by ours; nothing else is changed."""
    text = (RECIPES / name).read_text("utf-8")
    for marked, ours in values.items():
        assert marked in text, f"{name} has no {marked!r}"
        text = text.replace(marked, str(ours))
    return text


def command_of_unit(name: str, values: Mapping[str, str | Path]) -> list[str]:
    """Return the words of a systemd unit's ExecStart."""
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(render(name, values))
    return shlex.split(unit["Service"]["ExecStart"].replace("\\\n", " "))
