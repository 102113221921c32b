"""An outbox that builds frames itself and writes them to a transport; what Daphne's and uvicorn's have in common."""

from __future__ import annotations

import asyncio
import struct
import zlib
from typing import Any

from ws4channels.delivery.outbox import Outbox, Send
from ws4channels.transports.messages import Delivery

_TEXT, _BINARY = 0x81, 0x82  # opcode with the FIN bit
_COMPRESSED = 0x40  # the bit RSV1 (RFC 7692, 6)
_EMPTY_BLOCK = b"\x00\x00\xff\xff"
WINDOW_BITS = 12
"""The window of compressed frames, 4 KiB, as uvicorn has it; a client that wants less gets uncompressed ones."""
_SEGMENT = 1400
"""Bytes; what goes over the network in one packet anyway is not worth compressing."""
_PATIENCE = 0.01  # seconds
_PIECE = 64 * 1024  # bytes; as much as either transport buffers before it says that it is full


def build_frame(delivery: Delivery) -> bytes:
    """Return the whole, unmasked frame of a delivery and remember it there."""
    delivery.frame = _frame(*_content_of(delivery))
    return delivery.frame


def build_deflated(delivery: Delivery) -> bytes:
    """Return the whole frame of a delivery, compressed by itself (RFC 7692, 7.2.1), and remember it there.

    Where compressing makes it no shorter, that is the frame of `build_frame`, which may be sent all the same.
    """
    first, payload = _content_of(delivery)
    compressor = zlib.compressobj(wbits=-WINDOW_BITS)
    compressed = (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(_EMPTY_BLOCK)
    if len(compressed) < len(payload):
        delivery.deflated = _frame(first | _COMPRESSED, compressed)
    else:
        delivery.deflated = delivery.frame or build_frame(delivery)
    return delivery.deflated


def _content_of(delivery: Delivery) -> tuple[int, bytes]:
    """Return the first byte of a delivery's frame, and its payload."""
    payload = delivery.payload
    return (_TEXT, payload.encode("utf-8")) if isinstance(payload, str) else (_BINARY, payload)


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length < 126:
        header = struct.pack("!BB", first, length)
    elif length < 65536:
        header = struct.pack("!BBH", first, 126, length)
    else:
        header = struct.pack("!BBQ", first, 127, length)
    return header + payload


class DirectOutbox(Outbox):
    """An outbox that writes frames to a transport as long as that takes them; then they wait in its queue.

    All sockets share a message's frame: the uncompressed one, or the compressed one if it is long and the client takes
    that (``_takes_deflated``). Each compressed message stands alone, so whatever compressed the one before, the client
    understands it.
    """

    __slots__ = ("_is_flowing", "_protocol", "_retry", "_takes_deflated", "_transport")

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, **kwargs)
        self._protocol = protocol
        self._transport = protocol.transport
        self._is_flowing = False
        self._takes_deflated = False
        self._retry: asyncio.TimerHandle | None = None

    def flush(self) -> None:
        """Write what has been put in, in few and not too large pieces."""
        queue = self._queue
        if queue and self._is_flowing and not self._may_write():
            if self._retry is None:
                self._retry = asyncio.get_running_loop().call_later(_PATIENCE, self._flush_again)
            return
        while queue and self._is_flowing:
            frames: list[bytes] = []
            size = 0
            while queue and size < _PIECE and not queue[0].is_closing:
                delivery = self._take()
                frame = delivery.frame or build_frame(delivery)
                if self._takes_deflated and len(frame) > _SEGMENT:
                    frame = delivery.deflated or build_deflated(delivery)
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

    def _flush_again(self) -> None:
        self._retry = None
        self.flush()

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
