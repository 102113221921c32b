"""Tests of `ws4channels.shown`."""

from __future__ import annotations

from typing import Any

import pytest

from ws4channels.shown import error_on_one_line, on_one_line, without_secrets


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("grün ✓", "grün ✓"),
        ("a\tb\r\n", r"a\tb\r\n"),
        ("\x9b31m\u202e", r"\x9b31m\u202e"),
        ("\u2028\udc80", r"\u2028\udc80"),
        (b"'\\\n\xff", r"<4 bytes> '\x5c\x0a\xff"),
        (b"", "<0 bytes> "),
    ],
)
def test_value_is_shown_on_one_line_without_control_characters(value: str | bytes, line: str) -> None:
    """What a client sends cannot forge a log line, move the cursor or turn the text around."""
    assert on_one_line(value) == line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("two\nlines"), r"ValueError: two\nlines"),
        (TimeoutError(), "TimeoutError"),
        (ValueError("redis://:p@ss@host:6379 is wrong"), "ValueError: redis://…@host:6379 is wrong"),
        (ValueError("redis://host?password=secret is wrong"), "ValueError: redis://host?password=… is wrong"),
    ],
)
def test_error_is_shown_on_one_line_without_secrets(error: Exception, line: str) -> None:
    """An error has its type and its text, if it has one, and no password of a URL."""
    assert error_on_one_line(error) == line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"host": "h", "password": "secret"}, {"host": "h", "password": "…"}),
        ({"host": "h", "password": None}, {"host": "h", "password": None}),
        ({"sentinel_kwargs": {"password": "secret"}}, {"sentinel_kwargs": {"password": "…"}}),
        ({"url": "redis://u:p/a@ss@h?ssl_password=x&db=1"}, {"url": "redis://…@h?ssl_password=…&db=1"}),
        ({"host": "redis://:secret@h"}, {"host": "redis://…@h"}),
        ([{"address": "redis://:secret@h"}, ("h", 6379)], [{"address": "redis://…@h"}, ("h", 6379)]),
        (b"redis://:secret@h", "redis://…@h".encode()),
        (b"secret", b"secret"),
        ("redis://h?password=secret", "redis://h?password=…"),
        (None, None),
    ],
)
def test_setting_is_shown_without_secrets(value: Any, shown: Any) -> None:
    """Passwords and logins are left out wherever they are in a setting; all else is shown as it is."""
    assert without_secrets(value) == shown
