"""Frames on real Daphne and uvicorn: valid, in the right order, and left to the server where an extension is used."""

from __future__ import annotations

import json
import os
import zlib
from contextlib import ExitStack

import pytest
import redis
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from tests.outbox_site.payloads import HEADERS, MEBIBYTE, PAYLOADS, payloads_up_to
from tests.outbox_site.running import DIRECT, Running, Servers, command, numbered, publish
from tests.raw_websocket import PING, PONG, TEXT

pytestmark = pytest.mark.live

KINDS = ["daphne", "uvicorn"]
EVERY_KIND = [*KINDS, "daphne-tls", "uvicorn-tls", "daphne-unix", "uvicorn-unix"]


def raw(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


# Frames


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


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_other_client_library_understands_the_frames(servers: Servers, facility: str, kind: str) -> None:
    """The library `websockets`, which checks what it is sent, gets each message as it was published."""
    with servers.get(kind).site.connect(facility, "subscribe-broadcast") as client:
        for payload in payloads_up_to(MEBIBYTE):
            publish(facility, payload)
            assert raw(client.receive()) == payload


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


@pytest.mark.parametrize("kind", [*KINDS, "daphne-tls"])
def test_burst_reaches_fifty_sockets_in_order(servers: Servers, facility: str, kind: str) -> None:
    """Each of many sockets gets all of a burst, in order and unbroken, however frames share the segments."""
    messages = [str(number).ljust(number % 7 * 40 + 1, "x") for number in range(400)]
    with ExitStack() as stack:
        clients = [stack.enter_context(servers.get(kind).open(facility)) for _ in range(50)]
        publish(facility, *messages)
        for client in clients:
            assert [client.read_message() for _ in messages] == messages


@pytest.mark.parametrize("kind", [*KINDS, "daphne-tls"])
def test_own_and_published_messages_keep_their_order(servers: Servers, facility: str, kind: str) -> None:
    """What a site's consumer sends and what is published come in the order in which it happened, paused or not."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    with server.open_narrow(facility) as client:
        command(client, "mix", 100, 10_000)
        command(client, "mix", 100, 0)
        server.wait_until_paused(facility)
        assert [client.read_message() for _ in range(200)] == numbered(100, 10_000) + numbered(100)


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


@pytest.mark.parametrize("kind", KINDS)
def test_middleware_that_wraps_send_is_not_passed_by(servers: Servers, facility: str, kind: str) -> None:
    """With a ``send`` that is not the server's own, everything goes through it."""
    assert_all_is_delivered(servers.get(kind), f"wrapped.{facility}")


@pytest.mark.parametrize("kind", KINDS)
def test_setting_turns_it_off(servers: Servers, facility: str, kind: str) -> None:
    """With WS4CHANNELS_DIRECT_WRITES = False everything goes through ASGI's ``send``."""
    with servers.start(kind, settings={"WS4CHANNELS_DIRECT_WRITES": False}) as server:
        assert_all_is_delivered(server, facility)


@pytest.mark.parametrize("kind", KINDS)
def test_channels_session_middleware_is_seen_through(servers: Servers, facility: str, kind: str) -> None:
    """Below AuthMiddlewareStack, which leaves a websocket's events alone, frames are still ours."""
    facility = f"sessions.{facility}"
    server = servers.get(kind)
    with server.open(facility) as client:
        assert server.outboxes(facility) == [DIRECT[kind]]
        publish(facility, "message")
        assert client.read(9) == b"\x81\x07message"


@pytest.mark.parametrize("kind", KINDS)
def test_session_middleware_of_a_site_s_own_is_not_passed_by(servers: Servers, facility: str, kind: str) -> None:
    """A subclass of Channels' session wrapper with a ``send`` of its own has its say."""
    facility = f"shouting.{facility}"
    with servers.get(kind).open(facility) as client:
        publish(facility, "message")
        assert client.read_message() == "MESSAGE"


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_takes_compression_gets_everything(servers: Servers, facility: str, kind: str) -> None:
    """Where compression was negotiated, the client gets everything, compressed by Daphne, or once for all by us."""
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


DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"
LONG = "All work and no play makes Jack a dull boy. " * 200


def test_small_messages_are_not_compressed(servers: Servers, facility: str) -> None:
    """What fits into one packet goes out on uvicorn as to a client that takes no compression."""
    with servers.get("uvicorn").open(facility, headers=(DEFLATE,)) as client:
        publish(facility, "x" * 1000)
        assert client.read(4 + 1000) == b"\x81\x7e\x03\xe8" + b"x" * 1000


def test_long_messages_are_compressed_once(servers: Servers, facility: str) -> None:
    """On uvicorn all clients that take compression get the same bytes, which refer to no message before them."""
    server = servers.get("uvicorn")
    with ExitStack() as stack:
        clients = [stack.enter_context(server.open(facility, headers=(DEFLATE,))) for _ in range(3)]
        assert server.outboxes(facility) == ["UvicornOutbox"] * 3
        for _ in range(2):
            publish(facility, LONG)
            for client in clients:
                first, length = client.read(2)
                assert first == 0xC1
                data = client.read(length if length < 126 else int.from_bytes(client.read(2), "big"))
                assert len(data) < len(LONG) / 10
                assert zlib.decompress(data + b"\x00\x00\xff\xff\x03\x00", wbits=-12).decode() == LONG


def test_messages_that_cannot_be_compressed_are_not(servers: Servers, facility: str) -> None:
    """On uvicorn a message that would grow goes out as it is."""
    payload = b"\xff" + os.urandom(3000)
    with servers.get("uvicorn").open(facility, headers=(DEFLATE,)) as client:
        publish(facility, payload)
        assert client.read_frame().payload == payload


def test_client_with_a_small_window_gets_uncompressed_frames(servers: Servers, facility: str) -> None:
    """What was compressed with a window of 4 KiB is not sent to a client that has room for less."""
    header = f"{DEFLATE}; server_max_window_bits=9"
    with servers.get("uvicorn").open(facility, headers=(header,)) as client:
        publish(facility, LONG)
        assert client.read_message() == LONG


@pytest.mark.parametrize("size", [100, 3000, 10_000])
@pytest.mark.parametrize("window", [None, 9, 12])
def test_compressed_messages_of_server_and_ours_mix(
    servers: Servers, facility: str, window: int | None, size: int
) -> None:
    """Whatever compressed the message before, uvicorn or this package, the client understands the next one."""
    facility = f"commanded.{facility}"
    offer = ClientPerMessageDeflateFactory(server_max_window_bits=window)
    server = servers.get("uvicorn")
    with server.site.connect(facility, "subscribe-broadcast", extensions=[offer]) as client:
        assert server.outboxes(facility) == ["UvicornOutbox"]
        client.send(json.dumps(["alternate", 90, size]))
        texts = [json.dumps([number, "abcdefghij" * 1000])[:size].ljust(size) for number in range(90)]
        assert sorted(client.receive_many(90)) == sorted(texts)


@pytest.mark.parametrize("way", ["direct", "wrapped"])
def test_message_larger_than_daphne_takes(servers: Servers, facility: str, way: str) -> None:
    """What autobahn refuses to send ends the socket instead of leaving it open without messages; ours is sent."""
    facility = f"{way}.{facility}"
    with servers.get("daphne").open(facility) as client:
        publish(facility, "before", "x" * (MEBIBYTE + 1), "after")
        assert client.read_message() == "before"
        if way == "direct":
            assert client.read_message() == "x" * (MEBIBYTE + 1)
            assert client.read_message() == "after"
        else:
            assert client.read_frame().close_code == 4011
