"""Daphne: autobahn's protocol on a Twisted transport."""

from __future__ import annotations

import functools
import socket
import sys
import weakref
from collections.abc import Callable
from typing import Any

from ws4channels.outbox import CLOSE_RESTART, CLOSE_TIMEOUT, Outbox, Send, shortened
from ws4channels.servers.direct import DirectOutbox

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
_LAST_WRITES = 0.5  # seconds that a server which ends goes on writing


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

    __slots__ = ("_is_compressing", "_is_producer", "_write_at_once")

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, protocol, **kwargs)
        self._is_compressing = False
        self._is_producer = False
        self._write_at_once: Callable[[bytes], int] | None = None

    def close_now(self, code: int, reason: str | None = None) -> None:
        """Close the socket; the client has ten seconds to read why."""
        self._is_flowing = False
        self._forget()
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
        else:
            super().flush()

    def _start(self) -> None:
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
        _say_goodbye_at_shutdown(self._protocol.server)
        self._write_at_once = _plain_send(self._transport)
        # A client that closes has autobahn unregister us: the transport would not tell.
        self._protocol.is_closed.addCallback(self._stop)
        super()._start()

    def _stop(self, protocol: Any) -> Any:
        self.stopProducing()
        return protocol

    def _may_write(self) -> bool:
        # Not in the middle of a message that somebody sends in pieces through autobahn's own interface.
        return not self._protocol.send_state

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
            protocol.closeHandshakeTimeout = CLOSE_TIMEOUT
            protocol.sendCloseFrame(code=code, reasonUtf8=shortened(reason).encode("utf-8") or None)


def _plain_send(transport: Any) -> Callable[[bytes], int] | None:
    """Return the ``send`` of the socket below a transport, or None if bytes do not get there as they are: with TLS."""
    handle = transport.getHandle() if hasattr(transport, "getHandle") else None
    if not isinstance(handle, socket.socket) or getattr(transport, "TLS", False):
        return None
    return handle.send if hasattr(transport, "dataBuffer") else None


_served: weakref.WeakSet[Any] = weakref.WeakSet()


def _say_goodbye_at_shutdown(server: Any) -> None:
    """Have Twisted close all websockets of a Daphne server with 1012 before it stops, once per server.

    Daphne itself cancels the applications then, but trips over any connection that began within the last second, and
    gives up.
    """
    if server in _served:
        return
    _served.add(server)
    internet = sys.modules["twisted.internet"]

    def close_all() -> Any:
        producers = [getattr(getattr(each, "transport", None), "producer", None) for each in list(server.connections)]
        for producer in producers:
            # TLS has it in a membrane of Twisted's.
            outbox = getattr(producer, "_producer", producer)
            if isinstance(outbox, DaphneOutbox):
                outbox.close_now(CLOSE_RESTART)
        # The reactor goes on until this fires: time to write.
        return internet.task.deferLater(internet.reactor, _LAST_WRITES, lambda: None) if producers else None

    internet.reactor.addSystemEventTrigger("before", "shutdown", close_all)
