"""What floods are made of, and how long another client's echo takes meanwhile."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from tests.outbox_site.running import Running
from tests.raw_websocket import RawWebsocket
from tests.waiting import TIMEOUT

BURST = 200_000
"""Frames."""
ECHOES = 60
_PAUSE = 0.02  # seconds between two echoes: fewer than WS4CHANNELS_MAX_MESSAGES_PER_SECOND


def _frame(first: int, payload: bytes = b"") -> bytes:
    return struct.pack("!BB", first, 0x80 | len(payload)) + bytes(4) + payload


FLOODS = {
    "one-byte-messages": (b"", _frame(0x81, b"x")),
    "empty-messages": (b"", _frame(0x81)),
    "endless-fragments": (_frame(0x01, b"x"), _frame(0x00, b"x")),
    "empty-fragments": (_frame(0x01), _frame(0x00)),
    "pings": (b"", _frame(0x89, b"x" * 10)),
    "pongs": (b"", _frame(0x8A)),
}
"""The first frame of each flood, and the one that follows again and again.

The answers to a thousand pings fit into the kernel's buffers, so that a client that only sends finds the close frame.
"""


@contextmanager
def flooding(client: RawWebsocket, name: str, *, at_once: bool) -> Iterator[None]:
    """Send frames in the background while the block runs: 200,000 in one go, or as many as the server takes."""
    first, frame = FLOODS[name]
    is_over = threading.Event()

    def send() -> None:
        # The server stops reading, and hangs up.
        with suppress(OSError):
            client.connection.sendall(first + frame * (BURST if at_once else 0))
            while not is_over.is_set() and not at_once:
                client.connection.sendall(frame * 1000)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(TIMEOUT)
        assert not thread.is_alive()


def slow_echo(other: RawWebsocket, count: int = ECHOES) -> float:
    """Return the 99th percentile of how long an echo takes, in seconds, of so many one after the other."""
    times = []
    for number in range(count):
        begin = time.monotonic()
        other.send(str(number))
        assert other.read_message() == str(number)
        times.append(time.monotonic() - begin)
        time.sleep(_PAUSE)
    return sorted(times)[int(count * 0.99) - 1]


class Memory:
    """The largest size of a server process while a block runs, in bytes above its size before."""

    def __init__(self, server: Running) -> None:
        assert server.process.process is not None
        self._process = psutil.Process(server.process.process.pid)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.grown = 0

    def __enter__(self) -> Memory:
        self._before = self._process.memory_info().rss
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.02):
            self.grown = max(self.grown, self._process.memory_info().rss - self._before)
