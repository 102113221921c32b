"""Tests of `ws4channels.access.answers`: whole responses to plain HTTP requests."""

from __future__ import annotations

from typing import Any

from ws4channels.access.answers import answer


async def test_answer_has_its_length_and_headers() -> None:
    """A server needs no chunks for it."""
    sent: list[dict[str, Any]] = []

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await answer(send, 403, b"No.\n", [(b"vary", b"Origin")])
    assert sent[0]["status"] == 403
    assert sent[0]["headers"][1:] == [(b"content-length", b"4"), (b"vary", b"Origin")]
    assert sent[1] == {"type": "http.response.body", "body": b"No.\n"}
