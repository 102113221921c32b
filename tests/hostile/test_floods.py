"""One client sends more frames than anybody may: it is closed with 1008, and other websockets do not wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from tests.hostile.floods import ECHOES, FLOODS, Memory, flooding, slow_echo
from tests.hostile.test_garbage import CONTINUATION, frame
from tests.outbox_site.payloads import MEBIBYTE
from tests.outbox_site.running import Running, Servers, servers_of_module
from tests.raw_websocket import TEXT, RawWebsocket, connect_socket
from tests.waiting import TIMEOUT, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

KINDS = ["daphne", "daphne-tls", "uvicorn", "uvicorn-tls"]
PLAIN = ["daphne", "uvicorn"]
RATIO = 5
"""How much slower an echo may be during a flood. Without a limit it is 25 to 500 times slower."""
ECHO = ("publish-broadcast", "subscribe-broadcast", "echo")
COMPRESSED = ("Sec-WebSocket-Extensions: permessage-deflate",)


# Its hook waits for `waiting…` until a test lets it go.
servers = servers_of_module(WS4REDIS_ALLOWED_CHANNELS="tests.faults.site.hooks.allow_channels")


def check_flood(server: Running, facility: str, client: RawWebsocket, name: str, *, at_once: bool) -> None:
    """Check that another client's echoes take as long as before and afterwards, and what the server grows by."""
    with server.open(f"{facility}-other", *ECHO) as other:
        idle = slow_echo(other)
        with Memory(server) as memory, flooding(client, name, at_once=at_once):
            during = slow_echo(other)
        idle = max(idle, slow_echo(other))
    assert during < RATIO * idle, f"{during * 1000:.1f} ms instead of {idle * 1000:.1f} ms"
    assert memory.grown < 2 * MEBIBYTE


@pytest.mark.parametrize("name", FLOODS)
@pytest.mark.parametrize("kind", PLAIN)
def test_flood_slows_nobody_and_is_closed_with_1008(servers: Servers, facility: str, kind: str, name: str) -> None:
    """A client that sends small frames without end is closed; others are served as before; nothing piles up."""
    server = servers.get(kind)
    with server.open(facility, "publish-broadcast") as client:
        check_flood(server, facility, client, name, at_once=False)
        assert client.read_until_closed()[1].close_code == 1008
    server.wait_for(facility, "its consumer ends", outboxes=[])


@pytest.mark.parametrize("kind", KINDS)
def test_burst_slows_nobody_and_is_closed_with_1008(servers: Servers, facility: str, kind: str) -> None:
    """So is one that sends 200,000 messages in one go, with TLS as well."""
    server = servers.get(kind)
    with server.open(facility, "publish-broadcast") as client:
        check_flood(server, facility, client, "one-byte-messages", at_once=True)
        assert client.read_until_closed()[1].close_code == 1008


@pytest.mark.parametrize("name", ["one-byte-messages", "pings"])
def test_flood_over_a_compressed_websocket_is_closed_with_1008(servers: Servers, facility: str, name: str) -> None:
    """On uvicorn a websocket with compression is bounded as well."""
    server = servers.get("uvicorn")
    with server.open(facility, "publish-broadcast", headers=COMPRESSED) as client:
        assert server.outboxes(facility) == ["UvicornOutbox"]
        check_flood(server, facility, client, name, at_once=False)
        assert client.read_until_closed()[1].close_code == 1008


@pytest.mark.parametrize("name", ["one-byte-messages", "pings"])
@pytest.mark.parametrize("kind", PLAIN)
def test_flood_during_the_handshake_slows_nobody(
    servers: Servers, facility: str, redis_client: redis.Redis, kind: str, name: str
) -> None:
    """What comes before the websocket is accepted is held up to a bound; afterwards the client is closed."""
    server = servers.get(kind)
    facility = f"waiting-{facility}"
    host = server.site.host
    with (
        server.open(facility.removeprefix("waiting-"), *ECHO) as other,
        ThreadPoolExecutor() as executor,
        RawWebsocket(connect_socket(host)) as client,
    ):
        idle = slow_echo(other)
        opening = executor.submit(client.open, host, f"/ws/{facility}?publish-broadcast")
        wait_until(lambda: redis_client.llen(f"began:{facility}"), "the hook begins")
        with Memory(server) as memory, flooding(client, name, at_once=False):
            # Daphne gives a handshake five seconds.
            during = slow_echo(other, ECHOES // 2)
            redis_client.rpush(f"go:{facility}", 1)
            during = max(during, slow_echo(other, ECHOES // 2))
        opening.result(TIMEOUT)
        idle = max(idle, slow_echo(other))
        assert during < RATIO * idle, f"{during * 1000:.1f} ms instead of {idle * 1000:.1f} ms"
        assert memory.grown < 2 * MEBIBYTE
        assert client.read_until_closed()[1].close_code == 1008


@pytest.mark.parametrize("kind", PLAIN)
def test_messages_sent_during_the_handshake_are_published(
    servers: Servers, facility: str, redis_client: redis.Redis, kind: str
) -> None:
    """A client that does not wait for the answer to its handshake loses none of a few messages."""
    server = servers.get(kind)
    facility = f"waiting-{facility}"
    host = server.site.host
    with ThreadPoolExecutor() as executor, RawWebsocket(connect_socket(host)) as client:
        opening = executor.submit(client.open, host, f"/ws/{facility}?{'&'.join(ECHO)}")
        wait_until(lambda: redis_client.llen(f"began:{facility}"), "the hook begins")
        for number in range(200):
            client.send(str(number))
        redis_client.rpush(f"go:{facility}", 1)
        opening.result(TIMEOUT)
        assert [client.read_message() for _ in range(200)] == [str(number) for number in range(200)]


@pytest.mark.parametrize("kind", KINDS)
def test_burst_within_the_limit_is_published_whole(servers: Servers, facility: str, kind: str) -> None:
    """As many messages as a page may have queued while it was offline, sent in one go, are published in order."""
    numbers = [str(number) for number in range(900)]
    with servers.get(kind).open(facility, *ECHO) as client:
        client.connection.sendall(b"".join(frame(TEXT, number.encode()) for number in numbers))
        assert [client.read_message() for _ in numbers] == numbers


@pytest.mark.parametrize("kind", KINDS)
def test_messages_before_a_close_are_published(servers: Servers, facility: str, kind: str) -> None:
    """A client that sends a burst, closes and hangs up has it published whole."""
    numbers = [str(number) for number in range(900)]
    server = servers.get(kind)
    with server.open(facility) as other, server.open(facility, "publish-broadcast") as client:
        client.connection.sendall(b"".join(frame(TEXT, number.encode()) for number in numbers))
        client.send_close()
        client.connection.close()
        assert [other.read_message() for _ in numbers] == numbers


@pytest.mark.parametrize("kind", PLAIN)
def test_large_fragments_are_no_flood(servers: Servers, facility: str, kind: str) -> None:
    """Messages in thousands of fragments of a kilobyte are let through: a message's size bounds their number."""
    size = 1024
    message = frame(TEXT, b"x" * size, fin=False) + frame(CONTINUATION, b"x" * size, fin=False) * 500
    with servers.get(kind).open(facility, *ECHO) as client:
        for number in range(5):
            client.connection.sendall(message + frame(CONTINUATION, str(number).encode()))
            assert client.read_message() == "x" * size * 501 + str(number)
