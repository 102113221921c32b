"""Tests of the rules for lines that are reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ws4channels.migration import rules
from ws4channels.migration.fixer import Severity, Step
from ws4channels.migration.rules import Rule, rules_for

RULES = [*rules_for("texts"), *rules_for("commands")]


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.files} {rule.line}" for rule in RULES])
def test_rule_says_what_is_there_and_what_to_do(rule: Rule) -> None:
    """Both patterns are regular expressions, and what is said are sentences without gaps but the command's."""
    re.compile(rule.files)
    re.compile(rule.line.replace("{pin}", "3").replace("{url}", "/ws"))
    assert rule.what.endswith(".")
    assert rule.todo.format(daphne="daphne").endswith(".")


def test_first_rules_for_commands_are_those_of_uwsgi() -> None:
    """The fixer of files of servers takes them as such."""
    assert all("uWSGI" in rule.what for rule in rules_for("commands")[:3])


def test_every_finding_is_used() -> None:
    """No text is left over of a finding that no fixer makes any more."""
    code = "".join(path.read_text("utf-8") for path in Path(rules.__file__).parent.rglob("*.py"))
    left = [name for name in rules._SAID["findings"] if f'"{name}"' not in code and not name.endswith("-replaced")]
    assert left == []


def test_finding_has_what_was_found_in_its_texts() -> None:
    """The names in braces are filled in, and severity and step are those of the table."""
    found = rules.finding("no-such-name", "a.py", 3, module="publisher", name="x")
    assert (found.path, found.line, found.severity, found.step) == ("a.py", 3, Severity.MUST, Step.CODE)
    assert found.what == "ws4channels.publisher has no x."
