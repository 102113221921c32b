"""Tests of `ws4channels.delivery.servers.daphne`, `ws4channels.delivery.servers.uvicorn` and
`ws4channels.delivery.servers.direct`: what arrives from real servers, byte by byte, and which outbox writes it.
"""

from __future__ import annotations

import asyncio
import functools
import io
import socket
import ssl
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from channels.sessions import InstanceSessionWrapper
from daphne.server import Server
from twisted.internet.defer import Deferred

from example_project.redis_server import HOST, RedisServer
from tests.frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, FrameSocket, read_frame
from tests.live.certificates import make_certificate
from tests.live.servers import RunningSite, Surroundings, on_port
from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.servers import make_outbox
from ws4channels.delivery.servers.daphne import DaphneOutbox
from ws4channels.delivery.servers.direct import build_frame
from ws4channels.delivery.servers.uvicorn import UvicornOutbox
from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import RedisMessage
from ws4channels.transports.messages import Delivery

MEBIBYTE = 1024 * 1024
SIZES = [1, 125, 126, 65_535, 65_536, MEBIBYTE]
"""The lengths in bytes around which RFC 6455 changes the form of a frame's header, and a large one."""
KINDS: dict[str, Callable[[int], bytes]] = {
    "text": lambda size: b"x" * size,
    "multi-byte text": lambda size: ("日" * (size // 3)).encode() + b"x" * (size % 3),
    "binary": lambda size: b"\xff" * size,
}
APPLICATION = "tests.wrapping_site:application"
DAPHNE = [sys.executable, "-m", "daphne", "-b", HOST]
UVICORN = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "0", "--loop", "asyncio"]
DAPHNE_ADDRESS = r"Listening on TCP address ([\d.]+:\d+)"
SERVERS = {
    "DaphneOutbox": ([*DAPHNE, "-p", "0", "--ping-interval", "1"], DAPHNE_ADDRESS),
    "UvicornOutbox": (
        [*UVICORN, "--ws", "websockets-sansio", "--ws-ping-interval", "1"],
        r"Uvicorn running on http://([\d.]+:\d+)",
    ),
}
CHUNK = 64 * 1024
MAX_MESSAGE_SIZE = MEBIBYTE // 2
"""Below the bound of Daphne's own, at which autobahn hangs up by itself unless the outbox tells it not to."""


# Real servers


@pytest.fixture(scope="module")
def surroundings(redis_server: RedisServer) -> Iterator[Surroundings]:
    """The Redis of this process, so that it can publish to the servers' sockets."""
    with tempfile.TemporaryDirectory(prefix="ws4-") as directory:
        yield Surroundings(redis_server.url, Path(directory).resolve())


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request: pytest.FixtureRequest, surroundings: Surroundings) -> Iterator[RunningSite]:
    """A site behind Daphne and behind uvicorn, which must not complain about anything."""
    command, address = SERVERS[request.param]
    settings = {"WS4CHANNELS_MAX_MESSAGE_SIZE": MAX_MESSAGE_SIZE}
    with on_port(surroundings, [*command, APPLICATION], address, settings) as site:
        yield site
        assert "Traceback" not in site.output()


@pytest.fixture
def outbox_name(request: pytest.FixtureRequest, site: RunningSite) -> str:
    """The outbox that the sockets of the running server should have."""
    name: str = request.node.callspec.params["site"]
    return name


@pytest.fixture(scope="module")
def tls_site(surroundings: Surroundings) -> Iterator[tuple[RunningSite, ssl.SSLContext]]:
    """A Daphne that speaks TLS itself, and what a client needs to trust it."""
    certificate, key = make_certificate(surroundings.directory)
    endpoint = f"ssl:0:interface={HOST}:privateKey={key}:certKey={certificate}"
    command = [sys.executable, "-m", "daphne", "-e", endpoint, APPLICATION]
    with on_port(surroundings, command, DAPHNE_ADDRESS) as site:
        yield site, ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def facility(request: pytest.FixtureRequest) -> str:
    """A facility that no other test uses."""
    return f"{request.node.originalname}-{uuid.uuid4().hex[:8]}"


def subscribe(site: RunningSite, facility: str, *channels: str, **options: Any) -> FrameSocket:
    query = "&".join(("subscribe-broadcast", *channels))
    return FrameSocket(site.host, f"/ws/{facility}?{query}", **options)


def publish(facility: str, *payloads: bytes) -> None:
    publisher = RedisPublisher(facility=facility, broadcast=True)
    for payload in payloads:
        publisher.publish_message(RedisMessage(payload), expire=0)


def rss(site: RunningSite) -> int:
    """Return how much memory the server occupies, in bytes."""
    assert site.process.process is not None
    size: int = psutil.Process(site.process.process.pid).memory_info().rss
    return size


def numbered(number: int, size: int = CHUNK) -> bytes:
    return f"{number} ".encode().ljust(size, b"x")


@pytest.mark.live
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_frames_are_those_of_the_rfc(site: RunningSite, facility: str, kind: str) -> None:
    """Each message is one unmasked frame with the right opcode, no reserved bit and the shortest header."""
    opcode = BINARY if kind == "binary" else TEXT
    with subscribe(site, facility) as client:
        for size in SIZES:
            payload = KINDS[kind](size)
            publish(facility, payload)
            frame = client.read_message()
            assert frame.is_regular, (size, frame.fin, frame.rsv, frame.masked, frame.length_bytes)
            assert (frame.opcode, frame.payload) == (opcode, payload), size


@pytest.mark.live
def test_server_is_recognised(site: RunningSite, facility: str, outbox_name: str) -> None:
    """The installed server is still as the package knows it, so that its sockets get the outbox made for it."""
    with subscribe(site, facility):
        assert f"/ws/{facility} gets {outbox_name}\n" in site.output()


@pytest.mark.live
def test_burst_reaches_each_socket_in_order_and_once(site: RunningSite, facility: str) -> None:
    """A thousand messages at once come to all of twenty sockets, in order and none twice."""
    texts = [b"%d" % number for number in range(1000)]
    with ExitStack() as stack:
        clients = [stack.enter_context(subscribe(site, facility)) for _ in range(20)]
        publish(facility, *texts, b"last")
        for client in clients:
            assert [client.read_message().payload for _ in range(1001)] == [*texts, b"last"]


@pytest.mark.live
def test_pings_do_not_break_into_messages(site: RunningSite, facility: str) -> None:
    """The server's own pings come between messages, whole, while many are sent."""
    pings, number, seen = 0, 0, -1
    with subscribe(site, facility) as client:
        while pings < 2:
            publish(facility, *(numbered(number + each, 1000) for each in range(20)))
            number += 20
            while seen < number - 1:
                frame = client.read_frame()
                assert frame.is_regular, frame
                if frame.opcode == PING:
                    pings += 1
                    client.send(PONG, frame.payload)
                else:
                    seen += 1
                    assert frame.payload == numbered(seen, 1000)


@pytest.mark.live
def test_stalled_clients_cost_little_and_delay_nobody(site: RunningSite, facility: str) -> None:
    """Clients that never read are closed with 4008; the server stays small and others get everything."""
    complaints = "whose client did not keep up"
    before = site.output().count(complaints)
    with ExitStack() as stack:
        reader, regretful, _ = (
            stack.enter_context(subscribe(site, facility, receive_buffer=buffer)) for buffer in (None, 4096, 4096)
        )
        publish(facility, b"warm up")
        assert reader.read_message().payload == b"warm up"
        start = largest = rss(site)
        code = None
        for batch in range(60):
            payloads = [numbered(batch * 16 + number) for number in range(16)]
            publish(facility, *payloads)
            assert [reader.read_message().payload for _ in payloads] == payloads
            largest = max(largest, rss(site))
            if code is None and site.output().count(complaints) == before + 2:
                code = regretful.read_to_closing().code
        assert code == 4008
        assert largest - start < 16 * MEBIBYTE


@pytest.mark.live
def test_client_that_pauses_loses_nothing(site: RunningSite, facility: str) -> None:
    """Who does not read for a while, but less than the bound, gets everything later, in order."""
    payloads = [numbered(number) for number in range(4 * MEBIBYTE // CHUNK - 1)]
    with subscribe(site, facility) as reader, subscribe(site, facility, receive_buffer=4096) as pausing:
        publish(facility, *payloads)
        assert [reader.read_message().payload for _ in payloads] == payloads
        assert [pausing.read_message().payload for _ in payloads] == payloads
        publish(facility, b"after")
        assert pausing.read_message().payload == b"after"


@pytest.mark.live
def test_middleware_in_between_changes_nothing(site: RunningSite, facility: str) -> None:
    """Where a middleware wraps the server's send, the plain outbox sends the same messages in the same order."""
    facility = f"wrapped-{facility}"
    payloads = [kind(size) for kind in KINDS.values() for size in SIZES]
    with subscribe(site, facility) as client:
        assert f"/ws/{facility} gets Outbox\n" in site.output()
        publish(facility, *payloads)
        frames = [client.read_message() for _ in payloads]
    assert all(frame.is_regular for frame in frames)
    assert [frame.payload for frame in frames] == payloads


@pytest.mark.live
@pytest.mark.parametrize("prefix", ["direct-", "wrapped-"])
def test_close_codes_of_servers_arrive(site: RunningSite, facility: str, outbox_name: str, prefix: str) -> None:
    """Too large a message is answered with 1009, or with 4009 where only autobahn's own interface is left."""
    with subscribe(site, prefix + facility, "publish-broadcast") as client:
        client.send(TEXT, b"x" * (MAX_MESSAGE_SIZE + 1))
        is_restricted = prefix == "wrapped-" and outbox_name == "DaphneOutbox"
        assert client.read_to_closing().code == (4009 if is_restricted else 1009)


@pytest.mark.live
def test_frames_arrive_over_tls(tls_site: tuple[RunningSite, ssl.SSLContext], facility: str) -> None:
    """A Daphne that speaks TLS itself sends each message at once, whatever its length."""
    site, context = tls_site
    with subscribe(site, facility, tls=context) as client:
        for size in SIZES:
            payload = b"x" * size
            publish(facility, payload)
            frame = client.read_message()
            assert frame.is_regular
            assert frame.payload == payload


@pytest.mark.live
def test_too_large_message_is_answered_in_spite_of_autobahn(site: RunningSite, facility: str) -> None:
    """A message above the bound of the server's own is answered with 1009 as well, not by hanging up."""
    with subscribe(site, facility, "publish-broadcast") as client:
        client.send(TEXT, b"x" * (MEBIBYTE + 1))
        assert client.read_to_closing().code == 1009


# Which outbox


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
    frames = []
    while file.tell() < len(stream):
        frames.append(read_frame(file))
        assert frames[-1].is_regular, frames[-1]
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


async def test_known_servers_have_outboxes_of_their_own(daphne: DaphneProtocol, uvicorn: UvicornProtocol) -> None:
    """The send of Daphne and that of uvicorn's websockets-sansio are recognised."""
    assert type(outbox_for(daphne_send(daphne))) is DaphneOutbox
    assert type(outbox_for(uvicorn.send)) is UvicornOutbox


async def test_unknown_send_has_the_plain_outbox() -> None:
    """Any other send is only called."""
    assert type(outbox_for(unknown_send)) is Outbox
    assert type(outbox_for(functools.partial(unknown_send))) is Outbox
    assert type(outbox_for(functools.partial(print, "one argument"))) is Outbox


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
    """Frames with an extension, such as compression, are built by uvicorn."""
    uvicorn.conn.extensions = ["permessage-deflate"]
    assert type(outbox_for(uvicorn.send)) is Outbox


@pytest.mark.parametrize("name", ["close_sent", "conn", "disconnected", "handshake_complete", "transport", "writable"])
async def test_unfamiliar_uvicorn_has_the_plain_outbox(uvicorn: UvicornProtocol, name: str) -> None:
    """A uvicorn that misses anything the fast path uses is left alone."""
    delattr(uvicorn, name)
    assert type(outbox_for(uvicorn.send)) is Outbox


@pytest.mark.parametrize(
    "name",
    [
        "_perMessageCompress",
        "closeHandshakeTimeout",
        "http_request_uri",
        "send_queue",
        "send_state",
        "server",
        "state",
        "transport",
    ],
)
async def test_unfamiliar_daphne_has_the_plain_outbox(daphne: DaphneProtocol, name: str) -> None:
    """A Daphne that misses anything the fast path uses is left alone."""
    delattr(daphne, name)
    assert type(outbox_for(daphne_send(daphne))) is Outbox


async def test_unfamiliar_transport_has_the_plain_outbox(daphne: DaphneProtocol) -> None:
    """A transport that knows no producers is left alone."""
    daphne.transport = SimpleNamespace(write=print)  # type: ignore[assignment]
    assert type(outbox_for(daphne_send(daphne))) is Outbox


async def test_other_method_of_daphne_has_the_plain_outbox(daphne: DaphneProtocol) -> None:
    """Only the method that Daphne sends with is taken for its send."""
    assert type(outbox_for(functools.partial(SERVER.protocol_connected, daphne))) is Outbox


# Frames


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("size", SIZES)
def test_frame_is_built_once(kind: str, size: int) -> None:
    """A frame is regular, holds the payload, and is remembered for the next socket."""
    raw = KINDS[kind](size)
    delivery = Delivery(raw if kind == "binary" else raw.decode())
    built = build_frame(delivery)
    assert delivery.frame is built
    [frame] = frames_in(built)
    assert (frame.opcode, frame.payload) == (BINARY if kind == "binary" else TEXT, raw)


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
    assert (first.opcode, last.code, last.payload[2:]) == (TEXT, 4008, b"slow")
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
    assert last.code == 1009
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
    assert outbox.is_to_say_goodbye
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
