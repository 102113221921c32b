"""Every close has a deadline: a client that does not read is cut off, whatever waits for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.hostile.floods import FLOODS
from tests.outbox_site.running import Running, Servers, command, publish, servers_of_module
from tests.raw_websocket import RawWebsocket
from tests.waiting import SCALE, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

COMPRESSED = ("Sec-WebSocket-Extensions: permessage-deflate",)
KINDS = ["daphne", "daphne-tls", "uvicorn", "uvicorn-tls"]

# Half a second for close frames to be read.
servers = servers_of_module(WS4CHANNELS_CLOSE_TIMEOUT=2.0 * SCALE, WS4CHANNELS_MAX_MESSAGE_SIZE=1000)


@pytest.fixture
def facility(facility: str) -> str:
    """A facility that no other test uses, whose consumer does what its clients want."""
    return f"commanded.{facility}"


@contextmanager
def stalled(server: Running, facility: str) -> Iterator[RawWebsocket]:
    """Open a websocket for which messages wait, because it does not read."""
    with server.open_narrow(facility) as client:
        command(client, "burst", 300, 10_000)
        server.wait_until_paused(facility)
        yield client


def close(client: RawWebsocket, how: str) -> None:
    """Bring about that the websocket is closed."""
    if how == "1008":
        # Many more than the limit: a slow server may take a hundred of them a second for ever.
        client.connection.sendall(FLOODS["one-byte-messages"][1] * 10_000)
    elif how == "1009":
        client.send("x" * 1001)
    elif how == "client":
        client.send_close()
    else:
        command(client, "close", 4001, "")


def is_cut_off(server: Running, client: RawWebsocket) -> bool:
    """Tell whether the server process has no connection to a client any more."""
    port = client.connection.getsockname()[1]
    return not any(each.raddr and each.raddr.port == port for each in server.connections())


def assert_is_cut_off(server: Running, facility: str, client: RawWebsocket) -> None:
    """Check that a server hangs up, and that the consumer ends."""
    wait_until(lambda: is_cut_off(server, client), "the server hangs up")
    server.wait_for(facility, "its consumer ends", has_ended=True, outboxes=[])


@pytest.mark.parametrize("how", ["1008", "1009", "consumer", "client"])
@pytest.mark.parametrize("kind", KINDS)
def test_client_that_reads_nothing_is_cut_off(servers: Servers, facility: str, kind: str, how: str) -> None:
    """A close behind messages that are not read ends the connection all the same, and the consumer."""
    server = servers.get(kind)
    with stalled(server, facility) as client:
        close(client, how)
        assert_is_cut_off(server, facility, client)


@pytest.mark.parametrize("kind", ["daphne", "daphne-tls"])
def test_deadline_does_nothing_once_the_client_is_gone(servers: Servers, facility: str, kind: str) -> None:
    """A client that hangs up before its deadline leaves no traceback when that passes."""
    server = servers.get(kind)
    for number in range(2):
        with stalled(server, f"{facility}-{number}") as client:
            close(client, "consumer")
            server.wait_for(f"{facility}-{number}", "the server begins to close it", closing=1)
    with stalled(server, facility) as client:
        close(client, "consumer")
        wait_until(lambda: is_cut_off(server, client), "the deadline of a later client has passed")
    assert "Traceback" not in server.process.output()


@pytest.mark.parametrize("how", ["1008", "1009", "consumer"])
def test_client_of_a_compressed_websocket_that_reads_nothing_is_cut_off(
    servers: Servers, facility: str, how: str
) -> None:
    """With compression on uvicorn that holds as well."""
    server = servers.get("uvicorn")
    with server.open(facility, headers=COMPRESSED, receive_buffer=4096) as client:
        assert server.outboxes(facility) == ["UvicornOutbox"]
        command(client, "narrow", 4096)
        publish(facility, *(os.urandom(10_000) for _ in range(300)))
        server.wait_until_paused(facility)
        close(client, how)
        assert_is_cut_off(server, facility, client)


@pytest.mark.parametrize("how", ["1009", "consumer"])
def test_consumer_behind_middleware_ends_without_its_client(servers: Servers, facility: str, how: str) -> None:
    """Through a ``send`` that is not the server's, ASGI has no way to hang up; but the consumer ends."""
    facility = f"wrapped-{facility}"
    server = servers.get("uvicorn")
    with stalled(server, facility) as client:
        close(client, how)
        server.wait_for(facility, "its consumer ends", outboxes=[])
