"""Tests of `ws4channels.delivery.servers.http`: which server an event stream is on.

On real servers, `tests.faults.test_streams` has clients that do not read, and servers that end.
"""

from __future__ import annotations

from typing import Any

from ws4channels.delivery.servers.http import make_stream_outbox
from ws4channels.delivery.streams import StreamOutbox


async def send(message: dict[str, Any]) -> None:
    """Do nothing, as the ``send`` of an unknown server or of a site's middleware."""


async def test_unknown_servers_have_the_plain_outbox() -> None:
    """Only what is Daphne's or uvicorn's own is used."""
    outbox = make_stream_outbox(send, is_binary=False, on_overflow=print)
    assert type(outbox) is StreamOutbox
    assert outbox.abort is None
