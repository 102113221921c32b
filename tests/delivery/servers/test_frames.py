"""Frames on real Daphne and uvicorn: valid, in the right order, and left to the server where an extension is used."""

from __future__ import annotations

import functools
import json
import re
import types
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import redis
from daphne.server import Server
from daphne.ws_protocol import WebSocketProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from example_project.redis_server import RedisServer
from tests.outbox_site.payloads import HEADERS, MEBIBYTE, PAYLOADS, payloads_up_to
from tests.outbox_site.running import DIRECT, Running, Servers, command, numbered, publish
from tests.raw_websocket import PING, PONG, TEXT
from tests.waiting import eventually
from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.servers import make_outbox
from ws4channels.delivery.servers.daphne import DaphneOutbox
from ws4channels.delivery.servers.direct import DirectOutbox
from ws4channels.delivery.servers.uvicorn import UvicornOutbox
from ws4channels.transports.messages import Delivery

KINDS = ["daphne", "uvicorn"]
EVERY_KIND = [*KINDS, "daphne-tls", "uvicorn-tls", "daphne-unix", "uvicorn-unix"]


@pytest.fixture(scope="module")
def servers(redis_server: RedisServer) -> Iterator[Servers]:
    """The servers of this module."""
    with Servers.sharing(redis_server) as servers:
        yield servers


@pytest.fixture
def facility(request: pytest.FixtureRequest) -> str:
    """A facility that no other test uses."""
    return re.sub(r"\W", "-", request.node.name)


def raw(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


# Frames


@pytest.mark.live
@pytest.mark.parametrize("what", PAYLOADS)
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_frames_are_what_the_standard_says(servers: Servers, facility: str, kind: str, what: str) -> None:
    """Byte by byte, at each length at which RFC 6455 changes the header, on every kind of transport."""
    make, first_byte = PAYLOADS[what]
    server = servers.get(kind)
    with server.open(facility) as client:
        assert server.outboxes(facility) == [DIRECT[kind.partition("-")[0]]]
        for length, header in HEADERS.items():
            payload = make(length)
            assert len(payload) == length
            publish(facility, payload)
            assert client.read(1 + len(header)) == first_byte + header
            assert client.read(length) == payload


@pytest.mark.live
@pytest.mark.parametrize("kind", EVERY_KIND)
def test_other_client_library_understands_the_frames(servers: Servers, facility: str, kind: str) -> None:
    """The library `websockets`, which checks what it is sent, gets each message as it was published."""
    with servers.get(kind).site.connect(facility, "subscribe-broadcast") as client:
        for payload in payloads_up_to(MEBIBYTE):
            publish(facility, payload)
            assert raw(client.receive()) == payload


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_empty_messages_are_not_sent(servers: Servers, facility: str, kind: str, redis_client: redis.Redis) -> None:
    """There is no frame for an empty message, be it published, kept or a client's own."""
    redis_client.set(f"broadcast:{facility}", b"")
    with servers.get(kind).open(facility, "subscribe-broadcast", "publish-broadcast", "echo") as client:
        publish(facility, "", b"")
        client.send("")
        client.send(b"")
        publish(facility, "not empty")
        assert client.read_message() == "not empty"


# Order


@pytest.mark.live
@pytest.mark.parametrize("kind", [*KINDS, "daphne-tls"])
def test_burst_reaches_fifty_sockets_in_order(servers: Servers, facility: str, kind: str) -> None:
    """Each of many sockets gets all of a burst, in order and unbroken, however frames share the segments."""
    messages = [str(number).ljust(number % 7 * 40 + 1, "x") for number in range(400)]
    with ExitStack() as stack:
        clients = [stack.enter_context(servers.get(kind).open(facility)) for _ in range(50)]
        publish(facility, *messages)
        for client in clients:
            assert [client.read_message() for _ in messages] == messages


@pytest.mark.live
@pytest.mark.parametrize("kind", [*KINDS, "daphne-tls"])
def test_own_and_published_messages_keep_their_order(servers: Servers, facility: str, kind: str) -> None:
    """What a site's consumer sends and what is published come in the order in which it happened, paused or not."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    with server.open_narrow(facility) as client:
        command(client, "mix", 300, 10_000)
        command(client, "mix", 100, 0)
        server.wait_until_paused(facility)
        assert [client.read_message() for _ in range(400)] == numbered(300, 10_000) + numbered(100)


@pytest.mark.live
@pytest.mark.parametrize(
    ("kind", "option"), [("daphne", "--ping-interval"), ("uvicorn", "--ws-ping-interval")], ids=KINDS
)
def test_pings_and_pongs_come_between_messages(servers: Servers, facility: str, kind: str, option: str) -> None:
    """The server's pings and its answers to the client's stand between whole messages, which keep their order."""
    pings, rounds = 0, 0
    pongs: list[bytes] = []
    with servers.start(kind, option, "1") as server, server.open(facility) as client:
        while pings < 2:
            publish(facility, *[f"{rounds} {part}".ljust(3000) for part in range(20)])
            client.send_frame(PING, b"%d" % rounds)
            parts: list[str] = []
            while len(parts) < 20 or len(pongs) <= rounds:
                frame = client.read_frame()
                if frame.opcode == PING:
                    pings += 1
                    client.send_frame(PONG, frame.payload)
                elif frame.opcode == PONG:
                    pongs.append(frame.payload)
                else:
                    parts.append(frame.payload.decode())
            assert parts == [f"{rounds} {part}".ljust(3000) for part in range(20)]
            rounds += 1
    assert pongs == [b"%d" % each for each in range(rounds)]


@pytest.mark.live
@pytest.mark.parametrize("kind", [*KINDS, "daphne-tls"])
def test_partial_writes_leave_the_stream_whole(servers: Servers, facility: str, kind: str) -> None:
    """Where the kernel takes but a part of a frame, the rest follows before anything else, a pong included."""
    facility = f"commanded.{facility}"
    messages = [str(number).ljust(1 + number * number % 30_000, "x") for number in range(150)]
    with servers.get(kind).open_narrow(facility) as client:
        publish(facility, *messages)
        for message in messages:
            client.send_frame(PING, b"meanwhile")
            received = client.read_frame()
            while received.opcode == PONG:
                received = client.read_frame()
            assert received.payload.decode() == message


@pytest.mark.live
def test_message_sent_in_pieces_is_not_interrupted(servers: Servers, facility: str) -> None:
    """On Daphne, what is published while autobahn sends a message in fragments comes after its end."""
    facility = f"commanded.{facility}"
    with servers.get("daphne").open(facility) as client:
        command(client, "stream", ["abc", "def"], numbered(6))
        frames = [client.read_frame() for _ in range(3)]
        assert [(frame.opcode, frame.is_final, frame.payload) for frame in frames] == [
            (TEXT, False, b"abc"),
            (0, False, b"def"),
            (0, True, b""),
        ]
        assert [client.read_message() for _ in range(6)] == numbered(6)


class Interrupted(DirectOutbox):
    """An outbox that may not write for a while, and counts how often it looks."""

    looks = 0
    may_write = False

    def __init__(self) -> None:
        protocol = types.SimpleNamespace(transport=None)
        super().__init__(send_nowhere, protocol, echo=False, on_overflow=lambda dropped: None)
        self.written: list[bytes] = []

    def _may_write(self) -> bool:
        self.looks += 1
        return self.may_write

    def _write_frames(self, frames: bytes) -> None:
        self.written.append(frames)


async def test_waiting_for_a_message_s_end_costs_the_same_whatever_is_published() -> None:
    """While others write a message in pieces, one timer looks for its end, and not one for each message that waits."""
    outbox = Interrupted()
    outbox.open()
    for _ in range(100):
        outbox.put(Delivery("x"))
        outbox.flush()
    await eventually(lambda: outbox.looks > 102, "it looks again")
    assert outbox.looks < 110
    outbox.may_write = True
    await eventually(lambda: outbox.written, "it writes")
    assert b"".join(outbox.written) == b"\x81\x01x" * 100


@pytest.mark.live
def test_what_autobahn_has_queued_goes_first(servers: Servers, facility: str) -> None:
    """On Daphne, what is published while autobahn writes a message in chops comes after it."""
    facility = f"commanded.{facility}"
    with servers.get("daphne").open(facility) as client:
        command(client, "chop", "first " * 10, numbered(50))
        assert client.read_message() == "first " * 10
        assert [client.read_message() for _ in range(50)] == numbered(50)
        command(client, "publish", "and on")
        assert client.read_message() == "and on"


# Others between the server and us


def assert_all_is_delivered(server: Running, facility: str) -> None:
    """Check that the server's own ``send`` carries everything, to all, in order, without a complaint."""
    with server.open(facility) as client, server.open(facility) as other:
        assert server.outboxes(facility) == ["Outbox", "Outbox"]
        for payload in payloads_up_to(MEBIBYTE):
            publish(facility, payload)
            assert client.read_frame().payload == payload
            assert other.read_frame().payload == payload
        publish(facility, *numbered(300))
        assert [client.read_message() for _ in range(300)] == numbered(300)
    assert "Traceback" not in server.process.output()


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_middleware_that_wraps_send_is_not_passed_by(servers: Servers, facility: str, kind: str) -> None:
    """With a ``send`` that is not the server's own, everything goes through it."""
    assert_all_is_delivered(servers.get(kind), f"wrapped.{facility}")


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_setting_turns_it_off(servers: Servers, facility: str, kind: str) -> None:
    """With WS4CHANNELS_DIRECT_WRITES = False everything goes through ASGI's ``send``."""
    with servers.start(kind, settings={"WS4CHANNELS_DIRECT_WRITES": False}) as server:
        assert_all_is_delivered(server, facility)


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_channels_session_middleware_is_seen_through(servers: Servers, facility: str, kind: str) -> None:
    """Below AuthMiddlewareStack, which leaves a websocket's events alone, frames are still ours."""
    facility = f"sessions.{facility}"
    server = servers.get(kind)
    with server.open(facility) as client:
        assert server.outboxes(facility) == [DIRECT[kind]]
        publish(facility, "message")
        assert client.read(9) == b"\x81\x07message"


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_session_middleware_of_a_site_s_own_is_not_passed_by(servers: Servers, facility: str, kind: str) -> None:
    """A subclass of Channels' session wrapper with a ``send`` of its own has its say."""
    facility = f"shouting.{facility}"
    with servers.get(kind).open(facility) as client:
        publish(facility, "message")
        assert client.read_message() == "MESSAGE"


@pytest.mark.live
@pytest.mark.parametrize("kind", KINDS)
def test_compression_leaves_frames_to_the_server(servers: Servers, facility: str, kind: str) -> None:
    """Where compression was negotiated, the client gets everything, compressed by the server."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    if kind == "daphne":
        server.site.get("/accept-compression").raise_for_status()
    with server.site.connect(facility, "subscribe-broadcast", compression="deflate") as client:
        assert [each.name for each in client.connection.protocol.extensions] == ["permessage-deflate"]
        for payload in payloads_up_to(65_536):
            publish(facility, payload)
            assert raw(client.receive()) == payload
        client.send(json.dumps(["mix", 500, 300]))
        assert client.receive_many(500) == numbered(500, 300)
        client.send(json.dumps(["close", 4001, "enough"]))
        assert client.closing()[0] == 4001
    server.wait_for(facility, "the consumer ends", has_ended=True, outboxes=[])


@pytest.mark.live
@pytest.mark.parametrize("way", ["direct", "wrapped"])
def test_message_larger_than_daphne_takes(servers: Servers, facility: str, way: str) -> None:
    """What autobahn refuses to send ends the socket with 1011 instead of leaving it open and deaf; ours are sent."""
    facility = f"{way}.{facility}"
    with servers.get("daphne").open(facility) as client:
        publish(facility, "before", "x" * (MEBIBYTE + 1), "after")
        assert client.read_message() == "before"
        if way == "direct":
            assert client.read_message() == "x" * (MEBIBYTE + 1)
            assert client.read_message() == "after"
        else:
            assert client.read_frame().close_code == 4011


# What is recognised


async def send_nowhere(event: dict[str, Any]) -> None:
    """Take an event."""


def daphne_send(server_class: type[Server] = Server, lacks: str = "", **changes: Any) -> Any:
    """Return what Daphne gives an application as ``send``, of a protocol that is changed where a test says so."""
    server = server_class.__new__(server_class)
    protocol = types.SimpleNamespace(
        STATE_OPEN=WebSocketProtocol.STATE_OPEN,
        _perMessageCompress=None,
        closeHandshakeTimeout=1,
        failByDrop=True,
        http_request_uri="/ws/f",
        is_closed=None,
        sendCloseFrame=None,
        sendData=None,
        send_queue=[],
        send_state=0,
        server=server,
        state=WebSocketProtocol.STATE_OPEN,
        transport=types.SimpleNamespace(registerProducer=None),
    )
    vars(protocol).update(changes)
    vars(protocol).pop(lacks, None)
    return functools.partial(server.handle_reply, protocol)


class OtherServer(Server):  # type: ignore[misc]
    """A site's own server, which does something with what is sent."""

    async def handle_reply(self, protocol: Any, message: Any) -> None:
        """Do it."""
        await super().handle_reply(protocol, message)


def uvicorn_send(cls: Any = WebSocketsSansIOProtocol, lacks: str = "", extensions: tuple[Any, ...] = ()) -> Any:
    """Return what uvicorn gives an application as ``send``, of a protocol that is changed where a test says so."""
    protocol = cls.__new__(cls)
    attributes = {
        "close_sent": False,
        "conn": types.SimpleNamespace(extensions=extensions),
        "disconnected": False,
        "handshake_complete": True,
        "transport": None,
        "writable": None,
    }
    vars(protocol).update({name: value for name, value in attributes.items() if name != lacks})
    return protocol.send


class OtherProtocol(WebSocketsSansIOProtocol):
    """A site's own protocol."""


def kind_of_outbox(send: Any) -> type[Outbox]:
    """Return the class of the outbox that is made for a ``send``."""
    return type(make_outbox(send, echo=False, on_overflow=lambda dropped: None))


async def test_familiar_protocols_are_recognised() -> None:
    """The stand-ins that the next tests change are recognised unchanged."""
    assert kind_of_outbox(daphne_send()) is DaphneOutbox
    assert kind_of_outbox(uvicorn_send()) is UvicornOutbox


@pytest.mark.parametrize(
    "send",
    [
        pytest.param(send_nowhere, id="function"),
        pytest.param(functools.partial(send_nowhere), id="partial"),
        pytest.param(functools.partial(send_nowhere, "argument"), id="partial with an argument"),
        pytest.param(functools.partial(daphne_send().func, daphne_send().args[0], 1), id="argument too many"),
        pytest.param(daphne_send(OtherServer), id="another server"),
        pytest.param(daphne_send(STATE_OPEN=7), id="another state"),
        pytest.param(daphne_send(transport=None), id="no transport"),
        pytest.param(daphne_send(transport=types.SimpleNamespace(write=None)), id="another transport"),
        *[
            pytest.param(daphne_send(lacks=name), id=f"Daphne without {name}")
            for name in ("STATE_OPEN", "_perMessageCompress", "sendCloseFrame", "send_queue", "send_state", "transport")
        ],
        pytest.param(uvicorn_send(OtherProtocol), id="another protocol"),
        pytest.param(uvicorn_send(extensions=("permessage-deflate",)), id="an extension"),
        pytest.param(uvicorn_send().__self__.receive, id="another method"),
        *[
            pytest.param(uvicorn_send(lacks=name), id=f"uvicorn without {name}")
            for name in ("close_sent", "conn", "disconnected", "writable")
        ],
    ],
)
async def test_unfamiliar_sends_are_left_alone(send: Any) -> None:
    """Whatever is not as the servers have it today gets the plain outbox, without an error."""
    assert kind_of_outbox(send) is Outbox
