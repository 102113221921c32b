"""The fast client: one process holds all sockets of one server, counts what arrives and checks every byte of it.

Each payload of a run is verified once (checksum, see `payloads`) and remembered; every further copy must equal a
remembered one, and its sequence number must be the one that the socket expects next. So a delivery costs one dictionary
lookup, and still nothing lost, repeated, reordered or damaged goes unseen.

Progress goes to the publisher through a pipe, so that it keeps a bounded number of messages under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from picows import WSError, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.children import Answer, serve
from benchmarks.payloads import read_payload
from benchmarks.statistics import percentile

PROGRESS = struct.Struct("=QQ")  # run, messages that arrived everywhere (on average)
QUIET_STEP = 0.05  # seconds between two looks at whether anything still arrives
HANDSHAKE_TIMEOUT = 30.0
HEARTBEAT = b"--heartbeat--"


class Run:
    """One measurement: which messages are expected, and what came instead or not at all."""

    def __init__(self, number: int, messages: int, receivers: int, progress: int, timed: bool) -> None:
        self.number = number
        self.receivers = receivers
        self.expected = messages * receivers
        self.verified: dict[bytes, tuple[int, int]] = {}
        self.delivered = 0
        self.stragglers = 0
        self.anomalies: Counter[str] = Counter()
        self.latencies: list[int] | None = [] if timed else None
        self.last_arrival_ns = 0
        self.complete = threading.Event()
        self._progress = progress
        self.next_mark = receivers

    def passed_mark(self) -> None:
        """Tell the publisher, at each message's worth of deliveries, and notice the last one."""
        self.next_mark = self.delivered + self.receivers
        with contextlib.suppress(BlockingIOError):
            # A full pipe means the publisher has not read the marks before this one, which is never the newest.
            os.write(self._progress, PROGRESS.pack(self.number, self.delivered // self.receivers))
        if self.delivered >= self.expected:
            self.finish()

    def finish(self) -> None:
        self.last_arrival_ns = time.monotonic_ns()
        self.complete.set()

    def wait(self, quiet: float) -> None:
        """Return when everything has arrived, or when nothing more did for ``quiet`` seconds."""
        seen, seen_at = -1, time.monotonic()
        while not self.complete.wait(QUIET_STEP) and time.monotonic() - seen_at < quiet:
            if self.delivered != seen:
                seen, seen_at = self.delivered, time.monotonic()
                self.last_arrival_ns = time.monotonic_ns()


class Socket(WSListener):
    """One client socket; the expected sequence number is its only state in a run."""

    __slots__ = ("close_code", "next", "pool", "transport")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.next = 0
        self.transport: WSTransport | None = None
        self.close_code: int | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        run = self.pool.run
        payload = frame.get_payload_as_bytes()
        known = run.verified.get(payload)
        if known is None or known[0] != self.next:
            self.pool.on_unexpected(self, frame, payload)
            return
        self.next += 1
        run.delivered += 1
        if run.latencies is not None:
            run.latencies.append(time.monotonic_ns() - known[1])
        if run.delivered >= run.next_mark:
            run.passed_mark()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        received = transport.close_handshake and transport.close_handshake.recv
        # RFC 6455, 7.1.5: 1006 stands for a connection that ended without a close frame.
        self.close_code = int(received.code) if received else 1006
        self.pool.on_closed(self)


class Receiver(Protocol):
    """What a pool needs of its sockets: the next sequence number, and the code that they were closed with."""

    next: int
    close_code: int | None


class Pool:
    """All sockets of this process and the run that they take part in."""

    def __init__(self, progress: int) -> None:
        self._progress = progress
        self.run = Run(0, 0, 1, progress, timed=False)
        self.sockets: list[Any] = []
        self.closed: Counter[int] = Counter()
        self.heartbeats = 0

    def on_unexpected(self, listener: Socket, frame: WSFrame, payload: bytes) -> None:
        """Take what the fast path does not know: the first copy of a payload, a control frame, or an anomaly."""
        if frame.msg_type == WSMsgType.CLOSE:
            assert listener.transport is not None
            listener.transport.send_close(frame.get_close_code())
            listener.transport.disconnect()
            return
        if frame.msg_type != WSMsgType.TEXT:
            self.run.anomalies["frames of another type"] += frame.msg_type not in (WSMsgType.PING, WSMsgType.PONG)
            return
        if payload == HEARTBEAT:
            self.heartbeats += 1
            return
        self.take_text(listener, payload)

    def take_text(self, listener: Receiver, payload: bytes) -> None:
        """Take a text whose place among the others is not known yet."""
        stamp = read_payload(payload)
        run = self.run
        if stamp is None:
            run.anomalies["corrupt"] += 1
            return
        if stamp.run != run.number:  # the kept message, or a straggler of a run that gave up on it
            run.stragglers += 1
            return
        run.verified[payload] = (stamp.sequence, stamp.sent_ns)
        if stamp.sequence < listener.next:
            run.anomalies["repeated or out of order"] += 1
            return
        if stamp.sequence > listener.next:
            run.anomalies["lost"] += stamp.sequence - listener.next
        self.count(listener, run, stamp.sequence, stamp.sent_ns)

    @staticmethod
    def count(listener: Receiver, run: Run, sequence: int, sent_ns: int) -> None:
        """Count a delivery."""
        listener.next = sequence + 1
        run.delivered += 1
        if run.latencies is not None:
            run.latencies.append(time.monotonic_ns() - sent_ns)
        if run.delivered >= run.next_mark:
            run.passed_mark()

    def on_closed(self, listener: Receiver) -> None:
        self.closed[listener.close_code or 0] += 1

    async def connect(
        self,
        urls: list[str],
        count: int,
        concurrency: int,
        headers: dict[str, str],
        receive_buffer: int | None,
        paused: bool,
        patience: float,
    ) -> Answer:
        """Open ``count`` sockets, spread over ``urls``, ``concurrency`` handshakes at a time.

        After ``patience`` seconds no further one is begun: a server that is broken shall not hold up the others.
        """
        failures: Counter[str] = Counter()
        numbers = iter(range(count))
        before = time.perf_counter()
        opened = 0

        async def open_in_turn() -> None:
            nonlocal opened
            for number in numbers:
                if time.perf_counter() - before > patience:
                    return
                try:
                    await self.open(urls[number % len(urls)], headers, receive_buffer, paused)
                    opened += 1
                except (OSError, WSError, asyncio.TimeoutError) as error:
                    failures[f"{type(error).__name__}: {error}"[:200]] += 1

        await asyncio.gather(*(open_in_turn() for _ in range(concurrency)))
        return {"seconds": time.perf_counter() - before, "opened": opened, "failures": failures}

    async def open(self, url: str, headers: dict[str, str], receive_buffer: int | None, paused: bool) -> None:
        """Open one socket."""
        transport, listener = await ws_connect(
            lambda: Socket(self),
            url,
            extra_headers={**headers, "Origin": origin_of(url)},
            websocket_handshake_timeout=HANDSHAKE_TIMEOUT,
            # Small, because 5,000 of them are held; it grows where frames are larger.
            read_buffer_init_size=2048,
            socket_factory=partial(_small_socket, receive_buffer=receive_buffer) if receive_buffer else None,
        )
        if paused:
            transport.underlying_transport.pause_reading()
        self.sockets.append(listener)

    def expect(self, run: int, messages: int, receivers: int, timed: bool) -> Answer:
        """Begin a run: ``receivers`` of the open sockets shall get ``messages`` messages each, numbered from 0."""
        self.sockets = [one for one in self.sockets if one.close_code is None]
        self.closed.clear()
        for one in self.sockets:
            one.next = 0
        self.run = Run(run, messages, receivers, self._progress, timed)
        return {"open": len(self.sockets)}

    def result(self) -> Answer:
        """Return what the run brought, and end it."""
        run = self.run
        return {
            "delivered": run.delivered,
            "stragglers": run.stragglers,
            "anomalies": dict(run.anomalies),
            "closed": dict(self.closed),
            "last_arrival_ns": run.last_arrival_ns,
            "latency_ms": _latencies(run.latencies),
        }

    def resume(self) -> Answer:
        """Let paused sockets read again."""
        for one in self.sockets:
            if one.close_code is None and one.transport is not None:
                one.transport.underlying_transport.resume_reading()
        return {}

    def states(self) -> Answer:
        """Return how many sockets are open and with which codes the others were closed."""
        codes = Counter(str(one.close_code) for one in self.sockets if one.close_code is not None)
        still_open = sum(one.close_code is None for one in self.sockets)
        return {"open": still_open, "close_codes": codes, "heartbeats": self.heartbeats}

    def disconnect(self) -> Answer:
        """Close all sockets without a close handshake."""
        for one in self.sockets:
            if one.transport is not None:
                one.transport.disconnect(False)
        self.sockets = []
        return {}


async def _small_socket(url: Any, receive_buffer: int) -> socket.socket:
    """Return a socket whose receive buffer is so small that a reader who stops is noticed soon."""
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    one.setblocking(False)
    await asyncio.get_running_loop().sock_connect(one, (url.host, url.port))
    return one


def origin_of(url: str) -> str:
    """Return what a browser would send that shows a page of the same server."""
    return f"http://{urlsplit(url).netloc}"


def _latencies(nanoseconds: list[int] | None) -> dict[str, float] | None:
    if not nanoseconds:
        return None
    ordered = sorted(nanoseconds)
    return {name: percentile(ordered, share) / 1e6 for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0))}


def main(pool_class: type[Pool] = Pool) -> None:
    progress = int(sys.argv[1])
    os.set_blocking(progress, False)
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    pool = pool_class(progress)

    def in_loop(function: Callable[..., Answer]) -> Callable[..., Answer]:
        async def call(**arguments: Any) -> Answer:
            return function(**arguments)

        return lambda **arguments: asyncio.run_coroutine_threadsafe(call(**arguments), loop).result()

    def connect(**arguments: Any) -> Answer:
        opening: Future[Answer] = asyncio.run_coroutine_threadsafe(pool.connect(**arguments), loop)
        return opening.result()

    def wait(quiet: float) -> Answer:
        pool.run.wait(quiet)
        return in_loop(pool.result)()

    serve(
        {
            "connect": connect,
            "wait": wait,
            **{name: in_loop(getattr(pool, name)) for name in ("expect", "resume", "states", "disconnect")},
        }
    )


if __name__ == "__main__":
    main()
