"""The event streams of the site as httpx-sse reads them, the client that Python programs use."""

from __future__ import annotations

import httpx
import httpx_sse
import pytest

from tests.live.servers import daphne
from tests.waiting import TIMEOUT

pytestmark = pytest.mark.live


def test_httpx_sse_reads_a_stream(surroundings, facility):
    """A program gets type, text and id of each event."""
    with daphne(surroundings) as site, httpx.Client(timeout=TIMEOUT) as client:
        url = f"http://{site.host}/ws/{facility}?subscribe-broadcast"
        with httpx_sse.connect_sse(client, "GET", url) as source:
            events = source.iter_sse()
            first = next(events)
            assert (first.event, first.json()["recovered"]) == ("ws4channels", None)
            site.get("/publish/", params={"facility": facility, "text": "two\nlines"})
            event = next(events)
            assert (event.event, event.data) == ("message", "two\nlines0")
            assert event.id != first.id
