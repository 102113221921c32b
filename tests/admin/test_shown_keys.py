"""Tests of `ws4channels.admin.shown_keys`."""

from __future__ import annotations

from typing import Any

import pytest

from ws4channels.admin.shown_keys import audience_in, shown_key, shown_session


@pytest.mark.parametrize("prefix", [None, "ws"])
def test_key_of_a_session_is_shown_in_part(prefix: str | None, settings: Any) -> None:
    """Nobody can sign in with what is shown; the facility is."""
    settings.WS4REDIS_PREFIX = prefix
    lead = f"{prefix}:" if prefix else ""
    key = f"{lead}session:abcdefghijklmnop:news:today"
    assert shown_key(key) == f"{lead}session:abcd…:news:today"
    assert audience_in(key) == ("session", "abcdefghijklmnop")
    assert shown_session("abcdefghijklmnop") == "abcd…"


@pytest.mark.parametrize(
    ("key", "audience"),
    [
        ("broadcast:session:1", ("broadcast", "")),
        ("user:session:news", ("user", "session")),
        ("group:a%3Ab:news", ("group", "a:b")),
    ],
)
def test_other_keys_are_shown_as_they_are(key: str, audience: tuple[str, str]) -> None:
    """Names of users, groups and facilities are no secret here."""
    assert shown_key(key) == key
    assert audience_in(key) == audience


def test_hostile_key_is_shown_on_one_line() -> None:
    """Line breaks and characters that turn the direction of what follows are escaped."""
    assert shown_key("user:a\n\u202eb:news") == "user:a\\n\\u202eb:news"
