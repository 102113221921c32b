"""Tests of how fixers of settings add statements."""

from __future__ import annotations

import libcst as cst
import pytest

from tests.migration.rewriting import fix
from ws4channels.migration.settings_fixer import SettingsTransformer, assigned_by

CODE = "NEW = {\n    1,\n}\n"


class _Add(SettingsTransformer):
    def plan(self) -> None:
        self.add_after(self.last_line_assigning("FIRST", "TEMPLATES"), CODE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("TEMPLATES = []\nA = 1\n", f"TEMPLATES = []\n{CODE}A = 1\n"),
        ("TEMPLATES = []", f"TEMPLATES = []\n{CODE}"[:-1]),
        ("TEMPLATES = []\nFIRST = 1\n", f"TEMPLATES = []\nFIRST = 1\n{CODE}"),
        ("TEMPLATES = []\nTEMPLATES += [1]\n", f"TEMPLATES = []\nTEMPLATES += [1]\n{CODE}"),
        ("TEMPLATES = []\nTEMPLATES[0]['x'] = 1\n", f"TEMPLATES = []\nTEMPLATES[0]['x'] = 1\n{CODE}"),
        ("if x:\n    TEMPLATES = []\nA = 1\n", f"if x:\n    TEMPLATES = []\nA = 1\n{CODE}"),
        (
            "try:\n    TEMPLATES = []\nexcept E:\n    TEMPLATES = []\n",
            f"try:\n    TEMPLATES = []\nexcept E:\n    TEMPLATES = []\n{CODE}",
        ),
        ("class A:\n\tTEMPLATES = []\n\tB = 1\n", "class A:\n\tTEMPLATES = []\n\tNEW = {\n\t    1,\n\t}\n\tB = 1\n"),
        ("TEMPLATES = []\r\nA = 1\r\n", "TEMPLATES = []\r\nNEW = {\r\n    1,\r\n}\r\nA = 1\r\n"),
    ],
)
def test_code_is_added_where_it_always_runs(before: str, after: str) -> None:
    """It follows the last line that always runs, with its indentation and line ends; else it ends the file."""
    assert fix(_Add.fix, before).text == after


@pytest.mark.parametrize("text", ["DEBUG = 1\n", "def f():\n    TEMPLATES = []\n", "print 'x'; TEMPLATES = []\n"])
def test_files_that_are_no_settings_are_left(text: str) -> None:
    """Only what assigns settings, and parses, is looked at."""
    assert fix(_Add.fix, text).text == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = b = 1", ["a", "b"]),
        ("a: int = 1", ["a"]),
        ("a += 1", ["a"]),
        ("a['x']['y'] = 1", ["a"]),
        ("a.b = 1", []),
        ("f(a)", []),
    ],
)
def test_names_that_are_assigned(text: str, expected: list[str]) -> None:
    """Items count for the name that holds them; attributes are somebody else's."""
    line = cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine)
    assert list(assigned_by(line.body[0])) == expected
