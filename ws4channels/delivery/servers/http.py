"""Outboxes of event streams that know Daphne or uvicorn: when a client does not read, and when the server ends."""

from __future__ import annotations

import asyncio
import functools
import sys
import weakref
from typing import Any

from ws4channels import settings
from ws4channels.delivery.close_frames import CLOSE_RESTART
from ws4channels.delivery.outbox import Send, State
from ws4channels.delivery.servers.daphne import shutdown_of
from ws4channels.delivery.servers.uvicorn import aborting
from ws4channels.delivery.streams import StreamOutbox

_REQUEST_ATTRIBUTES = ("channel", "finished", "producer", "registerProducer", "server", "unregisterProducer")
_CYCLE_CLASSES = ("uvicorn.protocols.http.h11_impl", "uvicorn.protocols.http.httptools_impl")
_CYCLE_ATTRIBUTES = ("disconnected", "keep_alive", "transport")


def daphne_request(send: Any) -> Any:
    """Return Daphne's HTTP request if `send` is Daphne's own and all is as this module expects, else None."""
    # Looked up, not imported: importing daphne installs Twisted's reactor.
    server = sys.modules.get("daphne.server")
    if server is None or not isinstance(send, functools.partial) or len(send.args) != 1:
        return None
    if getattr(send.func, "__func__", None) is not server.Server.handle_reply:
        return None
    request = send.args[0]
    return request if all(hasattr(request, name) for name in _REQUEST_ATTRIBUTES) else None


def uvicorn_cycle(send: Any) -> Any:
    """Return uvicorn's object of one request and response if `send` is its own, else None."""
    cycle: Any = getattr(send, "__self__", None)
    cls: Any = type(cycle)
    if cls.__module__ not in _CYCLE_CLASSES or getattr(send, "__func__", None) is not getattr(cls, "send", None):
        return None
    return cycle if all(hasattr(cycle, name) for name in _CYCLE_ATTRIBUTES) else None


def make_stream_outbox(send: Send, **kwargs: Any) -> StreamOutbox:
    """Return the best outbox for an event stream whose server gave `send`; `kwargs` are StreamOutbox's."""
    if settings.WS4CHANNELS_DIRECT_WRITES:
        request = daphne_request(send)
        if request is not None:
            return DaphneStreamOutbox(send, request, **kwargs)
        cycle = uvicorn_cycle(send)
        if cycle is not None:
            return UvicornStreamOutbox(send, cycle, **kwargs)
    return StreamOutbox(send, **kwargs)


class DaphneStreamOutbox(StreamOutbox):
    """Waits while the Twisted transport of Daphne's request is full; ASGI's ``send`` on Daphne never waits.

    As the request's producer it is told when that buffer is full and when it has emptied (twisted.internet.interfaces,
    IPushProducer).
    """

    __slots__ = ("_daphne_send", "_is_flowing", "_request")

    def __init__(self, send: Send, request: Any, **kwargs: Any) -> None:
        super().__init__(self._send_when_flowing, **kwargs)
        self._daphne_send = send
        self._request = request
        self._is_flowing = asyncio.Event()
        self._is_flowing.set()
        # The timer of the deadline outlives the stream: it must not keep it.
        self.abort = functools.partial(_drop, weakref.ref(request.channel.transport)) if request.channel else None

    def pauseProducing(self) -> None:
        """Is called by the transport when its buffer is full."""
        self._is_flowing.clear()

    def resumeProducing(self) -> None:
        """Is called by the transport when its buffer has emptied."""
        self._is_flowing.set()

    def stopProducing(self) -> None:
        """Is called by the transport when the connection is lost."""
        self._forget()
        self._is_flowing.set()

    async def aclose(self) -> None:
        """Stop sending."""
        await super().aclose()
        self._unregister()

    async def _send_when_flowing(self, message: dict[str, Any]) -> None:
        await self._is_flowing.wait()
        if not message.get("more_body"):
            # Twisted logs an error for a request that is finished while its producer is registered.
            self._unregister()
        await self._daphne_send(message)

    def _unregister(self) -> None:
        if self._request.producer is self and self._request.channel is not None:
            self._request.unregisterProducer()

    def _start(self) -> None:
        if self._request.channel is None:
            self._forget()  # The client has gone while its handshake took its time.
            return
        self._request.registerProducer(self, True)
        # The connection ends with the stream, so that `abort` never hits another request.
        self._request.channel.persistent = False
        super()._start()
        if shutdown_of(self._request.server).is_under_way:
            self.close_now(CLOSE_RESTART)


def _drop(reference: weakref.ref[Any]) -> None:
    transport = reference()
    if transport is not None and transport.connected:
        transport.abortConnection()


class UvicornStreamOutbox(StreamOutbox):
    """Ends within ``WS4CHANNELS_SHUTDOWN_SPREAD`` when uvicorn ends, which would wait for the stream otherwise."""

    __slots__ = ("_ends", "_protocol")

    def __init__(self, send: Send, cycle: Any, **kwargs: Any) -> None:
        super().__init__(send, **kwargs)
        self._ends = False
        # The connection ends with the stream, so that `abort` never hits another request.
        cycle.keep_alive = False
        self.abort = aborting(cycle)
        self._protocol = cycle.transport.get_protocol()
        # A uvicorn that ends calls it for all connections, and knows no other way of being told to wait.
        self._protocol.shutdown = self._shut_down

    async def aclose(self) -> None:
        """Stop sending."""
        vars(self._protocol).pop("shutdown", None)
        await super().aclose()

    def _start(self) -> None:
        super()._start()
        if self._ends:
            self.close_for_restart()

    def _shut_down(self) -> None:
        self._ends = True
        type(self._protocol).shutdown(self._protocol)
        if self._state is not State.HOLDING:
            self.close_for_restart()
