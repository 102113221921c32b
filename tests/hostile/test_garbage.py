"""Raw garbage at live servers: the server lives, and other sockets notice nothing."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.faults.sites import next_messages, send
from tests.live.servers import RunningSite
from tests.raw_websocket import BINARY, CLOSE, PING, TEXT, RawWebsocket, connect_socket

pytestmark = pytest.mark.live

MASK = b"\x01\x02\x03\x04"
CONTINUATION = 0x0


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """Return one frame, as right or wrong as it is asked for (RFC 6455, 5.2)."""
    first = 0x80 * fin | rsv << 4 | opcode
    length = len(payload)
    if length < 126:
        header = struct.pack("!BB", first, 0x80 * masked | length)
    else:
        header = struct.pack("!BBH", first, 0x80 * masked | 126, length)
    if not masked:
        return header + payload
    return header + MASK + bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))


WRONG = {
    "reserved opcode of data": frame(0x3, b"x"),
    "reserved opcode of control": frame(0xB),
    "reserved bits": frame(TEXT, b"x", rsv=0b100),
    "unmasked": frame(TEXT, b"hello", masked=False),
    "unmasked after masked": frame(TEXT, b"hello") + frame(TEXT, b"hello", masked=False),
    "invalid UTF-8": frame(TEXT, b"\xff\xfe"),
    "half a surrogate pair": frame(TEXT, b"\xed\xa0\x80"),
    "character cut off by the end": frame(TEXT, b"\xe2\x82"),
    "continuation of nothing": frame(CONTINUATION, b"x"),
    "new message within another": frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"),
    "ping in pieces": frame(PING, b"x", fin=False),
    "long ping": frame(PING, b"x" * 126),
    "length with the highest bit": bytes([0x82, 0xFF]) + b"\xff" * 8 + MASK,
    "length of a gigabyte": bytes([0x82, 0xFF]) + struct.pack("!Q", 2**30) + MASK + b"x" * 5000,
    "close of one byte": frame(CLOSE, b"\x03"),
    "close with a code that nobody may send": frame(CLOSE, struct.pack("!H", 1006)),
    "close with a reason that is no text": frame(CLOSE, struct.pack("!H", 1000) + b"\xff"),
    "HTTP again": b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
    "zeros": b"\x00" * 500,
    "ones": b"\xff" * 500,
    "TLS": bytes.fromhex("160301020001000001fc0303") + b"x" * 500,
}
"""What a server has to end the connection for."""

INCOMPLETE = {
    "nothing": b"",
    "half a header": b"\x81",
    "header without a mask": b"\x81\x85",
    "half a payload": frame(TEXT, b"hello")[:-2],
    "length cut off": bytes([0x82, 0xFE, 0x01]),
    "first piece of a message": frame(TEXT, b"a", fin=False),
    "thousand empty pieces": frame(TEXT, fin=False) + frame(CONTINUATION, fin=False) * 1000,
}
"""What a server waits after; the client hangs up."""


@contextmanager
def undisturbed(site: RunningSite, facility: str) -> Iterator[None]:
    """Check that another socket of the server receives everything while the block runs, and ours make no errors."""
    before = len(site.output())
    with site.connect(facility, "subscribe-broadcast") as other:
        first = send(site, facility, 20, "before ")
        yield
        last = send(site, facility, 20, "after ")
        assert next_messages(other, 40) == first + last
    assert [line for line in site.output()[before:].splitlines() if "/ws4channels/" in line] == []


@pytest.mark.parametrize("name", WRONG)
def test_wrong_bytes_end_their_own_socket(site, facility, name):
    """The client that sent them is told, or just cut; whatever else it sends does nothing."""
    with undisturbed(site, facility), RawWebsocket(connect_socket(site.host)) as client:
        client.open(site.host, f"/ws/{facility}-{name.replace(' ', '-')}?subscribe-broadcast&publish-broadcast&echo")
        with suppress(ConnectionError):
            client.connection.sendall(WRONG[name])
        end = client.read_to_end()
        # Where anything comes, it ends with the closing: at worst after the echo of what was right.
        assert end == b"" or 0x88 in end


@pytest.mark.parametrize("name", INCOMPLETE)
@pytest.mark.parametrize("way", ["end", "reset"])
def test_incomplete_frames_wait_for_nobody(site, facility, name, way):
    """A client that stops in the middle of something and hangs up leaves nothing, and nothing is published."""
    with undisturbed(site, facility), RawWebsocket(connect_socket(site.host)) as client:
        client.open(site.host, f"/ws/{facility}?publish-broadcast")
        client.connection.sendall(INCOMPLETE[name])
        if way == "reset":
            client.reset()


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_message_in_many_pieces_is_one_message(site, facility, opcode):
    """A message sent byte by byte, each in a frame of its own with pings between, is published whole."""
    text = "piece by pièce".encode()
    with site.connect(facility, "subscribe-broadcast") as other, RawWebsocket(connect_socket(site.host)) as client:
        client.open(site.host, f"/ws/{facility}?publish-broadcast")
        for index, byte in enumerate(text):
            last = index == len(text) - 1
            client.connection.sendall(frame(CONTINUATION if index else opcode, bytes([byte]), fin=last) + frame(PING))
        assert next_messages(other, 1) == [text.decode()]
