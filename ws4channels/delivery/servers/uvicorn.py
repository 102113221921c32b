"""uvicorn: its ``websockets-sansio`` protocol on an asyncio transport."""

from __future__ import annotations

import asyncio
import contextvars
import socket
from collections.abc import Callable
from typing import Any

from ws4channels.delivery.outbox import Send
from ws4channels.delivery.servers.direct import WINDOW_BITS, DirectOutbox
from ws4channels.delivery.servers.inlet import Inlet

_CLASS = ("uvicorn.protocols.websockets.websockets_sansio_impl", "WebSocketsSansIOProtocol")
_PLAIN_TRANSPORT = ("asyncio.selector_events", "_SelectorSocketTransport")
_COMPRESSION = ("websockets.extensions.permessage_deflate", "PerMessageDeflate")
_ATTRIBUTES = (
    "close_sent",
    "conn",
    "disconnected",
    "handshake_complete",
    "shutdown",
    "transport",
    "writable",
)


def uvicorn_protocol(send: Any) -> Any:
    """Return uvicorn's protocol object if `send` is its own and all is as this module expects, else None."""
    protocol: Any = getattr(send, "__self__", None)
    cls: Any = type(protocol)
    if (cls.__module__, cls.__name__) != _CLASS or getattr(send, "__func__", None) is not cls.send:
        return None
    return protocol if all(hasattr(protocol, name) for name in _ATTRIBUTES) else None


def takes_frames(protocol: Any) -> bool:
    """Tell whether frames are ours to build: with no extension, or none but compression as this module expects it."""
    return not protocol.conn.extensions or _compression_of(protocol) is not None


def _compression_of(protocol: Any) -> Any:
    """Return the compression of a websocket, if it is the only extension and all is as this module expects."""
    first, *others = protocol.conn.extensions or [None]
    if others or (type(first).__module__, type(first).__name__) != _COMPRESSION:
        return None
    is_familiar = hasattr(first, "local_max_window_bits") and hasattr(first, "local_no_context_takeover")
    return first if is_familiar else None


def aborting(protocol: Any) -> Callable[[], None]:
    """Return what hangs up at once.

    Under TLS that is the transport below: asyncio's TLS transport (Python 3.11) forgets it when it is closed twice, as
    uvicorn 0.54 does.
    """
    below = getattr(getattr(protocol.transport, "_ssl_protocol", None), "_transport", None)
    abort: Callable[[], None] = (below or protocol.transport).abort
    return abort


def _plain_send(transport: Any) -> Callable[[bytes], int] | None:
    """Return the ``send`` of the socket below asyncio's own transport; None for TLS and other event loops."""
    cls = type(transport)
    if (cls.__module__, cls.__name__) != _PLAIN_TRANSPORT or not hasattr(transport, "_buffer"):
        return None
    below = getattr(transport, "_sock", None)
    return below.send if isinstance(below, socket.socket) else None


class UvicornOutbox(DirectOutbox):
    """Writes to the asyncio transport of uvicorn's ``websockets-sansio`` protocol; waits while that is full."""

    __slots__ = ("_write_at_once",)

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, protocol, **kwargs)
        self.abort = aborting(protocol)
        self._write_at_once = _plain_send(protocol.transport)

    def close_now(self, code: int, reason: str | None = None) -> None:
        """Close the socket without regard to what waits."""
        self._is_flowing = False
        # uvicorn's send waits until the client reads, which this one does not.
        self._protocol.writable.set()
        super().close_now(code, reason)

    async def aclose(self) -> None:
        """Stop writing."""
        self._is_flowing = False
        vars(self._protocol).pop("shutdown", None)
        await super().aclose()
        if not self._protocol.disconnected:
            self._set_deadline()
        elif self._deadline is not None:
            self._deadline.cancel()

    def close_for_restart(self) -> None:
        """Close the socket with 1012 within ``WS4CHANNELS_SHUTDOWN_SPREAD`` seconds; until then, send on."""
        if self.is_closed:
            self._close_for_restart()
        else:
            super().close_for_restart()

    def _start(self) -> None:
        # A uvicorn that ends calls it for all sockets in one go, and knows no other way of being told to wait.
        self._protocol.shutdown = self.close_for_restart
        compression = _compression_of(self._protocol)
        if compression is not None:
            # From now on a message that uvicorn compresses refers to none before it, which a server may do without
            # being asked (RFC 7692, 7.1.1.1). Else it would refer to its own last one, where the client has ours.
            compression.local_no_context_takeover = True
            vars(compression).pop("encoder", None)
            self._takes_deflated = compression.local_max_window_bits >= WINDOW_BITS
        super()._start()

    def _close_for_restart(self) -> None:
        # As uvicorn does it: this one does not wait for the client's answer.
        self._is_flowing = False
        vars(self._protocol).pop("shutdown", None)
        self._protocol.shutdown()

    def _write_frames(self, frames: bytes) -> None:
        protocol = self._protocol
        # Nothing may follow a close frame. For one of its own, and for its answer to one, uvicorn has no flag.
        if protocol.close_sent or protocol.disconnected or self._transport.is_closing():
            self._is_flowing = False
            self._forget()
            return
        if self._write_at_once is not None and not self._transport._buffer:
            # What the transport does first as well, after many more questions; with nothing buffered, order is kept.
            try:
                sent = self._write_at_once(frames)
            except OSError:
                sent = 0  # The socket's buffer is full, or the connection lost: for the transport to find out.
            if sent == len(frames):
                return
            frames = frames[sent:]
        self._transport.write(frames)
        if not protocol.writable.is_set():
            self._is_flowing = False
            self._writer = contextvars.Context().run(asyncio.create_task, self._wait_until_writable())

    async def _wait_until_writable(self) -> None:
        await self._protocol.writable.wait()
        self._is_flowing = True
        self.flush()

    def _write_closing(self, code: int, reason: str | None) -> None:
        super().close_now(code, reason)


class UvicornInlet(Inlet, asyncio.Protocol):
    """Stands before uvicorn's protocol on an asyncio transport, as that transport's protocol."""

    ATTRIBUTES = ("data_received", "queue", "read_paused")

    def __init__(self, protocol: Any, allows: Callable[[], bool], on_flood: Callable[[], None]) -> None:
        super().__init__(protocol, allows, on_flood)
        self._feed = protocol.data_received
        self._transport.set_protocol(self)

    def eof_received(self) -> None:
        """Is called by the transport when the client sends no more."""
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Is called by the transport when the connection has ended."""
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Is called by the transport when its buffer is full."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Is called by the transport when its buffer has emptied."""
        self._protocol.resume_writing()

    def _waiting(self) -> int:
        count: int = self._protocol.queue.qsize()
        return count

    def _pause(self) -> None:
        self._transport.pause_reading()

    def _resume(self) -> None:
        # uvicorn stops reading by itself while a message waits for the application.
        if not self._protocol.read_paused:
            self._transport.resume_reading()
