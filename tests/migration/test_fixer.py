"""Tests of the interface of fixers."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of
from ws4channels.migration.fixer import Finding, Fixed, Fixer, ProjectFixed, Severity, SourceFile, masked


def test_finding_asks_to_look_unless_said_otherwise() -> None:
    """A finding without a severity is one to check."""
    assert Finding("a", 1, "what", "todo").severity is Severity.CHECK
    assert list(Fixed("text").findings) == []


def test_fixer_does_nothing_unless_given_what_to_do() -> None:
    """A fixer may be for each file, or for all of them at once."""
    facts = facts_of({})
    assert Fixer("idle").fix(SourceFile("a", ""), facts) is None
    assert Fixer("idle").fix_project({}, facts) == ProjectFixed()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DB_PASSWORD=hunter2 x", "DB_PASSWORD=*** x"),
        ("  password: 'hunter2'", "  password: '***'"),
        ('"API_KEY": "hunter2",', '"API_KEY": "***",'),
        ("redis://user:hunter2@host/0", "redis://user:***@host/0"),
        ("redis-cli -h x -a hunter2 publish", "redis-cli -h x -a *** publish"),
        ("mysql --password hunter2", "mysql --password ***"),
        ("proxy_pass http://websocket;", "proxy_pass http://websocket;"),
        ("ProxyPass /ws/ ws://127.0.0.1:9090/", "ProxyPass /ws/ ws://127.0.0.1:9090/"),
        ("uwsgi_pass unix:/run/ws.sock;", "uwsgi_pass unix:/run/ws.sock;"),
        ("client.publish('a:broadcast:b')", "client.publish('a:broadcast:b')"),
    ],
)
def test_secrets_are_masked_and_nothing_else(text: str, shown: str) -> None:
    """What a report shows of a line may be sent around."""
    assert masked(text) == shown
