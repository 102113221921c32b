"""Tests of `ws4channels.access.handshake_size`: handshakes that are too large."""

from __future__ import annotations

from typing import Any

import pytest

from ws4channels.access.handshake_size import MAX_HEADERS, MAX_URL, is_within_limits
from ws4channels.counters import counts

HTTP_RESPONSE: dict[str, Any] = {"websocket.http.response": {}}


async def answer(path: str, query: bytes = b"", headers: Any = (), **scope: Any) -> tuple[bool, list[dict[str, Any]]]:
    """Return whether a handshake is let through, and what was sent."""
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    whole = {"type": "websocket", "path": path, "query_string": query, "headers": headers, **scope}
    return await is_within_limits(whole, send), sent


async def test_largest_url_and_headers_are_let_through() -> None:
    """What is as large as may be is not refused, and nothing is sent."""
    headers = [(b"cookie", b"x" * (MAX_HEADERS - 6))]
    assert await answer("/ws/f", b"x" * (MAX_URL - 6), headers) == (True, [])
    assert await answer("/ws/f") == (True, [])


async def test_long_url_means_414(caplog: pytest.LogCaptureFixture) -> None:
    """A byte more in path or query is refused, counted and logged; the log does not hold all of the URL."""
    before = counts["refused"]
    is_let_through, sent = await answer("/ws/f", b"x" * (MAX_URL - 5), extensions=HTTP_RESPONSE)
    assert not is_let_through
    assert [event.get("status") for event in sent] == [414, None]
    assert counts["refused"] == before + 1
    assert caplog.messages == ["Refused a websocket to /ws/f: its URL has 7169 bytes; 7168 are allowed."]


async def test_path_counts_as_the_client_wrote_it() -> None:
    """Quoted characters count with their quotes where the server tells."""
    assert (await answer("/ws/é", raw_path=b"/ws/" + b"%C3%A9" * 1195))[0] is False


async def test_large_headers_mean_431() -> None:
    """Many headers count as a large one does."""
    headers = [(b"x-%d" % number, b"y" * 100) for number in range(200)]
    is_let_through, sent = await answer("/ws/f", headers=headers, extensions=HTTP_RESPONSE)
    assert not is_let_through
    assert [event.get("status") for event in sent] == [431, None]


async def test_large_handshake_means_403_where_asgi_has_no_other_status() -> None:
    """Servers without the extension turn a close before the accept into 403."""
    assert await answer("/ws/f", b"x" * MAX_URL) == (False, [{"type": "websocket.close"}])
    assert await answer("/ws/f", b"x" * MAX_URL, extensions=None) == (False, [{"type": "websocket.close"}])
