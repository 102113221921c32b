"""The same URLs as server-sent events: what websockets receive, for clients that can only read a plain HTTP response.

    GET /ws/FACILITY?subscribe-broadcast
    Accept: text/event-stream

Handshake, Origin check and limits are those of websockets.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ws4channels.access import handshake_size, refusals
from ws4channels.access.answers import UPGRADE_NEEDED, answer
from ws4channels.access.clients import Client
from ws4channels.access.handshake import Agreement
from ws4channels.connections import UNREACHABLE
from ws4channels.counters import counts
from ws4channels.delivery.events import closing_event
from ws4channels.delivery.hub import Hub, get_hub
from ws4channels.delivery.servers.http import make_stream_outbox
from ws4channels.delivery.streams import StreamOutbox, StreamSubscriber
from ws4channels.delivery.welcome import Welcome, note_recovery
from ws4channels.origins import is_refused, origin_of
from ws4channels.transports.configured import get_transport

__all__ = ["EventStreams"]

_ACCEPTED = "text/event-stream"
_WHAT = "an event stream"
_VARY = (b"vary", b"Origin")
_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStreams:
    """ASGI application for plain HTTP requests below ``WEBSOCKET_URL``: event streams, and 400 for all else."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["method"] not in ("GET", "HEAD") or not _accepts_events(scope):
            await answer(send, 400, UPGRADE_NEEDED)
        elif not await handshake_size.is_within_limits(scope, send):
            return
        elif is_refused(scope):
            await answer(send, 403, headers=[_VARY])
        else:
            await _Stream(scope, send).serve(receive)


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


class _Stream:
    """One event stream."""

    def __init__(self, scope: Any, send: Any) -> None:
        self.scope = scope
        self._send = send
        self._outbox: StreamOutbox | None = None
        self._is_open = False
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
            agreement, _ = await client.agree(self.scope, self._close_by_command)
            if self.scope["method"] == "HEAD":
                await self._start_response()
                await self._send({"type": "http.response.body", "body": b""})
                return
            # Daphne drops what is registered with a request when that ends: made here, not before the handshake.
            self._outbox = outbox = make_stream_outbox(
                self._send, is_binary=agreement.form.is_binary, on_overflow=self._close_slow_client
            )
            subscriber = StreamSubscriber(outbox)
            welcome = await client.join(subscriber)
        except UNREACHABLE as error:
            await self._turn_away_unserved(hub, error)
        except Exception as error:
            await self._refuse(error)
        else:
            await self._open(outbox, agreement, welcome)
            hub.add_heartbeat(subscriber, "")

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
        outbox.begin(welcome, agreement.dropped)

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
