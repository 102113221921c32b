"""Tests of `ws4channels.access.refusals`: each is counted, and logged in one line that holds no secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from ws4channels.access import refusals
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.counters import counts
from ws4channels.exceptions import TooManyKeys, TooManySockets

SCOPE: dict[str, Any] = {
    "path": "/ws/f\nERROR forged",
    "query_string": b"token=query-secret",
    "headers": [(b"cookie", b"sessionid=cookie-secret"), (b"authorization", b"Bearer header-secret")],
}

NOTES: dict[str, tuple[Callable[[], None], list[str], str]] = {
    "a refusal": (
        lambda: refusals.note_refusal(SCOPE, PermissionDenied("No.")),
        ["refused"],
        "Refused a websocket to /ws/f\\nERROR forged: PermissionDenied: No.",
    ),
    "too many keys": (
        lambda: refusals.note_refusal(SCOPE, TooManyKeys("6 keys.")),
        ["refused", "too_many_keys"],
        "Refused a websocket to /ws/f\\nERROR forged: TooManyKeys: 6 keys.",
    ),
    "too many sockets": (
        lambda: refusals.note_refusal(SCOPE, TooManySockets("2 websockets.")),
        ["refused", "too_many_sockets"],
        "Refused a websocket to /ws/f\\nERROR forged: TooManySockets: 2 websockets.",
    ),
    "a failure": (
        lambda: refusals.note_failure(SCOPE, LookupError("secret")),
        [],
        "A websocket to /ws/f\\nERROR forged failed: LookupError",
    ),
    "no Redis": (
        lambda: refusals.note_unserved("redis:6379", ConnectionError("refused")),
        ["redis_failures"],
        "Closed a new websocket, because redis:6379 does not answer: refused",
    ),
    "no Redis to publish to": (
        lambda: refusals.note_unpublished(ConnectionError("refused")),
        ["redis_failures"],
        "Could not publish a client's message: Redis does not answer: refused",
    ),
    "too large": (
        lambda: refusals.note_too_large(11),
        ["too_large"],
        "Closed a websocket whose client sent 11 bytes; WS4CHANNELS_MAX_MESSAGE_SIZE is 1048576.",
    ),
    "too fast": (
        lambda: refusals.note_too_fast(SCOPE),
        ["too_many_messages"],
        "Closed a websocket to /ws/f\\nERROR forged whose client sent too many messages; "
        "WS4CHANNELS_MAX_MESSAGES_PER_SECOND is 100.",
    ),
    "too slow": (
        lambda: refusals.note_slow(1),
        ["slow_clients_closed", "messages_dropped"],
        "Closed a websocket whose client did not keep up; 1 messages were dropped.",
    ),
}


@pytest.mark.parametrize("kind", NOTES)
def test_each_is_counted_and_logged_in_one_line(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """The line holds the reason, and nothing of the query, the headers or a line that the client made up."""
    note, names, line = NOTES[kind]
    before = dict(counts)
    note()
    assert {name for name in counts if counts[name] != before.get(name, 0)} == set(names)
    assert all(counts[name] == before.get(name, 0) + 1 for name in names)
    assert caplog.messages == [line]
    assert "\n" not in line
    assert all("secret" not in message for message in caplog.messages)
    assert (caplog.records[0].exc_info is not None) is (kind == "a failure")


def test_reason_of_a_rule_makes_no_second_line(caplog: pytest.LogCaptureFixture) -> None:
    """What a rule says of a client may hold what the client said; it stays in its line."""
    refusals.note_refusal({"path": "/ws/f"}, PermissionDenied("Kein Zutritt für a\nERROR forged\r\x1b[2J."))
    assert caplog.messages == [
        "Refused a websocket to /ws/f: PermissionDenied: Kein Zutritt für a\\nERROR forged\\r\\x1b[2J."
    ]


def test_outage_is_an_error_once_and_then_a_warning_for_each_client(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An outage is one ERROR; each further client that is turned away is a WARNING."""
    monkeypatch.setattr(refusals, "_outage", LogThrottle())
    refusals.note_unserved("redis:6379", ConnectionError("refused"))
    refusals.note_unserved("redis:6379", ConnectionError("refused"))
    refusals.note_unpublished(ConnectionError("refused"))
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "WARNING"]
