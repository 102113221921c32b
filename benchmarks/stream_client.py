"""The client of event streams: does as `client` does for websockets, and counts and checks in the same way."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from benchmarks.client import HANDSHAKE_TIMEOUT, Pool, main, origin_of

CUT_OFF = 1006


class Stream(asyncio.Protocol):
    """One event stream."""

    transport = None  # nothing that a pool could pause or close by a frame

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.next = 0
        self.close_code: int | None = None
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._take(line[5:].removeprefix(b" "))

    def _take(self, payload: bytes) -> None:
        if not self.begun.done():
            self.begun.set_result(None)  # the first event of either server tells about the stream
            return
        if not payload:
            return  # a heartbeat of django-eventstream
        run = self.pool.run
        known = run.verified.get(payload)
        if known is not None and known[0] == self.next:
            self.pool.count(self, run, *known)
        else:
            self.pool.take_text(self, payload)

    def connection_lost(self, error: Exception | None) -> None:
        self.close_code = CUT_OFF
        self.pool.on_closed(self)
        if not self.begun.done():
            self.begun.set_exception(OSError(f"refused: {self._rest!r}"))


class StreamPool(Pool):
    """All streams of this process."""

    async def open(self, url: str, headers: dict[str, str], receive_buffer: int | None, paused: bool) -> None:
        """Open one stream, by HTTP/1.0: nothing is chunked."""
        parts = urlsplit(url)
        transport, stream = await asyncio.get_running_loop().create_connection(
            lambda: Stream(self), parts.hostname, parts.port
        )
        fields = {**headers, "Host": parts.netloc, "Origin": origin_of(url), "Accept": "text/event-stream"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        transport.write(f"GET {parts.path}?{parts.query} HTTP/1.0\r\n{lines}\r\n".encode())
        await asyncio.wait_for(stream.begun, HANDSHAKE_TIMEOUT)
        self.sockets.append(stream)


if __name__ == "__main__":
    main(StreamPool)
