"""How sockets end on Daphne and uvicorn, and what clients that do not read cost."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psutil
import pytest

from example_project.redis_server import HOST
from tests.live.servers import Surroundings
from tests.outbox_site.payloads import MEBIBYTE
from tests.outbox_site.running import DIRECT, Running, Servers, command, numbered, publish, servers_of_module
from tests.raw_websocket import RawWebsocket
from tests.silence import refusing_port
from tests.waiting import SCALE, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

KINDS = ["daphne", "uvicorn"]
TLS_TOO = [*KINDS, "daphne-tls", "uvicorn-tls"]
WAYS = ["direct", "wrapped"]
PROMPTLY = 5 * SCALE
"""Seconds; a Daphne gives up on a consumer that does not end after ten, and service managers on a server."""


# They tell refused clients why, and wait half a second for close frames.
strict_servers = servers_of_module(
    WS4CHANNELS_MAX_MESSAGE_SIZE=1000,
    WS4CHANNELS_CLOSE_CODE_ON_REFUSAL=True,
    WS4REDIS_ALLOWED_CHANNELS="tests.live.site.hooks.allow_channels",
    WS4CHANNELS_CLOSE_TIMEOUT=2.0 * SCALE,
)


# How sockets end


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_sent_after_a_close(servers: Servers, facility: str, kind: str, way: str) -> None:
    """A close comes after all that was sent before it, and is the last that comes."""
    facility = f"commanded.{facility}" if way == "direct" else f"wrapped-commanded.{facility}"
    with servers.get(kind).open(facility) as client:
        command(client, "burst", 30, 10)
        command(client, "close", 4001, "é" * 70)
        messages, frame = client.read_until_closed()
        publish(facility, "after the close")
        client.send_close(4001)
        assert messages == numbered(30, 10)
        assert frame.close_code == 4001
        # As much of the reason as a frame holds; Daphne's `send` takes none.
        assert frame.payload[2:].decode() == ("" if (kind, way) == ("daphne", "wrapped") else "é" * 61)
        assert client.read_to_end() == b""


@contextmanager
def stalled(server: Running, facility: str, *, how: str = "burst") -> Iterator[RawWebsocket]:
    """Open a websocket for which messages wait, because it does not read; check that nothing of it is left."""
    with server.open_narrow(facility) as client:
        command(client, how, 100 if how == "burst" else 500, 10_000)
        server.wait_until_paused(facility)
        yield client
        begin = time.monotonic()
    server.wait_for(facility, "the consumer ends", has_ended=True, outboxes=[])
    assert time.monotonic() - begin < PROMPTLY


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_sent_after_the_answer_to_a_close(servers: Servers, facility: str, kind: str) -> None:
    """A client that closes while much is on its way gets whole messages up to the close frame, and nothing more."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    with stalled(server, facility) as client:
        client.send_close()
        # In order, on the same connection to Redis: when the other has it, the first one's outbox has had it too.
        with server.open(facility) as other:
            publish(facility, "after the close")
            assert other.read_message() == "after the close"
        messages, frame = client.read_until_closed()
        assert frame.close_code == 1000
        assert messages == numbered(100, 10_000)[: len(messages)]
        assert client.read_to_end() == b""


@pytest.mark.parametrize("kind", TLS_TOO)
def test_close_of_the_server_waits_for_a_client_that_pauses(servers: Servers, facility: str, kind: str) -> None:
    """A close while the client pauses arrives when the client goes on, after all else."""
    with stalled(servers.get(kind), f"commanded.{facility}") as client:
        command(client, "close", 4002, "")
        messages, frame = client.read_until_closed()
        client.send_close(4002)
        assert messages == numbered(100, 10_000)
        assert frame.close_code == 4002
        assert client.read_to_end() == b""


@pytest.mark.parametrize("how", ["burst", "send"])
@pytest.mark.parametrize("kind", TLS_TOO)
def test_client_that_vanishes_while_paused_leaves_nothing_behind(
    servers: Servers, facility: str, kind: str, how: str
) -> None:
    """When a client is lost that did not read, its consumer, even one that waits for room, ends at once."""
    with stalled(servers.get(kind), f"commanded.{facility}", how=how) as client:
        client.reset()


@pytest.mark.parametrize("how", ["burst", "send"])
@pytest.mark.parametrize("kind", TLS_TOO)
def test_client_that_closes_while_paused_leaves_nothing_behind(
    servers: Servers, facility: str, kind: str, how: str
) -> None:
    """When a client closes that did not read, nothing follows the answer; its consumer, even one that waits, ends."""
    with stalled(servers.get(kind), f"commanded.{facility}", how=how) as client:
        client.send_close()
        client.read_until_closed()
        assert client.read_to_end() == b""


@pytest.mark.parametrize("kind", TLS_TOO)
def test_sockets_leave_nothing_behind(servers: Servers, facility: str, kind: str) -> None:
    """After many sockets, each gone in its own way, no outbox and no producer is left in the server."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    with ExitStack() as stack:
        clients = [stack.enter_context(server.open(facility)) for _ in range(30)]
        server.wait_for(facility, "all have come", outboxes=[DIRECT[kind.partition("-")[0]]] * 30)
        for number, client in enumerate(clients):
            if number % 3 == 0:
                client.reset()
            elif number % 3 == 1:
                client.send_close()
            else:
                command(client, "close", 4001, "")
                client.send_close()
    server.wait_for(facility, "all have gone", outboxes=[], all_outboxes=0, producers=[])


@pytest.mark.parametrize("kind", ["daphne", "daphne-tls"])
def test_consumer_that_ended_is_no_producer_any_more(servers: Servers, facility: str, kind: str) -> None:
    """On Daphne, a consumer that failed lets go of the transport, also while its client does not answer the close."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    with server.open(facility) as client:
        server.wait_for(facility, "only this client is there", producers=["DaphneOutbox"])
        command(client, "fail")
        assert client.read_frame().close_code == 1011
        server.wait_for(facility, "the transport has no producer", producers=[])


@pytest.mark.parametrize("kind", TLS_TOO)
def test_server_ends_promptly_while_a_client_pauses(servers: Servers, facility: str, kind: str) -> None:
    """SIGTERM ends a server one of whose clients does not read, and tells the one that does why."""
    options = [] if kind.startswith("daphne") else ["--timeout-graceful-shutdown", "2"]
    commanded = f"commanded.{facility}"
    with (
        servers.start(kind, *options) as server,
        server.open_narrow(commanded) as paused,
        server.open(facility) as other,
    ):
        command(paused, "burst", 100, 10_000)
        server.wait_until_paused(commanded)
        begin = time.monotonic()
        server.process.signal(signal.SIGTERM)
        assert other.read_frame().close_code == 1012
        other.send_close(1012)
        server.process.wait()
        assert time.monotonic() - begin < PROMPTLY
        assert "Traceback" not in server.process.output()


# Close codes


def expected_code(kind: str, way: str, code: int) -> int:
    """Return what reaches the client: through its ``send``, Daphne lets applications choose private codes only."""
    return code + 3000 if (kind, way) == ("daphne", "wrapped") else code


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_too_large_message_means_1009(strict_servers: Servers, facility: str, kind: str, way: str) -> None:
    """A client is told that its message was too large."""
    facility = f"{way}.{facility}"
    with strict_servers.get(kind).open(facility, "publish-broadcast", "subscribe-broadcast") as client:
        publish(facility, "before")
        assert client.read_message() == "before"
        client.send("x" * 1001)
        assert client.read_frame().close_code == expected_code(kind, way, 1009)
        client.send_close(1009)
        assert client.read_to_end() == b""


@pytest.mark.parametrize("kind", ["daphne", "daphne-tls"])
def test_message_too_large_for_daphne_means_1009(servers: Servers, facility: str, kind: str) -> None:
    """A client whose message Daphne itself refuses is told as well."""
    with servers.get(kind).open(facility, "publish-broadcast") as client:
        # The header of a frame of two megabytes, none of which is sent.
        client.connection.sendall(b"\x81\xff" + (2 * MEBIBYTE).to_bytes(8, "big") + bytes(4))
        assert client.read_frame().close_code == 1009


@pytest.mark.parametrize("kind", KINDS)
def test_too_large_message_while_paused_means_1009(strict_servers: Servers, facility: str, kind: str) -> None:
    """A client that does not read, and sends too much, is told so when it reads on."""
    facility = f"commanded.{facility}"
    server = strict_servers.get(kind)
    with server.open_narrow(facility) as client:
        command(client, "burst", 100, 10_000)
        client.send("x" * 1001)
        server.wait_until_paused(facility)
        messages, frame = client.read_until_closed()
        assert messages == numbered(100, 10_000)
        assert frame.close_code == 1009


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", KINDS)
def test_refusal_means_4403(strict_servers: Servers, facility: str, kind: str, way: str) -> None:
    """A refused client is told so, where the site wants it."""
    word = {"direct": "forbidden", "wrapped": "forbidden-wrapped"}[way]
    with strict_servers.get(kind).open(f"{word}.{facility}") as client:
        assert client.read_frame().close_code == 4403


@pytest.mark.parametrize("kind", KINDS)
def test_redis_that_does_not_answer_means_1013(servers: Servers, facility: str, kind: str) -> None:
    """A client that cannot be served is told to come later."""
    with refusing_port() as port:
        surroundings = Surroundings(f"redis://{HOST}:{port}", servers.surroundings.directory / facility)
        surroundings.directory.mkdir()
        with Servers(surroundings) as others:
            for way in WAYS:
                with others.get(kind).open(f"{way}.{facility}") as client:
                    assert client.read_frame().close_code == expected_code(kind, way, 1013)


# Clients that do not read


def publish_until_dropped(server: Running, facility: str, reader: RawWebsocket) -> list[str]:
    """Publish until the server gives up on a slow client, while `reader` reads along; return what was published.

    Never faster than `reader`: Redis itself hangs up on a subscriber that is 32 MB behind.
    """
    before = server.count("slow_clients_closed")
    published: list[str] = []
    while server.count("slow_clients_closed") == before:
        assert len(published) < 200, "The server does not give up on a client that reads nothing."
        published.append(str(len(published)).ljust(400_000))
        publish(facility, published[-1])
        assert reader.read_message() == published[-1]
    return published


@pytest.mark.parametrize("kind", TLS_TOO)
def test_client_that_does_not_read_is_closed_with_4008(servers: Servers, facility: str, kind: str) -> None:
    """It is closed when too much waits, which is logged and counted, and told so when it reads on."""
    server = servers.get(kind)
    before = server.count("messages_dropped")
    with server.open(facility, receive_buffer=4096) as stalled, server.open(facility) as reader:
        published = publish_until_dropped(server, facility, reader)
        messages, frame = stalled.read_until_closed()
        stalled.send_close(4008)
        assert frame.close_code == 4008
        assert messages == published[: len(messages)]
        assert stalled.read_to_end() == b""
        dropped = server.count("messages_dropped") - before
        assert dropped == len(published) - len(messages)
        assert f"did not keep up; {dropped} messages were dropped." in server.process.output()
        publish(facility, "still there")
        assert reader.read_message() == "still there"
    server.wait_for(facility, "both have gone", outboxes=[])


def test_client_that_does_not_read_is_closed_with_4008_through_send_too(servers: Servers, facility: str) -> None:
    """On uvicorn, whose ``send`` waits for the client, that holds behind middleware as well."""
    facility = f"wrapped.{facility}"
    server = servers.get("uvicorn")
    with server.open(facility, receive_buffer=4096) as stalled, server.open(facility) as reader:
        published = publish_until_dropped(server, facility, reader)
        messages, frame = stalled.read_until_closed()
        assert frame.close_code == 4008
        assert messages == published[: len(messages)]


@pytest.mark.parametrize("kind", TLS_TOO)
def test_client_that_never_reads_on_is_dropped(strict_servers: Servers, facility: str, kind: str) -> None:
    """After its time for the closing, the server hangs up and keeps nothing of it."""
    server = strict_servers.get(kind)
    with server.open(facility, receive_buffer=4096), server.open(facility) as reader:
        publish_until_dropped(server, facility, reader)
        server.wait_for(facility, "only the other is left", outboxes=[DIRECT[kind.partition("-")[0]]])
        wait_until(lambda: connections(server) == 1, "the server hangs up")
        publish(facility, "still there")
        assert reader.read_message() == "still there"


def connections(server: Running) -> int:
    """Return how many TCP connections of clients a server has that both sides keep open."""
    port = int(server.site.host.rpartition(":")[2])
    return sum(each.status == psutil.CONN_ESTABLISHED and each.laddr.port == port for each in server.connections())


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_does_not_read_does_not_grow_the_server(servers: Servers, facility: str, kind: str) -> None:
    """Forty megabytes published at it cost less than 16 MiB; another client gets all of them."""
    with (
        servers.start(kind) as server,
        server.open(facility, receive_buffer=4096),
        server.open(facility) as reader,
    ):
        assert server.process.process is not None
        process = psutil.Process(server.process.process.pid)
        sizes = []
        for number in range(40):
            publish(facility, f"{number} ".encode() + b"x" * MEBIBYTE)
            assert reader.read_frame().payload.startswith(b"%d x" % number)
            sizes.append(process.memory_info().rss)
        assert server.count("slow_clients_closed") == 1
        assert max(sizes) - sizes[0] < 16 * MEBIBYTE


@pytest.mark.parametrize("kind", TLS_TOO)
def test_client_that_goes_on_in_time_loses_nothing(servers: Servers, facility: str, kind: str) -> None:
    """One that pauses, and goes on before the bound is reached, gets everything in order, and once more."""
    facility = f"commanded.{facility}"
    server = servers.get(kind)
    with server.open_narrow(facility) as client:
        for _ in range(2):
            command(client, "burst", 12, 100_000)
            server.wait_until_paused(facility)
            assert [client.read_message() for _ in range(12)] == numbered(12, 100_000)
