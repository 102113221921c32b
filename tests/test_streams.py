"""Tests of `ws4channels.streams`: which requests get an event stream, and what the others are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis
from channels.routing import URLRouter
from django.core.exceptions import PermissionDenied

from tests.access.scopes import a_scope
from tests.sockets import broadcast
from tests.visitors import signed_in
from tests.waiting import TIMEOUT, eventually
from ws4channels import presence
from ws4channels.access.handshake_size import MAX_URL
from ws4channels.access.presence import NO_RULE
from ws4channels.closing import aclose_sockets
from ws4channels.counters import counts
from ws4channels.routing import event_stream_urlpatterns
from ws4channels.streams import EventStreams


class Response:
    """What a request was answered so far."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.has_ended = asyncio.Event()

    async def send(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["type"] == "http.response.body" and not event.get("more_body"):
            self.has_ended.set()

    async def receive(self) -> dict[str, Any]:
        await self.has_ended.wait()
        return {"type": "http.disconnect"}

    @property
    def status(self) -> int:
        return int(self.events[0]["status"])

    @property
    def text(self) -> str:
        return b"".join(event["body"] for event in self.events[1:]).decode()


@asynccontextmanager
async def requested(
    query: str = "subscribe-broadcast", application: Any = None, **extra: Any
) -> AsyncIterator[Response]:
    """Send a request, and end the client at the end."""
    scope = a_scope(query, scheme="http", **{"method": "GET", **extra, "type": "http"})
    scope["headers"].append((b"accept", b"text/event-stream"))
    response = Response()
    task = asyncio.create_task((application or EventStreams())(scope, response.receive, response.send))
    try:
        await eventually(lambda: response.events or task.done(), "there is no answer")
        yield response
    finally:
        response.has_ended.set()
        await asyncio.wait_for(task, TIMEOUT)


async def test_own_router_serves_streams(redis_client: redis.Redis) -> None:
    """The http twin of websocket_urlpatterns has the same URLs."""
    async with requested(application=URLRouter(event_stream_urlpatterns)) as response:
        await eventually(lambda: "recovered" in response.text, "it has not begun")
        await broadcast("f", "hello")
        await eventually(lambda: "data: hello\n" in response.text, "the message is missing")


def refuse(request: Any, channels: Any) -> Any:
    raise PermissionDenied("Not today.")


def fail(request: Any, channels: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(("hook", "status"), [(refuse, 403), (fail, 500)])
async def test_rules_hold_for_streams(settings: Any, caplog: pytest.LogCaptureFixture, hook: Any, status: int) -> None:
    """Who may open no websocket may open no stream; the log says why."""
    settings.WS4REDIS_ALLOWED_CHANNELS = hook
    async with requested() as response:
        assert response.status == status
        assert "event stream to /ws/f" in caplog.messages[-1]


@pytest.mark.parametrize(("mode", "status"), [("no-cors", 403), ("cors", 200), ("same-origin", 200)])
async def test_page_that_could_not_read_a_stream_begins_none(
    caplog: pytest.LogCaptureFixture, settings: Any, mode: str, status: int
) -> None:
    """In the mode no-cors browsers send any page's GET with cookies and no Origin; ``*`` allows that as well."""
    headers = [(b"sec-fetch-mode", mode.encode())]
    async with requested(headers=headers) as response:
        assert response.status == status
        assert ("with which browsers send no Origin" in caplog.text) == (status == 403)
    settings.WS4CHANNELS_ALLOWED_ORIGINS = ["*"]
    async with requested(headers=headers) as response:
        assert response.status == 200


async def test_dropped_channels_are_told() -> None:
    """The first event says which channels the client does not get."""
    async with requested("subscribe-user&subscribe-broadcast") as response:
        await eventually(lambda: '"dropped": {"subscribe-user": "nobody is signed in"}' in response.text, "not told")


async def test_streams_count_as_sockets(settings: Any) -> None:
    """Limits and counters of websockets hold for streams."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 1
    before = counts["sockets_opened"] - counts["sockets_closed"]
    async with requested() as first:
        await eventually(lambda: first.text, "it has not begun")
        assert counts["sockets_opened"] - counts["sockets_closed"] == before + 1
        async with requested() as second:
            assert second.status == 403
    assert counts["sockets_opened"] - counts["sockets_closed"] == before
    async with requested() as third:
        assert third.status == 200


async def test_stream_asks_for_heartbeats_as_events(settings: Any) -> None:
    """Scripts in browsers see events, and no comments."""
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.05
    async with requested("subscribe-broadcast&heartbeat=event") as response:
        await eventually(lambda: 'data: {"heartbeat": true}\n\n' in response.text, "there is no heartbeat")
        assert ":\n\n" not in response.text


def allow_all(request: Any, channels: list[str]) -> list[str]:
    return channels


async def test_streams_are_present(settings: Any) -> None:
    """A stream counts as a socket of its user, is told who is here if its URL asks, and leaves at its end."""
    settings.WS4CHANNELS_PRESENCE = ["f"]
    settings.WS4REDIS_ALLOWED_CHANNELS = allow_all
    async with requested("subscribe-broadcast&presence", **signed_in("mary")) as mary:
        await eventually(lambda: '"presence": {"audience": "broadcast", "now": ["mary"]' in mary.text, "nobody is here")
        async with requested(**signed_in("john")), requested():
            await eventually(lambda: '"joined": ["john"]' in mary.text, "the join is not told")
            here = await presence.apresent(facility="f", broadcast=True)
            assert {each.user: each.sockets for each in here} == {"mary": 1, "john": 1}
            await eventually(lambda: '"anonymous": 1}' in mary.text, "the anonymous one is not told")
        await eventually(lambda: '"left": ["john"]' in mary.text, "the leave is not told")


async def test_presence_is_withheld_without_a_rule(settings: Any) -> None:
    """It fails closed, as for websockets, and the first event says so."""
    settings.WS4CHANNELS_PRESENCE = ["f"]
    async with requested("subscribe-broadcast&presence") as response:
        await eventually(lambda: NO_RULE in response.text, "it is not told")


async def test_close_command_ends_a_stream() -> None:
    """The client is told the code that a websocket would be closed with."""
    async with requested() as response:
        await eventually(lambda: response.text, "it has not begun")
        await aclose_sockets(facility="f", code=4321)
        await asyncio.wait_for(response.has_ended.wait(), TIMEOUT)
        assert '{"close": 4321}' in response.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS"])
async def test_other_methods_are_answered_with_400(method: str) -> None:
    """GET and HEAD read a stream, and POST publishes."""
    async with requested(method=method) as response:
        assert response.status == 400


async def test_long_urls_are_refused() -> None:
    """The bounds of a handshake hold for streams."""
    async with requested("x" * MAX_URL) as response:
        assert response.status == 414


async def test_redis_that_does_not_answer_means_come_back(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Browsers come back only after status 200, so the stream begins and ends at once."""
    settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": 1}
    settings.WS4CHANNELS_TRANSPORT = "redis"
    async with requested() as response:
        assert response.status == 200
        await asyncio.wait_for(response.has_ended.wait(), TIMEOUT)
        assert '{"close": 1013}' in response.text
        assert "retry: " in response.text
