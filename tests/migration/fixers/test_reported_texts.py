"""Tests of the report on lines that match patterns."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import check_leaves, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import reported_texts

FIXER = reported_texts.fix


@pytest.mark.parametrize(
    ("path", "todo"),
    [
        ("Pipfile.lock", "Make it again: pipenv lock."),
        ("poetry.lock", "Make it again: poetry lock."),
        ("uv.lock", "Make it again: uv lock."),
        ("pdm.lock", "Make it again: pdm lock."),
        ("tox.ini", "Write ws4channels instead."),
    ],
)
def test_file_that_names_the_original_is_reported(path: str, todo: str) -> None:
    """The report says how it gets right; the file stays."""
    fixed = fix(FIXER, "a\nname = 'django-websocket-redis'\nb\n", path)
    assert fixed.text == "a\nname = 'django-websocket-redis'\nb\n"
    (finding,) = fixed.findings
    assert (finding.line, finding.todo) == (2, todo)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Pipfile.lock", '{"default": {"django": {}}}\n'),
        ("poetry.lock", "name = 'redis'\n"),
        ("tox.ini", "[testenv]\ndeps = django\n"),
        ("uv.lock", ""),
        ("README.md", "django-websocket-redis\n"),
        ("package-lock.json", "django-websocket-redis\n"),
        ("site/lock.py", "# django-websocket-redis\n"),
    ],
)
def test_other_files_are_passed_over(path: str, text: str) -> None:
    """Files without the original, and files of other kinds, are not reported."""
    check_leaves(FIXER, text, path)


@pytest.mark.parametrize("quoted", ["'{{ WS4REDIS_HEARTBEAT }}'", '"{{WS4REDIS_HEARTBEAT|safe}}"'])
def test_quoted_heartbeat_is_left_and_mentioned(quoted: str) -> None:
    """It works as it did with the original: the report says what would be better."""
    text = f"WS4Redis({{\n  heartbeat_msg: {quoted}\n}});\n"
    fixed = fix(FIXER, text, "chat/templates/chat.html")
    assert fixed.text == text
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (2, Severity.NOTE)
    assert "Write {{ WS4REDIS_HEARTBEAT }} without quotes" in finding.todo


def test_heartbeat_in_an_attribute_is_left() -> None:
    """The quotes of an attribute are HTML's, and its value is read back without them."""
    check_leaves(FIXER, '<body data-heartbeat="{{ WS4REDIS_HEARTBEAT|force_escape }}">\n', "chat.html")
