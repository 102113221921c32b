"""Tests of `ws4channels.delivery.servers.direct`, `ws4channels.delivery.servers.daphne` and
`ws4channels.delivery.servers.uvicorn`: which outbox a websocket gets, and what it writes to the server's transport.

The servers are stand-ins that take and buffer what each test wants; on real ones, `test_frames` and `test_closing` read
every byte.
"""

from __future__ import annotations

import asyncio
import functools
import io
import os
import socket
import zlib
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest
from channels.sessions import InstanceSessionWrapper
from daphne.server import Server
from twisted.internet.defer import Deferred
from websockets.extensions.permessage_deflate import PerMessageDeflate

from tests.outbox_site.payloads import HEADERS, PAYLOADS
from tests.raw_websocket import CLOSE, TEXT, Frame, take_frame
from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.servers import make_outbox
from ws4channels.delivery.servers.daphne import DaphneOutbox
from ws4channels.delivery.servers.direct import WINDOW_BITS, build_deflated, build_frame
from ws4channels.delivery.servers.uvicorn import UvicornOutbox
from ws4channels.transports.messages import Delivery

# Servers


class DaphneTransport:
    """Twisted's transport: buffers what is written, and tells its producer when that is too much or has gone."""

    LIMIT = 1000

    def __init__(self) -> None:
        self.written = b""
        self.buffered = b""
        self.producer: Any = None
        self.reads = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None, "Twisted allows one producer at a time."
        assert streaming
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.buffered += data
        if self.reads:
            self.drain()
        elif len(self.buffered) > self.LIMIT and self.producer is not None:
            self.producer.pauseProducing()

    def drain(self) -> None:
        """Hand everything to the client, as the reactor does when the client reads."""
        self.written += self.buffered
        self.buffered = b""

    def read_on(self) -> None:
        """Have the client read again after a pause."""
        self.reads = True
        self.drain()
        if self.producer is not None:
            self.producer.resumeProducing()

    @property
    def frames(self) -> list[Frame]:
        return frames_in(self.written)


class NarrowSocket(socket.socket):
    """A socket that takes `room` bytes, into a transport's `written`; nothing may wait in the transport then."""

    def __init__(self, room: int, transport: DaphneTransport) -> None:
        super().__init__()
        self.room = room
        self.transport = transport

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
        assert not self.transport.buffered, "What is buffered goes first."
        if not self.room:
            raise BlockingIOError
        taken = data[: self.room]
        self.room -= len(taken)
        self.transport.written += taken
        return len(taken)


class HandleTransport(DaphneTransport):
    """The same with a handle, as Twisted's has, and with the names of Twisted's two buffers."""

    TLS = False

    def __init__(self) -> None:
        super().__init__()
        self._tempDataBuffer: list[bytes] = []
        self.handle: Any = None

    @property
    def dataBuffer(self) -> bytes:
        return self.buffered

    def getHandle(self) -> Any:
        return self.handle


class DaphneProtocol:
    """What there is of autobahn's protocol when a websocket is open."""

    STATE_OPEN = 3
    CLOSING = 2

    def __init__(self, transport: DaphneTransport) -> None:
        self.state = self.STATE_OPEN
        self.send_state = 0
        self.send_queue: list[bytes] = []
        self.http_request_uri = "/ws/news"
        self.closeHandshakeTimeout = 1.0
        self.failByDrop = True
        self.is_closed = Deferred()
        self.server = SERVER
        self.transport = transport
        self._perMessageCompress: Any = None

    def sendData(self, data: bytes) -> None:
        self.send_queue.append(data)

    def sendCloseFrame(self, code: int, reasonUtf8: bytes | None) -> None:
        payload = code.to_bytes(2, "big") + (reasonUtf8 or b"")
        self.transport.write(bytes([0x80 | CLOSE, len(payload)]) + payload)
        self.state = self.CLOSING


class UvicornTransport:
    """asyncio's transport: notes what it is given; without end, as asyncio's does."""

    def __init__(self) -> None:
        self.written = b""
        self.is_aborted = False
        self.full_after: int | None = None
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        self.written += data
        if self.full_after is not None and len(self.written) > self.full_after:
            self.protocol.writable.clear()

    def is_closing(self) -> bool:
        return self.is_aborted

    def abort(self) -> None:
        self.is_aborted = True

    @property
    def frames(self) -> list[Frame]:
        return frames_in(self.written)


class UvicornProtocol:
    """What there is of uvicorn's protocol when a websocket is open; `sent` is what came by its ``send``."""

    def __init__(self, transport: UvicornTransport) -> None:
        self.transport = transport
        transport.protocol = self
        self.conn = SimpleNamespace(extensions=[])
        self.close_sent = False
        self.disconnected = False
        self.handshake_complete = True
        self.writable = asyncio.Event()
        self.writable.set()
        self.sent: list[dict[str, Any]] = []
        self.times_shut_down = 0

    def shutdown(self) -> None:
        self.times_shut_down += 1

    async def send(self, message: dict[str, Any]) -> None:
        await self.writable.wait()
        self.sent.append(message)
        self.close_sent = message["type"] == "websocket.close"


UvicornProtocol.__module__ = "uvicorn.protocols.websockets.websockets_sansio_impl"
UvicornProtocol.__name__ = "WebSocketsSansIOProtocol"
SERVER = Server(application=None, endpoints=["tcp:0"])  # It is never run.


class Overflows(list[int]):
    """How many messages were dropped each time that an outbox gave up."""


def frames_in(stream: bytes) -> list[Frame]:
    """Return the frames of a stream that ends with one, and check their form."""
    file = io.BytesIO(stream)

    def read(count: int) -> bytes:
        data = file.read(count)
        assert len(data) == count, f"The stream ends {count - len(data)} bytes early."
        return data

    frames = []
    while file.tell() < len(stream):
        frames.append(take_frame(read))
        assert frames[-1].is_final, frames[-1]
        assert frames[-1].has_shortest_header, frames[-1]
    return frames


def texts_in(frames: list[Frame]) -> list[str]:
    return [frame.payload.decode() for frame in frames if frame.opcode == TEXT]


def daphne_send(protocol: Any) -> Any:
    return functools.partial(SERVER.handle_reply, protocol)


async def unknown_send(message: dict[str, Any]) -> None:
    """Stand for a server or a middleware that nobody here knows."""


def outbox_for(send: Any, *, overflows: list[int] | None = None, echo: bool = True) -> Outbox:
    return make_outbox(send, echo=echo, on_overflow=(Overflows() if overflows is None else overflows).append)


@pytest.fixture
def daphne() -> DaphneProtocol:
    """A websocket on Daphne."""
    return DaphneProtocol(DaphneTransport())


@pytest.fixture
async def uvicorn() -> UvicornProtocol:
    """A websocket on uvicorn."""
    return UvicornProtocol(UvicornTransport())


# Which outbox


async def test_known_servers_have_outboxes_of_their_own(daphne: DaphneProtocol, uvicorn: UvicornProtocol) -> None:
    """The send of Daphne and that of uvicorn's websockets-sansio are recognised."""
    assert type(outbox_for(daphne_send(daphne))) is DaphneOutbox
    assert type(outbox_for(uvicorn.send)) is UvicornOutbox


async def test_unknown_send_has_the_plain_outbox(daphne: DaphneProtocol, uvicorn: UvicornProtocol) -> None:
    """Any other send is only called."""
    others = [
        unknown_send,
        functools.partial(unknown_send),
        functools.partial(print, "one argument"),
        functools.partial(SERVER.handle_reply, daphne, "one argument too many"),
        functools.partial(SERVER.protocol_connected, daphne),
        uvicorn.shutdown,
    ]
    assert [type(outbox_for(each)) for each in others] == [Outbox] * len(others)


async def test_customised_server_has_the_plain_outbox(daphne: DaphneProtocol) -> None:
    """A site's subclass of a server's class may do something to what is sent, and goes on being asked."""

    class OtherServer(Server):  # type: ignore[misc]
        async def handle_reply(self, protocol: Any, message: Any) -> None:
            await super().handle_reply(protocol, message)

    class OtherProtocol(UvicornProtocol):
        pass

    server = OtherServer.__new__(OtherServer)
    assert type(outbox_for(functools.partial(server.handle_reply, daphne))) is Outbox
    assert type(outbox_for(OtherProtocol(UvicornTransport()).send)) is Outbox


async def test_setting_makes_the_plain_outbox_the_rule(
    settings: Any, daphne: DaphneProtocol, uvicorn: UvicornProtocol
) -> None:
    """WS4CHANNELS_DIRECT_WRITES = False has everything go through ASGI's send."""
    settings.WS4CHANNELS_DIRECT_WRITES = False
    assert type(outbox_for(daphne_send(daphne))) is Outbox
    assert type(outbox_for(uvicorn.send)) is Outbox


async def test_middleware_in_between_has_the_plain_outbox(daphne: DaphneProtocol) -> None:
    """What a middleware makes of each message is respected, by a function or by one more partial."""
    send = daphne_send(daphne)

    async def wrapped(message: dict[str, Any]) -> None:
        await send(message)

    assert type(outbox_for(wrapped)) is Outbox
    assert type(outbox_for(functools.partial(wrapped, {}))) is Outbox


async def test_session_middleware_is_seen_through(daphne: DaphneProtocol, uvicorn: UvicornProtocol) -> None:
    """Channels' sessions do nothing to what is sent over websockets, however many of them there are."""
    daphne_sessions = InstanceSessionWrapper({"cookies": {}, "session": None}, daphne_send(daphne))
    twice = InstanceSessionWrapper({"cookies": {}, "session": None}, daphne_sessions.send)
    assert type(outbox_for(daphne_sessions.send)) is DaphneOutbox
    assert type(outbox_for(twice.send)) is DaphneOutbox
    assert type(outbox_for(InstanceSessionWrapper({"cookies": {}}, uvicorn.send).send)) is UvicornOutbox
    assert type(outbox_for(InstanceSessionWrapper({"cookies": {}}, unknown_send).send)) is Outbox


async def test_customised_session_middleware_has_the_plain_outbox(daphne: DaphneProtocol) -> None:
    """A site's subclass may do something to what is sent, and goes on being asked."""

    class Customised(InstanceSessionWrapper):
        async def send(self, message: dict[str, Any]) -> None:
            await super().send(message)

    assert type(outbox_for(Customised({"cookies": {}}, daphne_send(daphne)).send)) is Outbox


async def test_negotiated_extension_has_the_plain_outbox(uvicorn: UvicornProtocol) -> None:
    """Frames with an extension that is not known are built by uvicorn."""
    uvicorn.conn.extensions = ["permessage-deflate"]
    assert type(outbox_for(uvicorn.send)) is Outbox


def compression(window_bits: int = 12) -> PerMessageDeflate:
    """Return the compression of a websocket, as uvicorn negotiates it."""
    return PerMessageDeflate(False, False, 12, window_bits)


async def test_known_compression_has_an_outbox_of_its_own(uvicorn: UvicornProtocol) -> None:
    """Frames beside the compression of the library `websockets` are ours."""
    uvicorn.conn.extensions = [compression()]
    assert type(outbox_for(uvicorn.send)) is UvicornOutbox
    uvicorn.conn.extensions = [compression(), compression()]
    assert type(outbox_for(uvicorn.send)) is Outbox


@pytest.mark.parametrize("name", ["local_max_window_bits", "local_no_context_takeover"])
async def test_unfamiliar_compression_has_the_plain_outbox(uvicorn: UvicornProtocol, name: str) -> None:
    """A compression that misses anything the fast path uses is left alone."""
    extension = compression()
    delattr(extension, name)
    uvicorn.conn.extensions = [extension]
    assert type(outbox_for(uvicorn.send)) is Outbox


UVICORN_ATTRIBUTES = ["close_sent", "conn", "disconnected", "handshake_complete", "shutdown", "transport", "writable"]


@pytest.mark.parametrize("name", UVICORN_ATTRIBUTES)
async def test_unfamiliar_uvicorn_has_the_plain_outbox(
    uvicorn: UvicornProtocol, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A uvicorn that misses anything the fast path uses is left alone."""
    monkeypatch.delattr(uvicorn if name in vars(uvicorn) else UvicornProtocol, name)
    assert type(outbox_for(uvicorn.send)) is Outbox


DAPHNE_ATTRIBUTES = [
    "STATE_OPEN",
    "_perMessageCompress",
    "closeHandshakeTimeout",
    "http_request_uri",
    "is_closed",
    "sendCloseFrame",
    "send_queue",
    "send_state",
    "server",
    "state",
    "transport",
]


@pytest.mark.parametrize("name", DAPHNE_ATTRIBUTES)
async def test_unfamiliar_daphne_has_the_plain_outbox(
    daphne: DaphneProtocol, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A Daphne that misses anything the fast path uses is left alone."""
    monkeypatch.delattr(daphne if name in vars(daphne) else DaphneProtocol, name)
    assert type(outbox_for(daphne_send(daphne))) is Outbox


async def test_daphne_that_numbers_its_states_otherwise_has_the_plain_outbox(
    daphne: DaphneProtocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number that means "open" is compared with the one that the fast path knows."""
    monkeypatch.setattr(DaphneProtocol, "STATE_OPEN", 7)
    assert type(outbox_for(daphne_send(daphne))) is Outbox


@pytest.mark.parametrize("transport", [None, SimpleNamespace(write=print)], ids=["none", "without producers"])
async def test_unfamiliar_transport_has_the_plain_outbox(daphne: DaphneProtocol, transport: Any) -> None:
    """A transport that knows no producers is left alone."""
    daphne.transport = transport
    assert type(outbox_for(daphne_send(daphne))) is Outbox


# Frames


@pytest.mark.parametrize("kind", PAYLOADS)
@pytest.mark.parametrize("length", HEADERS)
def test_frame_is_built_once(kind: str, length: int) -> None:
    """A frame has the shortest header, holds the payload, and is remembered for the next socket."""
    make, first_byte = PAYLOADS[kind]
    raw = make(length)
    delivery = Delivery(raw if kind == "binary" else raw.decode())
    built = build_frame(delivery)
    assert delivery.frame is built
    assert built == first_byte + HEADERS[length] + raw


def test_compressed_frame_is_built_once() -> None:
    """It is remembered for the next socket, and the uncompressed one stays for those that take no compression."""
    delivery = Delivery("ü" * 1000)
    built = build_deflated(delivery)
    assert delivery.deflated is built
    assert built[0] == 0xC1
    assert zlib.decompress(built[2:] + b"\x00\x00\xff\xff\x03\x00", wbits=-WINDOW_BITS).decode() == delivery.payload
    assert build_frame(delivery)[:4] == b"\x81\x7e\x07\xd0"


def test_frame_that_compressing_makes_longer_stays_as_it_is() -> None:
    """Then both kinds of clients get the same frame."""
    delivery = Delivery(b"\xff" + os.urandom(2000))
    assert build_deflated(delivery) is delivery.frame


# Daphne's outbox


def put(outbox: Outbox, *texts: str) -> None:
    """Put messages in as the hub does: all of them, then a flush."""
    for text in texts:
        outbox.put(Delivery(text))
    outbox.flush()


def closing(code: int, reason: str = "") -> Delivery:
    return Delivery.closing({"type": "websocket.close", "code": code, "reason": reason})


async def test_kept_messages_go_first(daphne: DaphneProtocol) -> None:
    """Nothing is written before the outbox is open; then what was kept, and what arrived meanwhile."""
    outbox = outbox_for(daphne_send(daphne))
    put(outbox, "live")
    assert daphne.transport.written == b""
    outbox.open([Delivery("kept")])
    put(outbox, "later")
    assert texts_in(daphne.transport.frames) == ["kept", "live", "later"]
    await outbox.aclose()


async def test_full_transport_holds_messages_back_in_order(daphne: DaphneProtocol) -> None:
    """While the transport's buffer is full, messages wait in the outbox; then they go on in order."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.transport.reads = False
    texts = [f"{number} ".ljust(600, "x") for number in range(20)]
    for text in texts:
        put(outbox, text)
    assert len(daphne.transport.buffered) < 2 * DaphneTransport.LIMIT
    daphne.transport.read_on()
    assert texts_in(daphne.transport.frames) == texts
    await outbox.aclose()


async def test_slow_client_overflows_and_is_closed(settings: Any, daphne: DaphneProtocol) -> None:
    """More than the bound is dropped, told once, and the client learns why."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 3
    overflows = Overflows()
    outbox = outbox_for(daphne_send(daphne), overflows=overflows)
    outbox.open()
    daphne.transport.reads = False
    put(outbox, "x" * (DaphneTransport.LIMIT + 1))
    put(outbox, "1", "2", "3", "4", "5")
    assert overflows == [4]
    outbox.close_now(4008, "slow")
    daphne.transport.read_on()
    first, last = daphne.transport.frames
    assert (first.opcode, last.close_code, last.payload[2:]) == (TEXT, 4008, b"slow")
    assert daphne.transport.producer is None, "Twisted would not finish closing."
    await outbox.aclose()


async def test_close_frame_goes_after_what_waits(daphne: DaphneProtocol) -> None:
    """Closing while the transport is full sends everything before it, and nothing put in after it."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.transport.reads = False
    put(outbox, "x" * (DaphneTransport.LIMIT + 1), "1")
    outbox.put_last(closing(1009))
    put(outbox, "too late")
    daphne.transport.read_on()
    *messages, last = daphne.transport.frames
    assert texts_in(messages)[1:] == ["1"]
    assert last.close_code == 1009
    await outbox.aclose()


async def test_reason_is_cut_between_characters(daphne: DaphneProtocol) -> None:
    """A closing frame carries 125 bytes at most; a reason is cut to whole characters that fit."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    outbox.close_now(4000, "a" + "日" * 100)
    [frame] = daphne.transport.frames
    assert frame.payload[2:].decode() == "a" + "日" * 40
    await outbox.aclose()


async def test_message_sent_in_pieces_is_not_broken_into(daphne: DaphneProtocol) -> None:
    """While somebody sends a message through autobahn's streaming interface, ours wait for its end."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.send_state = 1
    put(outbox, "1", "2")
    await asyncio.sleep(QUIET / 10)
    assert daphne.transport.written == b""
    daphne.send_state = 0
    await eventually(lambda: daphne.transport.written, "the messages are written")
    assert texts_in(daphne.transport.frames) == ["1", "2"]
    await outbox.aclose()


class Interrupted(DaphneProtocol):
    """A websocket on which somebody is in the middle of a message, and that counts who asks."""

    looks = 0
    is_mid_message = True

    @property
    def send_state(self) -> int:
        self.looks += 1
        return int(self.is_mid_message)

    @send_state.setter
    def send_state(self, value: int) -> None:
        """Ignore what the base class sets."""


async def test_one_timer_waits_for_the_end_of_a_message_sent_in_pieces() -> None:
    """While others write a message in pieces, one timer looks for its end, and not one for each message that waits."""
    protocol = Interrupted(DaphneTransport())
    outbox = outbox_for(daphne_send(protocol))
    outbox.open()
    before = protocol.looks
    put(outbox, *["x"] * 100)
    for _ in range(99):
        outbox.flush()
    await eventually(lambda: protocol.looks > before + 102, "it looks again")
    assert protocol.looks < before + 110
    protocol.is_mid_message = False
    await eventually(lambda: protocol.transport.written, "it writes")
    assert texts_in(protocol.transport.frames) == ["x"] * 100
    await outbox.aclose()


async def test_queue_of_autobahn_is_respected(daphne: DaphneProtocol) -> None:
    """Where autobahn has something waiting for its turn, ours is handed to it, to come after."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.send_queue.append(b"autobahn's")
    put(outbox, "ours")
    assert daphne.transport.written == b""
    assert daphne.send_queue[0] == b"autobahn's"
    assert texts_in(frames_in(daphne.send_queue[1])) == ["ours"]
    await outbox.aclose()


async def test_nothing_is_written_after_the_closing_frame(daphne: DaphneProtocol) -> None:
    """When autobahn has closed, in whatever way, no message follows (RFC 6455, 5.5.1)."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.state = DaphneProtocol.CLOSING
    put(outbox, "1")
    outbox.put_last(closing(4000))
    outbox.close_now(4000)
    assert daphne.transport.written == daphne.transport.buffered == b""
    await outbox.aclose()


@pytest.mark.parametrize("room", [0, 1, 7, 10_000])
async def test_what_a_socket_does_not_take_at_once_follows(room: int) -> None:
    """Of a frame that is sent in part or not at all, Twisted writes the rest; nothing overtakes it."""
    transport = HandleTransport()
    transport.reads = False
    with NarrowSocket(room, transport) as transport.handle:
        outbox = outbox_for(daphne_send(DaphneProtocol(transport)))
        outbox.open()
        put(outbox, "first message", "second message")
        put(outbox, "third message")
        assert len(transport.written) == min(room, len(transport.written + transport.buffered))
        transport.read_on()
        assert texts_in(transport.frames) == ["first message", "second message", "third message"]
        await outbox.aclose()


async def test_handle_that_encrypts_is_not_written_to() -> None:
    """Where the transport's handle is no socket, as with TLS, everything goes through the transport."""
    transport = HandleTransport()
    transport.handle = SimpleNamespace(send=len)
    outbox = outbox_for(daphne_send(DaphneProtocol(transport)))
    outbox.open()
    put(outbox, "1", "2")
    assert texts_in(transport.frames) == ["1", "2"]
    await outbox.aclose()


async def test_socket_below_tls_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Twisted transport that encrypts itself says so, and may still have the socket for its handle."""
    transport = HandleTransport()
    monkeypatch.setattr(transport, "TLS", True)
    with NarrowSocket(10_000, transport) as transport.handle:
        outbox = outbox_for(daphne_send(DaphneProtocol(transport)))
        outbox.open()
        put(outbox, "1")
        assert transport.handle.room == 10_000
        assert texts_in(transport.frames) == ["1"]
        await outbox.aclose()


async def test_lost_connection_is_left_to_twisted(daphne: DaphneProtocol) -> None:
    """After the connection is lost, nothing more is written and the outbox can still be ended."""
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.transport.producer.stopProducing()
    put(outbox, "1")
    assert daphne.transport.written == b""
    await outbox.aclose()


async def test_compressing_protocol_builds_its_own_frames(daphne: DaphneProtocol, monkeypatch: Any) -> None:
    """With an extension negotiated, messages go through ASGI's send, and the producer is not ours."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Server, "handle_reply", handle_reply_into(sent))
    daphne._perMessageCompress = object()
    outbox = outbox_for(daphne_send(daphne))
    assert type(outbox) is DaphneOutbox
    outbox.open([Delivery("kept")])
    put(outbox, "1", "2")
    await eventually(lambda: len(sent) == 3, "all is sent")
    assert [message["text"] for message in sent] == ["kept", "1", "2"]
    assert daphne.transport.written == b""
    assert daphne.transport.producer is None
    await outbox.aclose()


def handle_reply_into(sent: list[dict[str, Any]]) -> Any:
    async def handle_reply(self: Server, protocol: Any, message: dict[str, Any]) -> None:
        sent.append(message)

    return handle_reply


async def test_producer_is_registered_as_long_as_the_outbox_is_open(daphne: DaphneProtocol) -> None:
    """The outbox replaces the HTTP channel as producer, and leaves nothing behind."""
    daphne.transport.producer = "HTTP channel"
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    assert daphne.transport.producer is outbox
    await outbox.aclose()
    assert daphne.transport.producer is None
    put(outbox, "late")
    assert daphne.transport.written == b""


async def test_outbox_that_never_opened_leaves_the_transport_alone(daphne: DaphneProtocol) -> None:
    """Ending before the handshake is over takes nobody else's producer away."""
    daphne.transport.producer = "HTTP channel"
    outbox = outbox_for(daphne_send(daphne))
    await outbox.aclose()
    assert daphne.transport.producer == "HTTP channel"


async def test_waiting_sender_goes_on_when_there_is_room(settings: Any, daphne: DaphneProtocol) -> None:
    """A consumer's own send waits while the outbox is full, and loses nothing."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 1
    outbox = outbox_for(daphne_send(daphne))
    outbox.open()
    daphne.transport.reads = False
    put(outbox, "x" * (DaphneTransport.LIMIT + 1))
    put(outbox, "1")
    waiting = asyncio.create_task(outbox.put_waiting(Delivery("2")))
    done, _ = await asyncio.wait([waiting], timeout=QUIET / 10)
    assert not done
    daphne.transport.read_on()
    await asyncio.wait_for(waiting, TIMEOUT)
    assert texts_in(daphne.transport.frames)[1:] == ["1", "2"]
    await outbox.aclose()


# uvicorn's outbox


async def test_uvicorn_is_written_to_in_order_when_the_kernel_takes_part(settings: Any) -> None:
    """What asyncio's own transport has not sent yet goes before what comes later, whichever way each is sent."""
    settings.WS4CHANNELS_OUTBOX_BYTES = 100_000_000
    here, there = socket.socketpair()
    here.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=here)
    protocol = UvicornProtocol(cast(Any, transport))
    outbox = outbox_for(protocol.send)
    outbox.open()
    texts = [f"{number:<3000}" for number in range(50)]
    received = b""
    there.setblocking(False)
    for number, text in enumerate(texts):
        put(outbox, text)
        if number % 10 == 9:
            received += await asyncio.to_thread(_read_some, there)
    while transport.get_write_buffer_size():
        await asyncio.sleep(0)
        received += _read_some(there)
    received += _read_some(there)
    assert texts_in(frames_in(received)) == texts
    transport.close()
    there.close()
    await outbox.aclose()


def _read_some(end: socket.socket) -> bytes:
    data = b""
    with suppress(BlockingIOError):
        while more := end.recv(5000):
            data += more
    return data


async def test_uvicorn_is_written_to_until_it_is_full(uvicorn: UvicornProtocol) -> None:
    """While uvicorn is not writable, messages wait in the outbox; then they go on in order."""
    outbox = outbox_for(uvicorn.send)
    outbox.open([Delivery("kept")])
    uvicorn.transport.full_after = 4
    put(outbox, "1")
    put(outbox, "2", "3")
    assert texts_in(uvicorn.transport.frames) == ["kept", "1"]
    uvicorn.transport.full_after = None
    uvicorn.writable.set()
    await eventually(lambda: len(uvicorn.transport.frames) == 4, "all is written")
    assert texts_in(uvicorn.transport.frames) == ["kept", "1", "2", "3"]
    assert uvicorn.sent == []
    await outbox.aclose()


@pytest.mark.parametrize("name", ["close_sent", "disconnected"])
async def test_closed_uvicorn_is_not_written_to(uvicorn: UvicornProtocol, name: str) -> None:
    """After a closing frame, or without a client, nothing is written."""
    outbox = outbox_for(uvicorn.send)
    outbox.open()
    setattr(uvicorn, name, True)
    put(outbox, "1")
    assert uvicorn.transport.written == b""
    await outbox.aclose()


async def test_uvicorn_is_closed_after_what_waits(uvicorn: UvicornProtocol) -> None:
    """A closing that was put in while the transport was full comes after the messages before it."""
    outbox = outbox_for(uvicorn.send)
    outbox.open()
    uvicorn.transport.full_after = 0
    put(outbox, "1")
    put(outbox, "2")
    outbox.put_last(closing(1009, "too large"))
    uvicorn.transport.full_after = None
    uvicorn.writable.set()
    await eventually(lambda: uvicorn.sent, "the closing is sent")
    assert texts_in(uvicorn.transport.frames) == ["1", "2"]
    assert uvicorn.sent == [{"type": "websocket.close", "code": 1009, "reason": "too large"}]
    await outbox.aclose()


async def test_stalled_uvicorn_is_closed_and_then_aborted(uvicorn: UvicornProtocol, settings: Any) -> None:
    """A client that does not read is sent the closing behind what it has not read, and then hung up on."""
    settings.WS4CHANNELS_CLOSE_TIMEOUT = QUIET / 10
    outbox = outbox_for(uvicorn.send)
    outbox.open()
    uvicorn.transport.full_after = 0
    put(outbox, "1")
    put(outbox, "2")
    outbox.close_now(4008)
    await eventually(lambda: uvicorn.sent, "the closing is sent")
    assert uvicorn.sent == [{"type": "websocket.close", "code": 4008, "reason": ""}]
    assert texts_in(uvicorn.transport.frames) == ["1"]
    await eventually(lambda: uvicorn.transport.is_aborted, "the connection is aborted")
    await outbox.aclose()


async def test_uvicorn_outbox_ends_while_it_waits(uvicorn: UvicornProtocol) -> None:
    """An outbox whose client has gone ends at once and leaves no task behind."""
    before = asyncio.all_tasks()
    outbox = outbox_for(uvicorn.send)
    outbox.open()
    uvicorn.transport.full_after = 0
    put(outbox, "1")
    put(outbox, "2")
    await asyncio.wait_for(outbox.aclose(), TIMEOUT)
    assert asyncio.all_tasks() == before
    assert texts_in(uvicorn.transport.frames) == ["1"]


async def test_client_that_went_during_the_handshake_is_no_error(daphne: DaphneProtocol) -> None:
    """Where a hook took longer than the client had patience, there is nothing left to write to."""
    outbox = outbox_for(daphne_send(daphne))
    put(outbox, "1")
    daphne.state = DaphneProtocol.CLOSING
    outbox.open([Delivery("kept")])
    assert outbox.is_closed
    assert daphne.transport.producer is None
    assert daphne.transport.written == b""
    await outbox.aclose()


async def test_uvicorn_that_ends_is_made_to_wait(
    uvicorn: UvicornProtocol, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The socket is served on for a time left to chance; then uvicorn ends it in its own way."""
    settings.WS4CHANNELS_SHUTDOWN_SPREAD = QUIET
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    outbox = outbox_for(uvicorn.send)
    outbox.open()
    uvicorn.shutdown()
    uvicorn.shutdown()
    put(outbox, "1")
    assert (uvicorn.times_shut_down, texts_in(uvicorn.transport.frames)) == (0, ["1"])
    assert outbox.will_close_for_restart
    await eventually(lambda: uvicorn.times_shut_down, "the socket is ended")
    await outbox.aclose()
    uvicorn.shutdown()
    assert uvicorn.times_shut_down == 2


async def test_uvicorn_that_ends_need_not_wait_for_closed_sockets(uvicorn: UvicornProtocol) -> None:
    """A socket that is being closed already is uvicorn's to end."""
    outbox = outbox_for(uvicorn.send)
    outbox.open()
    outbox.close_now(4008)
    uvicorn.shutdown()
    assert uvicorn.times_shut_down == 1
    await outbox.aclose()
