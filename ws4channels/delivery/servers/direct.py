"""An outbox that builds frames itself and writes them to a transport; what Daphne's and uvicorn's have in common."""

from __future__ import annotations

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

    __slots__ = ("_is_flowing", "_protocol", "_takes_deflated", "_transport")

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, **kwargs)
        self._protocol = protocol
        self._transport = protocol.transport
        self._is_flowing = False
        self._takes_deflated = False

    def flush(self) -> None:
        """Write what has been put in, in few and not too large pieces. Runs once per delivery."""
        queue = self._queue
        while queue and self._is_flowing:
            delivery = queue.popleft()
            self._bytes -= delivery.size
            if delivery.is_closing:
                self._is_flowing = False
                self._write_closing(delivery.message.get("code", 1000), delivery.message.get("reason"))
                break
            frame = delivery.frame
            if frame is None or self._takes_deflated:
                frame = self._frame_of(delivery)
            self._write_frames(self._with_following(frame) if queue else frame)
        if self._room is not None and not queue:
            self._make_room()

    def _with_following(self, first: bytes) -> bytes:
        """Return a frame and those of the messages that wait behind it, up to a piece."""
        queue, frames, size = self._queue, [first], len(first)
        while queue and size < _PIECE and not queue[0].is_closing:
            delivery = queue.popleft()
            self._bytes -= delivery.size
            frame = self._frame_of(delivery)
            frames.append(frame)
            size += len(frame)
        return b"".join(frames)

    def _frame_of(self, delivery: Delivery) -> bytes:
        frame = delivery.frame or build_frame(delivery)
        if self._takes_deflated and len(frame) > _SEGMENT:
            return delivery.deflated or build_deflated(delivery)
        return frame

    def _start(self) -> None:
        self._is_flowing = True
        self.flush()

    def _write_frames(self, frames: bytes) -> None:
        raise NotImplementedError

    def _write_closing(self, code: int, reason: str | None) -> None:
        raise NotImplementedError
