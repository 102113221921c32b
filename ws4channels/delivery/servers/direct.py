"""An outbox that builds frames itself and writes them to a transport; what Daphne's and uvicorn's have in common."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

from ws4channels.delivery.outbox import Outbox, Send
from ws4channels.transports.messages import Delivery

_TEXT, _BINARY = 0x81, 0x82  # opcode with the FIN bit
_PATIENCE = 0.01  # seconds
_PIECE = 64 * 1024  # bytes; as much as either transport buffers before it says that it is full


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

    __slots__ = ("_is_flowing", "_protocol", "_retry", "_transport")

    def __init__(self, send: Send, protocol: Any, **kwargs: Any) -> None:
        super().__init__(send, **kwargs)
        self._protocol = protocol
        self._transport = protocol.transport
        self._is_flowing = False
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
