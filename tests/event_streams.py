"""A client of event streams: reads events as the standard says, one after the other."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.waiting import TIMEOUT

HEADERS = {"Accept": "text/event-stream"}


class Event(NamedTuple):
    """One event."""

    type: str
    data: str


class EventStream:
    """An open stream; `last_id` and `retry` are what a browser would remember."""

    def __init__(
        self,
        host: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._connection = (
            http.client.HTTPConnection(host, timeout=TIMEOUT)
            if tls is None
            else http.client.HTTPSConnection(host, timeout=TIMEOUT, context=tls)
        )
        self._connection.request(method, target, headers={**HEADERS, **(headers or {})})
        self.response = self._connection.getresponse()
        self.last_id = ""
        self.retry: int | None = None
        self.comments = 0

    def __enter__(self) -> EventStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self._connection.close()

    def events(self) -> Iterator[Event]:
        """Yield the events until the stream ends."""
        data: list[str] = []
        name = "message"
        deadline = time.monotonic() + TIMEOUT
        for raw in self.response:
            # Heartbeats keep the connection's own timeout from ending this.
            assert time.monotonic() < deadline, "No event came."
            line = raw.decode("utf-8").removesuffix("\n")
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line and data:
                yield Event(name, "\n".join(data))
            if not line:
                data, name = [], "message"
            elif field == "data":
                data.append(value)
            elif field == "event":
                name = value
            elif field == "id":
                self.last_id = value
            elif field == "retry":
                self.retry = int(value)
            else:
                assert field == "", line
                self.comments += 1

    def next(self) -> Event:
        """Return the next event."""
        return next(self.events())

    def next_control(self) -> dict[str, Any]:
        """Return what the next event tells about the stream."""
        event = self.next()
        assert event.type == "ws4channels", event
        content: dict[str, Any] = json.loads(event.data)
        return content

    def take(self, count: int) -> list[str]:
        """Return the texts of the next messages."""
        events = [self.next() for _ in range(count)]
        assert {event.type for event in events} <= {"message"}
        return [event.data for event in events]
