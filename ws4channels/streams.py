"""The same URLs as server-sent events: what websockets receive, for clients that can only read a plain HTTP response.

    GET /ws/FACILITY?subscribe-broadcast
    Accept: text/event-stream

What such a client sends comes by ``POST``. Handshake, Origin check and limits are those of websockets.
"""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings as django_settings

from ws4channels.access import handshake_size, refusals
from ws4channels.access.answers import UPGRADE_NEEDED, answer
from ws4channels.access.clients import Client
from ws4channels.access.custom_subscribers import count_own_copies
from ws4channels.access.handshake import Agreement
from ws4channels.access.posts import Posts
from ws4channels.access.requests import wants_heartbeat_events
from ws4channels.connections import UNREACHABLE
from ws4channels.counters import counts
from ws4channels.delivery.events import closing_event
from ws4channels.delivery.hub import Hub, get_hub
from ws4channels.delivery.servers.http import make_stream_outbox
from ws4channels.delivery.streams import StreamOutbox, StreamSubscriber
from ws4channels.delivery.welcome import Welcome, note_recovery
from ws4channels.origins import is_refused, origin_of
from ws4channels.presence.attendance import Presentee, get_attendance
from ws4channels.transports.configured import get_transport

__all__ = ["EventStreams"]

_ACCEPTED = "text/event-stream"
_WHAT = "an event stream"
_VARY = (b"vary", b"Origin")
_BODY_UNREAD = (403, 408, 413, 429, 500, 503)
"""The statuses of answers to posts whose bodies may not have been read, so that the connection is of no more use."""
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStreams:
    """ASGI application for plain HTTP below ``WEBSOCKET_URL``: event streams, and messages from their clients.

    All other requests are answered with 400.
    """

    def __init__(self) -> None:
        self._posts = Posts()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if not _is_for_us(scope):
            await answer(send, 400, UPGRADE_NEEDED)
        elif not await handshake_size.is_within_limits(scope, send):
            return
        elif is_refused(scope):
            await answer(send, 403, headers=[_VARY])
        elif scope["method"] == "OPTIONS":
            await answer(send, 204, headers=[*_cors_headers(scope), *_preflight_headers()])
        elif scope["method"] == "POST":
            await self._take_post(scope, receive, send)
        else:
            await _Stream(scope, send).serve(receive)

    async def _take_post(self, scope: Any, receive: Any, send: Any) -> None:
        result = await self._posts.take(scope, receive, get_hub(get_transport()))
        if result is None:
            return
        status, text = result
        headers = _cors_headers(scope)
        if status in _BODY_UNREAD and scope.get("http_version", "1.1").startswith("1"):  # RFC 9113, 8.2.2
            headers.append((b"connection", b"close"))
        await answer(send, status, text, headers)


def _is_for_us(scope: Any) -> bool:
    method = scope["method"]
    if method == "OPTIONS":
        # Without these it is no preflight (https://fetch.spec.whatwg.org/#cors-preflight-request).
        return {b"origin", b"access-control-request-method"} <= {name for name, _ in scope["headers"]}
    return method == "POST" or (method in ("GET", "HEAD") and _accepts_events(scope))


def _accepts_events(scope: Any) -> bool:
    values = (value.decode("latin1").lower() for name, value in scope["headers"] if name == b"accept")
    types = (each.partition(";")[0].strip() for value in values for each in value.split(","))
    return _ACCEPTED in types


def _cors_headers(scope: Any) -> list[tuple[bytes, bytes]]:
    """Return what lets the page of an origin that is allowed read the response."""
    origin = origin_of(scope)
    if origin is None:
        return [_VARY]
    allowed = (b"access-control-allow-origin", origin.encode("latin1"))
    return [allowed, (b"access-control-allow-credentials", b"true"), _VARY]


def _preflight_headers() -> list[tuple[bytes, bytes]]:
    """Return what tells a browser which requests such a page may make."""
    csrf = django_settings.CSRF_HEADER_NAME.removeprefix("HTTP_").replace("_", "-").lower()
    return [
        (b"access-control-allow-methods", b"GET, HEAD, POST"),
        (b"access-control-allow-headers", f"authorization, content-type, last-event-id, {csrf}".encode("latin1")),
        (b"access-control-max-age", b"600"),
    ]


class _Stream:
    """One event stream."""

    def __init__(self, scope: Any, send: Any) -> None:
        self.scope = scope
        self._send = send
        self._outbox: StreamOutbox | None = None
        self._is_open = False
        self._presentee: Presentee | None = None
        self._commanded_code: int | None = None

    async def serve(self, receive: Any) -> None:
        """Serve the stream until it or its client ends."""
        hub = get_hub(get_transport())
        client = Client(hub)
        try:
            await self._begin(hub, client)
            await self._until_end(receive)
        except asyncio.CancelledError:
            if self._outbox is None or not self._outbox.is_abandoned:
                raise
        finally:
            counts["sockets_closed"] += self._is_open
            if self._presentee is not None:
                self._presentee.leave()
            await client.leave(self._outbox)

    async def _until_end(self, receive: Any) -> None:
        try:
            await _until_disconnect(receive)
        except asyncio.CancelledError:
            if self._outbox is None or not self._outbox.will_close_for_restart:
                raise
            # Daphne cancels every task on SIGTERM. Ignore the first cancellation: the outbox ends the stream within
            # SHUTDOWN_SPREAD.
            await _until_disconnect(receive)

    async def _begin(self, hub: Hub, client: Client) -> None:
        try:
            agreement, request = await client.agree(self.scope, self._close_by_command)
            if self.scope["method"] == "HEAD":
                await self._start_response()
                await self._send({"type": "http.response.body", "body": b""})
                return
            # Daphne drops what is registered with a request when that ends: made here, not before the handshake.
            self._outbox = outbox = make_stream_outbox(
                self._send, is_binary=agreement.form.is_binary, on_overflow=self._close_slow_client
            )
            subscriber = StreamSubscriber(outbox, wants_heartbeat_events(request))
            welcome = await client.join(subscriber)
        except UNREACHABLE as error:
            await self._turn_away_unserved(hub, error)
        except Exception as error:
            await self._refuse(error)
        else:
            await self._open(outbox, agreement, welcome)
            hub.add_heartbeat(subscriber, "")
            if agreement.presence is not None and not outbox.is_closed:
                self._presentee = get_attendance(hub).enter(agreement, subscriber)

    async def _start_response(self) -> None:
        headers = [*_HEADERS, *_cors_headers(self.scope)]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})

    async def _open(self, outbox: StreamOutbox, agreement: Agreement, welcome: Welcome) -> None:
        await self._start_response()
        refusals.note_dropped(self.scope, agreement.dropped)
        counts["sockets_opened"] += 1
        self._is_open = True
        if self._commanded_code is not None:
            outbox.close_now(self._commanded_code)
            return
        note_recovery(welcome)
        outbox.begin(welcome, agreement.dropped, count_own_copies(agreement))

    async def _refuse(self, error: Exception) -> None:
        if refusals.is_refusal(error):
            refusals.note_refusal(self.scope, error)
            await answer(self._send, 403, headers=_cors_headers(self.scope))
        else:
            refusals.note_failure(self.scope, error)
            await answer(self._send, 500, b"Internal Server Error", _cors_headers(self.scope))

    async def _turn_away_unserved(self, hub: Hub, error: BaseException) -> None:
        refusals.note_unserved(hub.server, error, _WHAT)
        # Browsers do not come back after any status other than 200.
        await self._start_response()
        await self._send({"type": "http.response.body", "body": closing_event(refusals.CLOSE_UNREACHABLE)})

    def _close_by_command(self, code: int) -> None:
        """End the stream at once, or at the end of the handshake."""
        self._commanded_code = code
        if self._is_open and self._outbox is not None and not self._outbox.is_closed:
            self._outbox.close_now(code)

    def _close_slow_client(self, dropped: int) -> None:
        refusals.note_slow(dropped, _WHAT)
        assert self._outbox is not None
        self._outbox.close_now(refusals.CLOSE_SLOW)


async def _until_disconnect(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
