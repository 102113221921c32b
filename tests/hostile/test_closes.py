"""Every close has a deadline: a client that does not read is cut off, whatever waits for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from example_project.redis_server import RedisServer
from tests.hostile.floods import FLOODS
from tests.outbox_site.running import Running, Servers, command, numbered, publish
from tests.raw_websocket import RawWebsocket
from tests.waiting import wait_until

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("hostile")]

COMPRESSED = ("Sec-WebSocket-Extensions: permessage-deflate",)
KINDS = ["daphne", "daphne-tls", "uvicorn", "uvicorn-tls"]


class HastyServers(Servers):
    """Servers that wait a second for close frames to be read."""

    def start(self, kind: str, *options: str, **kwargs: Any) -> Any:
        """Run one of them."""
        settings = {"WS4CHANNELS_CLOSE_TIMEOUT": 1.0, "WS4CHANNELS_MAX_MESSAGE_SIZE": 1000}
        return super().start(kind, *options, **{"settings": settings, **kwargs})


@pytest.fixture(scope="module")
def servers(redis_server: RedisServer) -> Iterator[Servers]:
    """The servers of this module."""
    with HastyServers.sharing(redis_server) as servers:
        yield servers


@pytest.fixture
def facility(request: pytest.FixtureRequest) -> str:
    """A facility that no other test uses."""
    return "commanded." + "".join(each if each.isalnum() else "-" for each in request.node.name)


def close(client: RawWebsocket, how: str) -> None:
    """Bring about that the server closes the websocket."""
    if how == "1008":
        # Many more than the limit: a slow server may take a hundred of them a second for ever.
        client.connection.sendall(FLOODS["one-byte-messages"][1] * 10_000)
    elif how == "1009":
        client.send("x" * 1001)
    else:
        command(client, "close", 4001, "")


def is_cut_off(server: Running, client: RawWebsocket) -> bool:
    """Tell whether the server process has no connection to a client any more."""
    assert server.process.process is not None
    port = client.connection.getsockname()[1]
    # Process.net_connections() came with psutil 6 only.
    there = [each for each in psutil.net_connections("tcp") if each.pid == server.process.process.pid]
    return not any(each.raddr and each.raddr.port == port for each in there)


@pytest.mark.parametrize("how", ["1008", "1009", "consumer"])
@pytest.mark.parametrize("kind", KINDS)
def test_client_that_reads_nothing_is_cut_off(servers: Servers, facility: str, kind: str, how: str) -> None:
    """A close behind messages that are not read ends the connection all the same, and the consumer."""
    server = servers.get(kind)
    with server.open_narrow(facility) as client:
        command(client, "burst", 300, 10_000)
        server.wait_until_paused(facility)
        close(client, how)
        wait_until(lambda: is_cut_off(server, client), "the server hangs up")
        server.wait_for(facility, "its consumer ends", has_ended=True, outboxes=[])


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_closes_and_reads_nothing_is_cut_off(servers: Servers, facility: str, kind: str) -> None:
    """A client that begins the close itself has no more time for reading than others."""
    server = servers.get(kind)
    with server.open_narrow(facility) as client:
        command(client, "burst", 300, 10_000)
        server.wait_until_paused(facility)
        client.send_close()
        wait_until(lambda: is_cut_off(server, client), "the server hangs up")
        server.wait_for(facility, "its consumer ends", has_ended=True, outboxes=[])


@pytest.mark.parametrize("kind", ["daphne", "daphne-tls"])
def test_deadline_does_nothing_once_the_client_is_gone(servers: Servers, facility: str, kind: str) -> None:
    """A client that hangs up before its deadline leaves no traceback when that passes."""
    server = servers.get(kind)
    for _ in range(2):
        with server.open_narrow(facility) as client:
            command(client, "burst", 300, 10_000)
            server.wait_until_paused(facility)
            close(client, "consumer")
            server.wait_for(facility, "the server begins to close it", closing=1)
    with server.open_narrow(facility) as client:
        command(client, "burst", 300, 10_000)
        server.wait_until_paused(facility)
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
        wait_until(lambda: is_cut_off(server, client), "the server hangs up")
        server.wait_for(facility, "its consumer ends", has_ended=True, outboxes=[])


@pytest.mark.parametrize("how", ["1009", "consumer"])
def test_consumer_behind_middleware_ends_without_its_client(servers: Servers, facility: str, how: str) -> None:
    """Through a ``send`` that is not the server's, ASGI has no way to hang up; but the consumer ends."""
    facility = f"wrapped-{facility}"
    server = servers.get("uvicorn")
    with server.open(facility, receive_buffer=4096) as client:
        command(client, "burst", 300, 10_000)
        server.wait_until_paused(facility)
        close(client, how)
        server.wait_for(facility, "its consumer ends", outboxes=[])


@pytest.mark.parametrize("kind", KINDS)
def test_client_that_reads_on_in_time_gets_the_close(servers: Servers, facility: str, kind: str) -> None:
    """Before the deadline, all that waits and the close frame are sent."""
    server = servers.get(kind)
    with server.open_narrow(facility) as client:
        client.send(json.dumps(["burst", 100, 1000]))
        close(client, "consumer")
        messages, frame = client.read_until_closed()
        assert messages == numbered(100, 1000)
        assert frame.close_code == 4001
