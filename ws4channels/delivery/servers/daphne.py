"""Daphne: autobahn's protocol on a Twisted transport."""

from __future__ import annotations

import asyncio
import functools
import logging
import socket
import sys
import weakref
from collections.abc import Callable, Collection
from typing import Any

from ws4channels import settings
from ws4channels.delivery.close_frames import CLOSE_RESTART, shortened
from ws4channels.delivery.outbox import Outbox, Send
from ws4channels.delivery.servers.direct import DirectOutbox
from ws4channels.delivery.servers.inlet import Inlet

logger = logging.getLogger(__name__)

_STATE_OPEN = 3
_ATTRIBUTES = (
    "_perMessageCompress",
    "closeHandshakeTimeout",
    "http_request_uri",
    "is_closed",
    "sendCloseFrame",
    "send_queue",
    "send_state",
    "server",
    "state",
    "transport",
)
_PATIENCE = 0.01  # seconds
_LAST_WRITES = 0.5  # seconds; for clients to answer a close frame


def daphne_protocol(send: Any) -> Any:
    """Return Daphne's protocol object if `send` is Daphne's own and all is as this module expects, else None."""
    # Looked up, not imported: importing daphne installs Twisted's reactor.
    server = sys.modules.get("daphne.server")
    if server is None or not isinstance(send, functools.partial) or len(send.args) != 1:
        return None
    if getattr(send.func, "__func__", None) is not server.Server.handle_reply:
        return None
    protocol = send.args[0]
    is_familiar = (
        all(hasattr(protocol, name) for name in _ATTRIBUTES) and getattr(protocol, "STATE_OPEN", 0) == _STATE_OPEN
    )
    return protocol if is_familiar and hasattr(protocol.transport, "registerProducer") else None


class DaphneOutbox(DirectOutbox):
    """Writes to the Twisted transport of Daphne's protocol, and is that transport's producer.

    As producer it is told when the transport's buffer is full and when it has emptied (twisted.internet.interfaces,
    IPushProducer): ASGI on Daphne never says so, and a client that stops reading would grow the process without end.
    """

    __slots__ = ("_is_compressing", "_is_producer", "_retry", "_write_at_once")

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, protocol, **kwargs)
        # The timer of the deadline outlives the websocket: it must not keep it.
        self.abort = functools.partial(_drop, weakref.ref(protocol))
        self._is_compressing = False
        self._is_producer = False
        self._retry: asyncio.TimerHandle | None = None
        self._write_at_once: Callable[[bytes], int] | None = None

    def close_now(self, code: int, reason: str | None = None) -> None:
        """Close the socket without regard to what waits."""
        self._is_flowing = False
        self._forget()
        self._set_deadline()
        self._write_closing(code, reason)

    async def aclose(self) -> None:
        """Stop writing."""
        self._is_flowing = False
        await super().aclose()
        if self._is_producer:
            self._transport.unregisterProducer()

    def pauseProducing(self) -> None:
        """Is called by the transport when its buffer is full."""
        self._is_flowing = False

    def resumeProducing(self) -> None:
        """Is called by the transport when its buffer has emptied."""
        if self._protocol.state == _STATE_OPEN:
            self._is_flowing = True
            self.flush()
        else:
            # Twisted does not finish closing while a producer that was paused is registered.
            self._transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Is called by the transport when the connection is lost."""
        self._is_flowing = False
        self._forget()

    def flush(self) -> None:
        """Write what has been put in; or have the plain writer do so, where frames are not ours to build."""
        if self._is_compressing:
            Outbox.flush(self)
        elif self._protocol.send_state:
            # Somebody is in the middle of a message that is sent in pieces through autobahn's own interface.
            if self._retry is None:
                self._retry = asyncio.get_running_loop().call_later(_PATIENCE, self._flush_again)
        else:
            DirectOutbox.flush(self)

    def _flush_again(self) -> None:
        self._retry = None
        self.flush()

    def _start(self) -> None:
        if self._protocol.state != _STATE_OPEN:
            # The client has gone while its handshake took its time; Twisted's transport is in pieces by now.
            self._forget()
            return
        if self._protocol._perMessageCompress is not None:
            self._is_compressing = True
            Outbox._start(self)
            return
        # After the upgrade the HTTP channel is still registered here, with nothing more to produce.
        self._transport.unregisterProducer()
        self._transport.registerProducer(self, True)
        self._is_producer = True
        # autobahn drops a client that sends too much without a word; this way it is told, with 1009.
        self._protocol.failByDrop = False
        shutdown = shutdown_of(self._protocol.server)
        self._write_at_once = _plain_send(self._transport)
        # A client that closes has autobahn unregister us: the transport would not tell.
        self._protocol.is_closed.addCallback(self._stop)
        if shutdown.is_under_way:
            # A proxy's connection that was open already.
            self.close_now(CLOSE_RESTART)
        else:
            super()._start()

    def _stop(self, protocol: Any) -> None:
        self.stopProducing()
        # Twisted waits without end until all is written.
        if getattr(self._transport, "dataBuffer", b"") or getattr(self._transport, "_tempDataBuffer", ()):
            self._set_deadline()
        # Nothing is returned: a protocol that is the result of its own Deferred is freed by the garbage collector only.

    def _write_frames(self, frames: bytes) -> None:
        protocol, transport = self._protocol, self._transport
        if protocol.state != _STATE_OPEN:
            self._is_flowing = False
            return
        if protocol.send_queue:
            # Something of autobahn's own waits there for its turn; ours is after that.
            protocol.sendData(frames)
            return
        if self._write_at_once is not None and not transport.dataBuffer and not transport._tempDataBuffer:
            # Twisted's write() only notes the data and has the reactor watch the socket, write, and stop watching:
            # three system calls where one does. With nothing buffered, writing at once keeps the order.
            try:
                sent = self._write_at_once(frames)
            except OSError:
                sent = 0  # The socket's buffer is full, or the connection lost: for Twisted to find out.
            if sent == len(frames):
                return
            frames = frames[sent:]
        transport.write(frames)

    def _write_closing(self, code: int, reason: str | None) -> None:
        protocol = self._protocol
        if protocol.state == _STATE_OPEN:
            # Its sendClose() refuses the codes that RFC 6455 has for servers, such as 1009 and 1013.
            protocol.closeHandshakeTimeout = settings.WS4CHANNELS_CLOSE_TIMEOUT
            protocol.sendCloseFrame(code=code, reasonUtf8=shortened(reason).encode("utf-8") or None)


class DaphneInlet(Inlet):
    """Stands before autobahn's protocol on a Twisted transport.

    It takes the place of the protocol's ``dataReceived``, which Twisted looks up each time, also under TLS.
    """

    ATTRIBUTES = ("application_queue", "data", "dataReceived")

    def __init__(self, protocol: Any, allows: Callable[[], bool], on_flood: Callable[[], None]) -> None:
        super().__init__(protocol, allows, on_flood)
        self._feed = protocol.dataReceived
        # What came right behind the handshake.
        self._data, protocol.data = protocol.data, b""
        protocol.dataReceived = self.data_received
        # As autobahn does with what comes then; and the two no longer keep each other alive.
        protocol.is_closed.addCallback(_receive_no_more)

    def _waiting(self) -> int:
        count: int = self._protocol.application_queue.qsize()
        return count

    def _pause(self) -> None:
        self._transport.pauseProducing()

    def _resume(self) -> None:
        self._transport.resumeProducing()


class _Shutdown:
    """The end of a Daphne server: closes all websockets with 1012, over some time, before Twisted stops.

    Daphne itself cancels the applications then, but trips over any connection that began within the last second, and
    gives up; nor does it wait for more than the first of them.
    """

    def __init__(self, server: Any) -> None:
        self._server = server
        self._http_factory = getattr(server, "http_factory", None)
        self._internet = sys.modules["twisted.internet"]
        self.is_under_way = False
        self._internet.reactor.addSystemEventTrigger("before", "shutdown", self._begin)

    def _begin(self) -> Any:
        self.is_under_way = True
        self._stop_listening()
        outboxes = [each for each in map(_outbox_of, list(self._server.connections)) if each is not None]
        logger.info("Closing %s websockets within %s s.", len(outboxes), settings.WS4CHANNELS_SHUTDOWN_SPREAD)
        for outbox in outboxes:
            outbox.close_for_restart()
        # The reactor goes on until this is done.
        end = asyncio.ensure_future(self._wait_for([each.owner for each in outboxes if each.owner is not None]))
        return self._internet.defer.Deferred.fromFuture(end)

    def _stop_listening(self) -> None:
        for port in self._internet.reactor.getReaders():
            factory = getattr(port, "factory", None)
            # With TLS, Twisted wraps it.
            if hasattr(port, "stopListening") and getattr(factory, "wrappedFactory", factory) is self._http_factory:
                port.stopListening()

    async def _wait_for(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Wait until the websockets' tasks have ended; cancel those whose clients do not answer, then all others."""
        if tasks:
            _, unanswered = await asyncio.wait(tasks, timeout=settings.WS4CHANNELS_SHUTDOWN_SPREAD + _LAST_WRITES)
            # Before the hub's task: subscribers are released in its threads.
            await _cancel(unanswered, settings.WS4CHANNELS_CLOSE_TIMEOUT)
        # As asyncio.run() does, which Daphne does not use.
        await _cancel(asyncio.all_tasks() - {asyncio.current_task()}, 2 * _LAST_WRITES)


async def _cancel(tasks: Collection[asyncio.Task[Any]], timeout: float) -> None:
    """Cancel tasks, and wait for them to end."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=timeout)


def _receive_no_more(protocol: Any) -> Any:
    protocol.dataReceived = _ignore
    return protocol


def _ignore(data: bytes) -> None:
    """Take the place of ``dataReceived``."""


def _drop(reference: weakref.ref[Any]) -> None:
    protocol = reference()
    if protocol is not None and protocol.transport.connected:
        # Under TLS, Twisted 26.10 alone aborts without telling autobahn while a paused producer is registered.
        protocol.dropConnection(abort=True)
        protocol.transport.abortConnection()


def _outbox_of(protocol: Any) -> Outbox | None:
    # An HTTP request has it itself, and a websocket's transport; under TLS in a membrane of Twisted's.
    producer = getattr(protocol, "producer", None) or getattr(getattr(protocol, "transport", None), "producer", None)
    outbox = getattr(producer, "_producer", producer)
    return outbox if isinstance(outbox, Outbox) else None


def _plain_send(transport: Any) -> Callable[[bytes], int] | None:
    """Return the ``send`` of the socket below a transport, or None if bytes do not get there as they are: with TLS."""
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not isinstance(handle, socket.socket) or getattr(transport, "TLS", False):
        return None
    return handle.send if hasattr(transport, "dataBuffer") else None


_shutdowns: weakref.WeakKeyDictionary[Any, _Shutdown] = weakref.WeakKeyDictionary()


def shutdown_of(server: Any) -> _Shutdown:
    """Return the one shutdown of a Daphne server."""
    if server not in _shutdowns:
        _shutdowns[server] = _Shutdown(server)
    return _shutdowns[server]
