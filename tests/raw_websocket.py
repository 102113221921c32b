"""A WebSocket client on a bare socket (RFC 6455), which sees every byte, and reads only when it is told to."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.waiting import TIMEOUT

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_KEY = base64.b64encode(b"sixteen bytes ok").decode()


@dataclass(frozen=True)
class Frame:
    """One frame as it came: its header in bytes and its payload."""

    header: bytes
    payload: bytes

    @property
    def opcode(self) -> int:
        """What kind of frame it is."""
        return self.header[0] & 0x0F

    @property
    def is_final(self) -> bool:
        """Whether it ends a message."""
        return bool(self.header[0] & 0x80)

    @property
    def has_shortest_header(self) -> bool:
        """Whether its length is written as RFC 6455, 5.2 demands: in as few bytes as possible."""
        length = len(self.payload)
        return len(self.header) == (2 if length < 126 else 4 if length < 65_536 else 10)

    @property
    def close_code(self) -> int:
        """The code of a close frame."""
        assert self.opcode == CLOSE, self
        code: int = struct.unpack("!H", self.payload[:2])[0]
        return code


def take_frame(read: Callable[[int], bytes]) -> Frame:
    """Return the frame that `read`, which returns so many bytes, reads; fail if no server may send it."""
    header = read(2)
    assert not header[0] & 0x70, f"The stream is broken at {header!r}: reserved bits."
    assert not header[1] & 0x80, f"The stream is broken at {header!r}: masked."
    assert header[0] & 0x0F in (0, TEXT, BINARY, CLOSE, PING, PONG), f"The stream is broken at {header!r}: opcode."
    length = header[1]
    if length == 126:
        header += read(2)
        (length,) = struct.unpack("!H", header[2:])
    elif length == 127:
        header += read(8)
        (length,) = struct.unpack("!Q", header[2:])
    return Frame(header, read(length))


def connect_socket(host: str, unix_socket: Path | None = None, receive_buffer: int | None = None) -> socket.socket:
    """Return a connected socket; `receive_buffer` is the size in bytes of what its kernel takes without being read."""
    connection = socket.socket(socket.AF_INET if unix_socket is None else socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    if receive_buffer is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    name, _, port = host.rpartition(":")
    connection.connect((name, int(port)) if unix_socket is None else str(unix_socket))
    return connection


class RawWebsocket:
    """One client. A context manager that hangs up at its end, without a closing handshake."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._read = bytearray()

    def open(self, host: str, target: str, *headers: str) -> str:
        """Do the opening handshake; return the server's answer."""
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {_KEY}",
            "Sec-WebSocket-Version: 13",
            *headers,
        ]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())
        while b"\r\n\r\n" not in self._read:
            assert self._receive(4096), "The server hung up during the handshake."
        answer, _, rest = bytes(self._read).partition(b"\r\n\r\n")
        self._read = bytearray(rest)
        assert answer.startswith(b"HTTP/1.1 101 "), answer
        return answer.decode("latin-1")

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes; fail if the server hangs up before."""
        while len(self._read) < count:
            assert self._receive(max(count - len(self._read), 65536)), f"The stream ended with {bytes(self._read)!r}."
        taken = bytes(self._read[:count])
        del self._read[:count]
        return taken

    def read_frame(self) -> Frame:
        """Return the next frame; fail if it is masked, has an extension's bits, or an unknown opcode."""
        return take_frame(self.read)

    def read_message(self) -> str | bytes:
        """Return the payload of the next frame but pings, which must be a whole message: text or bytes.

        uvicorn sends a ping every 20 seconds.
        """
        frame = self.read_frame()
        while frame.opcode == PING:
            frame = self.read_frame()
        assert frame.is_final, f"{frame.header!r} is no whole message."
        assert frame.opcode in (TEXT, BINARY), f"{frame.header!r} {frame.payload[:50]!r} is no message."
        return frame.payload.decode("utf-8") if frame.opcode == TEXT else frame.payload

    def read_until_closed(self) -> tuple[list[str | bytes], Frame]:
        """Return all messages before the close frame, and that."""
        messages: list[str | bytes] = []
        while (frame := self.read_frame()).opcode != CLOSE:
            if frame.opcode in (TEXT, BINARY):
                messages.append(frame.payload.decode("utf-8") if frame.opcode == TEXT else frame.payload)
        return messages, frame

    def read_to_end(self) -> bytes:
        """Return all bytes until the server hangs up."""
        with suppress(ConnectionResetError):
            while self._receive(65536):
                pass
        return bytes(self._read)

    def send(self, message: str | bytes) -> None:
        """Send a text or binary message."""
        if isinstance(message, str):
            self.send_frame(TEXT, message.encode("utf-8"))
        else:
            self.send_frame(BINARY, message)

    def send_frame(self, opcode: int, payload: bytes = b"") -> None:
        """Send one whole frame, masked as a client's must be."""
        mask = os.urandom(4)
        length = len(payload)
        if length < 126:
            header = struct.pack("!BB", 0x80 | opcode, 0x80 | length)
        elif length < 65536:
            header = struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
        else:
            header = struct.pack("!BBQ", 0x80 | opcode, 0x80 | 127, length)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.connection.sendall(header + mask + masked)

    def send_close(self, code: int = 1000) -> None:
        """Send a close frame, to begin or to answer a closing handshake."""
        self.send_frame(CLOSE, struct.pack("!H", code))

    def reset(self) -> None:
        """Hang up at once, so that the server's kernel is told by RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def _receive(self, count: int) -> bool:
        received = self.connection.recv(count)
        self._read += received
        return bool(received)

    def __enter__(self) -> RawWebsocket:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.connection.close()


def wrap_in_tls(connection: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Return the socket after a TLS handshake."""
    return context.wrap_socket(connection, server_hostname=host.rpartition(":")[0])
