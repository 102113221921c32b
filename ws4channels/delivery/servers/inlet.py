"""What a client sends, on its way to the server's protocol: a few frames at a time, as fast as they are taken.

Daphne and uvicorn parse all that has come, up to 256 KiB, in one go, and queue each message for the application without
a bound: some ten thousand small frames hold up every other websocket for as long as that takes. ``daphne`` and
``uvicorn`` say where the bytes come from and go to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

_FRAMES_AT_ONCE = 16
"""How many frames are parsed before other websockets have their turn: about a millisecond's work."""

_QUEUED = 64
"""How many messages may wait for the application. Not one: a pong that is not read looks like a client that is gone."""

_LARGE = 1024
"""Bytes; a later fragment of at least this size is not counted, because the message's size bounds their number."""

Receive = Callable[[], Awaitable[Any]]


class Inlet:
    """Holds what a client sends until `open`, then hands it on; while something is held, nothing more is read.

    `allows` is asked once for each frame, whether message, fragment, ping or pong. When it returns False, no more is
    read or handed on, not even the answer to a close, and `on_flood` is called, which is to close the websocket.
    """

    ATTRIBUTES: ClassVar[tuple[str, ...]]
    """What this needs of the server's protocol."""

    _feed: Callable[[bytes], None]
    """The method of the server's protocol that takes bytes."""

    def __init__(self, protocol: Any, allows: Callable[[], bool], on_flood: Callable[[], None]) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._allows = allows
        self._on_flood = on_flood
        self._data = b""
        self._rest = 0  # bytes of a frame that has begun
        self._is_open = False
        self._is_flooded = False
        self._is_paused = False
        self._next: asyncio.Handle | None = None

    def open(self) -> None:
        """Begin to hand on: the websocket is accepted."""
        self._is_open = True
        self._go_on_soon()

    def watching(self, receive: Receive) -> Receive:
        """Return the application's `receive`, which from then on tells this when something is taken."""

        async def receive_and_go_on() -> Any:
            event = await receive()
            if self._is_paused:
                # uvicorn reads on when its queue is empty.
                self._pause()
                self._go_on_soon()
            return event

        return receive_and_go_on

    def data_received(self, data: bytes) -> None:
        """Take what the client sent."""
        if self._is_paused:
            self._pause()
        if self._is_flooded:
            return
        self._data = self._data + data if self._data else data
        if self._next is None:
            self._go_on()

    def _go_on_soon(self) -> None:
        if self._next is None:
            self._next = asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """Hand on the next few frames; then read, or go on soon, or wait for the application."""
        self._next = None
        if self._is_flooded:
            return
        # Daphne's websocket is gone once the client's close is read: first, all messages before it are taken.
        most = 1 if not self._rest and _is_close(self._data, 0) else _QUEUED
        if not self._is_open or self._waiting() >= most:
            self._set_paused(bool(self._data))
            return
        frames = self._take()
        if frames:
            self._feed(frames)
        if self._is_flooded:
            self._end()
        elif self._rest or not frame_size(self._data, 0):
            self._set_paused(False)
        else:
            self._set_paused(True)
            self._go_on_soon()

    def _take(self) -> bytes:
        """Remove and return the next few frames; of the last, perhaps only what has come of it."""
        data, end = self._data, 0
        for _ in range(_FRAMES_AT_ONCE):
            if not self._rest:
                size = frame_size(data, end)
                if not size or (end and _is_close(data, end)):
                    break
                is_large_fragment = not data[end] & 0x0F and size >= _LARGE
                if not is_large_fragment and not self._allows():
                    self._is_flooded = True
                    break
                self._rest = size
            step = min(self._rest, len(data) - end)
            self._rest -= step
            end += step
        self._data = data[end:]
        return data[:end]

    def _end(self) -> None:
        self._data = b""
        self._set_paused(True)
        self._on_flood()

    def _set_paused(self, is_paused: bool) -> None:
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            if is_paused:
                self._pause()
            else:
                self._resume()

    def _waiting(self) -> int:
        """Return how many events wait for the application."""
        raise NotImplementedError

    def _pause(self) -> None:
        """Stop reading from the client; more than once, if need be."""
        raise NotImplementedError

    def _resume(self) -> None:
        """Read from the client again."""
        raise NotImplementedError


def _is_close(data: bytes, start: int) -> bool:
    return data[start : start + 1] == b"\x88"


def frame_size(data: bytes, start: int) -> int:
    """Return the size in bytes of the frame that begins at `start` (RFC 6455, 5.2); 0 if its header is incomplete."""
    header = data[start : start + 14]
    if len(header) < 2:
        return 0
    length = header[1] & 0x7F
    extended = {126: 2, 127: 8}.get(length, 0)
    size = 2 + extended + (4 if header[1] & 0x80 else 0)
    if len(header) < size:
        return 0
    return size + (int.from_bytes(header[2 : 2 + extended], "big") if extended else length)
