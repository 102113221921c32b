"""Tests of `ws4channels.delivery.servers.inlet`: what is handed on, and when."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import eventually
from ws4channels.delivery.servers.inlet import Inlet, frame_size

SMALL = b"\x81\x81\x00\x00\x00\x00x"
PIECE = b"\x00\x81\x00\x00\x00\x00x"
PING = b"\x89\x80\x00\x00\x00\x00"
CLOSE = b"\x88\x80\x00\x00\x00\x00"


class Fake(Inlet):
    """An inlet of a server that keeps what it is fed."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.fed: list[bytes] = []
        self.waiting = 0
        self.is_reading = True
        self.floods = 0
        allowed: Iterator[bool] = iter([True] * most)
        super().__init__(SimpleNamespace(transport=None), lambda: next(allowed, False), self._count_flood)
        self._feed = self.fed.append

    def _count_flood(self) -> None:
        self.floods += 1

    def _waiting(self) -> int:
        return self.waiting

    def _pause(self) -> None:
        self.is_reading = False

    def _resume(self) -> None:
        self.is_reading = True

    async def take(self) -> None:
        """Take all that waits for the application."""

        async def receive() -> Any:
            self.waiting = 0

        await self.watching(receive)()


async def opened(most: int = 1_000_000) -> Fake:
    """Return an inlet whose websocket is accepted."""
    inlet = Fake(most)
    inlet.open()
    await asyncio.sleep(0)
    return inlet


def frames_of(size: int) -> bytes:
    """Return a frame of a message of a size."""
    if size < 126:
        return struct.pack("!BB", 0x82, 0x80 | size) + bytes(4 + size)
    if size < 65536:
        return struct.pack("!BBH", 0x82, 0x80 | 126, size) + bytes(4 + size)
    return struct.pack("!BBQ", 0x82, 0x80 | 127, size) + bytes(4 + size)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_size_of_a_frame_is_read_from_its_header(size: int) -> None:
    """Every form of the length is known; a header that is incomplete has none."""
    data = frames_of(size)
    assert frame_size(b"before" + data, 6) == len(data)
    assert frame_size(data[2 : 2 + size], size) == 0
    header = len(data) - size
    assert [frame_size(data[:end], 0) for end in range(header)] == [0] * header


async def test_everything_is_held_until_the_websocket_is_accepted() -> None:
    """What comes during the handshake is handed on afterwards, and no more is read meanwhile."""
    inlet = Fake()
    inlet.data_received(SMALL)
    assert not inlet.is_reading
    assert inlet.fed == []
    inlet.open()
    await eventually(lambda: inlet.fed == [SMALL], "it is handed on")
    assert inlet.is_reading


async def test_frames_go_on_a_few_at_a_time() -> None:
    """Others have their turn in between; nothing is lost, whatever pieces the bytes came in."""
    inlet = await opened()
    data = (SMALL + PING + frames_of(300)) * 100
    for start in range(0, len(data), 1000):
        inlet.data_received(data[start : start + 1000])
    await eventually(lambda: b"".join(inlet.fed) == data, "all is handed on")
    assert inlet.is_reading
    assert len(inlet.fed) > 300 / 16


async def test_nothing_goes_on_while_much_waits_for_the_application() -> None:
    """Until the application takes it, no more is read."""
    inlet = await opened()
    inlet.waiting = 64
    inlet.data_received(SMALL)
    assert not inlet.is_reading
    assert inlet.fed == []
    await inlet.take()
    await eventually(lambda: inlet.fed == [SMALL] and inlet.is_reading, "it is handed on")


async def test_close_waits_until_the_messages_before_it_are_taken() -> None:
    """A message that waits would find its websocket gone."""
    inlet = await opened()
    inlet.waiting = 1
    inlet.data_received(SMALL + CLOSE)
    assert inlet.fed == [SMALL]
    await inlet.take()
    await eventually(lambda: inlet.fed == [SMALL, CLOSE], "the close is handed on")


async def test_part_of_a_header_waits_for_the_rest() -> None:
    """While a header is incomplete, more is read, also after the application took something."""
    inlet = await opened()
    for byte in SMALL:
        inlet.data_received(bytes([byte]))
        await inlet.take()
        assert inlet.is_reading
    assert b"".join(inlet.fed) == SMALL


@pytest.mark.parametrize("frame", [SMALL, PIECE, PING])
async def test_frame_too_many_ends_reading(frame: bytes) -> None:
    """What is allowed is handed on; then nothing more, however much comes, and the flood is reported once."""
    inlet = await opened(most=20)
    inlet.data_received(frame * 50)
    await eventually(lambda: inlet.floods, "the flood is noticed")
    inlet.data_received(frame * 50)
    await inlet.take()
    assert b"".join(inlet.fed) == frame * 20
    assert not inlet.is_reading
    assert inlet.floods == 1


async def test_large_fragments_are_not_counted() -> None:
    """Later pieces of a message that are large enough may be any number."""
    inlet = await opened(most=1)
    data = SMALL.replace(b"\x81", b"\x01", 1) + (b"\x00" + frames_of(1024)[1:]) * 50
    inlet.data_received(data)
    await eventually(lambda: b"".join(inlet.fed) == data, "all is handed on")
    assert inlet.floods == 0
