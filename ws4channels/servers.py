"""What we know of servers beyond ASGI: how to hand one frame to many sockets, and when a client stops reading.

ASGI's ``send`` has Daphne build and check the same frame once per socket, and never says that a client does not read.
So, where the ``send`` given to a consumer is recognised as Daphne's or uvicorn's own, its outbox builds each message's
frame once (RFC 6455, 5.2) and writes it to every socket, and follows the transport's flow control. This is the fast
path, and this module is its one home. Everything else, and everything that looks unfamiliar, keeps the plain outbox;
``WS4CHANNELS_DIRECT_WRITES = False`` makes that the rule.
"""

from __future__ import annotations

import asyncio
import functools
import struct
import sys
import weakref
from collections.abc import Callable
from typing import Any

from channels.sessions import InstanceSessionWrapper

from ws4channels import settings
from ws4channels.messages import Delivery
from ws4channels.outbox import CLOSE_RESTART, CLOSE_TIMEOUT, Outbox, Send

_TEXT, _BINARY = 0x81, 0x82  # opcode with the FIN bit
_PATIENCE = 0.01  # seconds
_LAST_WRITES = 0.5  # seconds that a server which ends goes on writing
_PIECE = 64 * 1024  # bytes; as much as either transport buffers before it says that it is full

_DAPHNE_STATE_OPEN = 3
_DAPHNE_ATTRIBUTES = (
    "_perMessageCompress",
    "closeHandshakeTimeout",
    "sendCloseFrame",
    "send_queue",
    "send_state",
    "state",
    "server",
    "transport",
)
_UVICORN_CLASS = ("uvicorn.protocols.websockets.websockets_sansio_impl", "WebSocketsSansIOProtocol")
_UVICORN_ATTRIBUTES = ("close_sent", "conn", "disconnected", "handshake_complete", "transport", "writable")


def build_frame(delivery: Delivery) -> bytes:
    """Return the whole, unmasked frame of a delivery and remember it there."""
    payload = delivery.payload
    opcode = _TEXT
    if isinstance(payload, str):
        payload = payload.encode("utf-8")
    else:
        opcode = _BINARY
    length = len(payload)
    if length < 126:
        header = struct.pack("!BB", opcode, length)
    elif length < 65536:
        header = struct.pack("!BBH", opcode, 126, length)
    else:
        header = struct.pack("!BBQ", opcode, 127, length)
    delivery.frame = header + payload
    return delivery.frame


class DirectOutbox(Outbox):
    """An outbox that writes frames to a transport as long as that takes them; then they wait in its queue."""

    __slots__ = ("_is_flowing", "_protocol", "_transport")

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, **kwargs)
        self._protocol = protocol
        self._transport = protocol.transport
        self._is_flowing = False

    def flush(self) -> None:
        """Write what has been put in, in few and not too large pieces."""
        queue = self._queue
        if queue and self._is_flowing and not self._may_write():
            asyncio.get_running_loop().call_later(_PATIENCE, self.flush)
            return
        while queue and self._is_flowing:
            frames: list[bytes] = []
            size = 0
            while queue and size < _PIECE and not queue[0].is_closing:
                delivery = self._take()
                frame = delivery.frame or build_frame(delivery)
                frames.append(frame)
                size += len(frame)
            if frames:
                self._write_frames(frames[0] if len(frames) == 1 else b"".join(frames))
            elif queue:
                self._is_flowing = False
                message = self._take().message
                self._write_closing(message.get("code", 1000), message.get("reason"))
        if not queue:
            self._make_room()

    def _start(self) -> None:
        self._is_flowing = True
        self.flush()

    def _may_write(self) -> bool:
        """Tell whether a whole frame may be written now."""
        return True

    def _write_frames(self, frames: bytes) -> None:
        raise NotImplementedError

    def _write_closing(self, code: int, reason: str | None) -> None:
        raise NotImplementedError


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
        if self._protocol.state == _DAPHNE_STATE_OPEN:
            self._is_flowing = True
            self.flush()
        else:
            # Twisted does not finish closing while a producer that was paused is registered.
            self._transport.unregisterProducer()

    def stopProducing(self) -> None:
        """Is called by the transport when the connection is lost."""
        self._is_flowing = False

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
        if hasattr(self._transport, "getHandle") and hasattr(self._transport, "dataBuffer"):
            self._write_at_once = self._transport.getHandle().send
        super()._start()

    def _may_write(self) -> bool:
        # Not in the middle of a message that somebody sends in pieces through autobahn's own interface.
        return not self._protocol.send_state

    def _write_frames(self, frames: bytes) -> None:
        protocol, transport = self._protocol, self._transport
        if protocol.state != _DAPHNE_STATE_OPEN:
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
        if protocol.state == _DAPHNE_STATE_OPEN:
            # Its sendClose() refuses the codes that RFC 6455 has for servers, such as 1009 and 1013.
            protocol.closeHandshakeTimeout = CLOSE_TIMEOUT
            protocol.sendCloseFrame(code=code, reasonUtf8=reason.encode("utf-8")[:123] if reason else None)


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
        outboxes = [getattr(getattr(each, "transport", None), "producer", None) for each in list(server.connections)]
        for outbox in outboxes:
            if isinstance(outbox, DaphneOutbox):
                outbox.close_now(CLOSE_RESTART)
        # The reactor goes on until this fires: time to write.
        return internet.task.deferLater(internet.reactor, _LAST_WRITES, lambda: None) if outboxes else None

    internet.reactor.addSystemEventTrigger("before", "shutdown", close_all)


class UvicornOutbox(DirectOutbox):
    """Writes to the asyncio transport of uvicorn's ``websockets-sansio`` protocol; waits while that is full."""

    __slots__ = ()

    def close_now(self, code: int, reason: str | None = None) -> None:
        """Close the socket; the client has ten seconds to read why."""
        self._is_flowing = False
        # uvicorn's send waits until the client reads, which this one does not.
        self._protocol.writable.set()
        super().close_now(code, reason)
        asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._transport.abort)

    async def aclose(self) -> None:
        """Stop writing."""
        self._is_flowing = False
        await super().aclose()

    def _write_frames(self, frames: bytes) -> None:
        protocol = self._protocol
        if protocol.close_sent or protocol.disconnected:
            self._is_flowing = False
            return
        self._transport.write(frames)
        if not protocol.writable.is_set():
            self._is_flowing = False
            self._writer = asyncio.get_running_loop().create_task(self._wait_until_writable())

    async def _wait_until_writable(self) -> None:
        await self._protocol.writable.wait()
        self._is_flowing = True
        self.flush()

    def _write_closing(self, code: int, reason: str | None) -> None:
        super().close_now(code, reason)


def make_outbox(send: Send, **kwargs: Any) -> Outbox:
    """Return the best outbox for a websocket whose server gave `send`; `kwargs` are Outbox's."""
    if settings.WS4CHANNELS_DIRECT_WRITES:
        server_send = _without_sessions(send)
        protocol = _daphne_protocol(server_send)
        if protocol is not None:
            return DaphneOutbox(send, protocol, **kwargs)
        protocol = _uvicorn_protocol(server_send)
        if protocol is not None:
            return UvicornOutbox(send, protocol, **kwargs)
    return Outbox(send, **kwargs)


def _without_sessions(send: Any) -> Any:
    """Return the ``send`` under Channels' session middleware, which passes a websocket's events on unchanged."""
    while isinstance(getattr(send, "__self__", None), InstanceSessionWrapper):
        send = send.__self__.real_send
    return send


def _daphne_protocol(send: Any) -> Any:
    """Return Daphne's protocol object if `send` is Daphne's own and all is as this module expects, else None."""
    # Looked up, not imported: importing daphne installs Twisted's reactor.
    server = sys.modules.get("daphne.server")
    if server is None or not isinstance(send, functools.partial) or len(send.args) != 1:
        return None
    if getattr(send.func, "__func__", None) is not server.Server.handle_reply:
        return None
    protocol = send.args[0]
    is_familiar = (
        all(hasattr(protocol, name) for name in _DAPHNE_ATTRIBUTES) and protocol.STATE_OPEN == _DAPHNE_STATE_OPEN
    )
    return protocol if is_familiar and hasattr(protocol.transport, "registerProducer") else None


def _uvicorn_protocol(send: Any) -> Any:
    """Return uvicorn's protocol object if `send` is its own and all is as this module expects, else None."""
    protocol: Any = getattr(send, "__self__", None)
    cls: Any = type(protocol)
    if (cls.__module__, cls.__name__) != _UVICORN_CLASS or getattr(send, "__func__", None) is not cls.send:
        return None
    is_familiar = all(hasattr(protocol, name) for name in _UVICORN_ATTRIBUTES)
    # With an extension, such as compression, frames are not ours to build.
    return protocol if is_familiar and not protocol.conn.extensions else None
