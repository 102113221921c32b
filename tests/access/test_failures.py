"""Tests of `ws4channels.access.failures`; tests/live/test_refusals.py has those with real servers."""

from __future__ import annotations

from typing import Any

import pytest

from ws4channels.access.failures import answer_with_500


@pytest.mark.parametrize("extensions", [{}, None, {"websocket.http.response": None}])
async def test_response_is_sent_where_the_server_takes_one(extensions: Any) -> None:
    """A server that lists the extension is sent a response; another is sent nothing, and the result is False."""
    sent: list[Any] = []

    async def send(event: Any) -> None:
        sent.append(event)

    is_answered = await answer_with_500({"extensions": extensions}, send, LookupError("secret"))
    assert is_answered is bool(extensions)
    assert [event.get("status", event.get("body")) for event in sent] == [500, b"Internal Server Error"] * is_answered
    assert "secret" not in str(sent)


async def test_scope_without_extensions_will_do() -> None:
    """Daphne and test communicators leave them out."""
    assert not await answer_with_500({}, None, LookupError())
