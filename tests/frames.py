"""A websocket client of our own making: RFC 6455 by hand, on a blocking socket, so that every bit can be looked at."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import struct
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO

from tests.waiting import TIMEOUT

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Frame:
    """One frame; `length_bytes` says how many bytes give the payload's length: 1, 3 or 9."""

    fin: bool
    rsv: int
    opcode: int
    masked: bool
    length_bytes: int
    payload: bytes

    @property
    def is_regular(self) -> bool:
        """Whether it is a whole message as a server without extensions sends it, with the shortest header."""
        length = len(self.payload)
        shortest = 1 if length < 126 else 3 if length < 65_536 else 9
        return self.fin and self.rsv == 0 and not self.masked and self.length_bytes == shortest

    @property
    def code(self) -> int:
        """The code of a closing frame."""
        assert self.opcode == CLOSE, self
        return int(struct.unpack_from("!H", self.payload)[0])


def _exactly(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise EOFError(f"The stream ends {count - len(data)} bytes early.")
    return data


def read_frame(file: BinaryIO) -> Frame:
    """Read one frame from a server. Raises EOFError where the stream ends."""
    first, second = _exactly(file, 2)
    length, length_bytes = second & 0x7F, 1
    if length == 126:
        (length,), length_bytes = struct.unpack("!H", _exactly(file, 2)), 3
    elif length == 127:
        (length,), length_bytes = struct.unpack("!Q", _exactly(file, 8)), 9
    masked = bool(second & 0x80)
    return Frame(bool(first & 0x80), first >> 4 & 7, first & 0xF, masked, length_bytes, _exactly(file, length))


class FrameSocket:
    """An open websocket to `target` on `host`, which is "address:port". Reads only when it is asked to."""

    def __init__(
        self, host: str, target: str, *, receive_buffer: int | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        address, _, port = host.rpartition(":")
        self._socket: socket.socket = socket.socket()
        self._socket.settimeout(TIMEOUT)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.connect((address, int(port)))
        if tls is not None:
            self._socket = tls.wrap_socket(self._socket, server_hostname=address)
        self._file = self._socket.makefile("rb")
        try:
            self._shake_hands(host, target)
        except BaseException:
            self.close()
            raise

    def _shake_hands(self, host: str, target: str) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
        self._socket.sendall("\r\n".join([f"GET {target} HTTP/1.1", f"Host: {host}", *lines, "", ""]).encode())
        status = self._file.readline()
        assert status.split()[1] == b"101", status
        headers = {}
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            headers[name.lower()] = value.strip()
        assert headers[b"sec-websocket-accept"] == base64.b64encode(hashlib.sha1((key + _GUID).encode()).digest())
        assert b"sec-websocket-extensions" not in headers

    def read_frame(self) -> Frame:
        """Return the next frame, whatever it is."""
        return read_frame(self._file)

    def read_message(self) -> Frame:
        """Return the next frame that is no ping, and answer the pings before it."""
        while (frame := self.read_frame()).opcode == PING:
            assert frame.is_regular, frame
            self.send(PONG, frame.payload)
        return frame

    def read_to_closing(self) -> Frame:
        """Read on until the server closes, and return its closing frame."""
        while (frame := self.read_message()).opcode != CLOSE:
            assert frame.is_regular, frame
        return frame

    def send(self, opcode: int, payload: bytes) -> None:
        """Send one masked frame of any length."""
        mask, length = os.urandom(4), len(payload)
        if length < 126:
            header = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        else:
            header = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
            if length < 65_536:
                header = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        repeated = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(length, "big")
        self._socket.sendall(header + mask + masked)

    def close(self) -> None:
        """Hang up, without the closing handshake."""
        self._file.close()
        self._socket.close()

    def __enter__(self) -> FrameSocket:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
