"""Addresses at which nobody answers, in the two ways in which that happens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

HOST = "127.0.0.1"


class SilentServer:
    """A TCP server of the loopback interface that takes connections and never says a word."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._accepted: list[socket.socket] = []
        self.port: int = listener.getsockname()[1]

    @property
    def url(self) -> str:
        """The address as redis-py and CHANNEL_LAYERS take it."""
        return f"redis://{HOST}:{self.port}"

    def count_connections(self) -> int:
        """Return how many clients have connected so far, whether or not they are still there."""
        with suppress(BlockingIOError):
            while True:
                self._accepted.append(self._listener.accept()[0])
        return len(self._accepted)

    def close(self) -> None:
        """Hang up."""
        for each in self._accepted:
            each.close()


@contextmanager
def silent_server() -> Iterator[SilentServer]:
    """Run a SilentServer. The kernel completes the connections; nobody reads from them."""
    with socket.create_server((HOST, 0)) as listener:
        listener.setblocking(False)
        server = SilentServer(listener)
        try:
            yield server
        finally:
            server.count_connections()
            server.close()


@contextmanager
def refusing_port() -> Iterator[int]:
    """Yield a port that refuses connections, and that nobody can take meanwhile."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]
