"""Tests of `ws4channels.access.observers`: what serves handshakes tells an observer instead of serving."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from tests.access.scopes import a_scope
from ws4channels.access.observers import OBSERVER, observer_of
from ws4channels.asgi import get_asgi_application
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts


class Notes:
    """An observer that takes notes."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.consumers: list[Any] = []

    def tell(self, name: str, verdict: str, text: str) -> None:
        self.told.append((name, verdict))

    async def negotiate(self, consumer: Any, scope: Mapping[str, Any], send: Any) -> None:
        self.consumers.append(consumer)


async def observe(path: str, **extra: Any) -> Notes:
    """Have the application answer an observed handshake; fail if it sends anything but a refusal."""
    notes = Notes()
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await get_asgi_application()(a_scope("subscribe-broadcast", path, **{OBSERVER: notes}, **extra), receive, send)
    assert all(event == {"type": "websocket.close"} for event in sent)
    return notes


def test_handshake_to_be_served_has_no_observer() -> None:
    """What servers make is served."""
    assert observer_of(a_scope()) is None


@pytest.mark.parametrize(
    ("path", "headers", "told"),
    [
        ("/ws/news", [], [("origin", "ok")]),
        ("/elsewhere", [], [("origin", "ok"), ("router", "refused")]),
        ("/ws/news", [(b"host", b"testserver"), (b"origin", b"https://evil.example")], [("origin", "refused")]),
    ],
)
async def test_observed_handshake_is_told_and_not_served(
    caplog: pytest.LogCaptureFixture, path: str, headers: list[tuple[bytes, bytes]], told: list[tuple[str, str]]
) -> None:
    """The observer learns what was decided; nothing is logged or counted, and the consumer hands over to it."""
    caplog.set_level(logging.DEBUG, "ws4channels")
    before = counts.copy()
    notes = await observe(path, headers=headers)
    assert notes.told == told
    assert notes.consumers == ([FacilityConsumer] if told == [("origin", "ok")] else [])
    assert (counts, caplog.records) == (before, [])
