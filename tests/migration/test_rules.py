"""Tests of the rules for lines that are reported."""

from __future__ import annotations

import re

import pytest

from ws4channels.migration.rules import Rule, read_rules

RULES = [*read_rules("texts"), *read_rules("commands")]


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.files} {rule.line}" for rule in RULES])
def test_rule_says_what_is_there_and_what_to_do(rule: Rule) -> None:
    """Both patterns are regular expressions, and what is said are sentences without gaps but the command's."""
    re.compile(rule.files)
    re.compile(rule.line.replace("{pin}", "3").replace("{url}", "/ws"))
    assert rule.what.endswith(".")
    assert rule.todo.format(daphne="daphne").endswith(".")


def test_first_rules_for_commands_are_those_of_uwsgi() -> None:
    """The fixer of files of servers takes them as such."""
    assert all("uWSGI" in rule.what for rule in read_rules("commands")[:3])
