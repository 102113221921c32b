"""Event streams whose clients do not read or vanish, and whose servers restart."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator

import psutil
import pytest

from tests.event_streams import EventStream
from tests.faults.sites import run_site, send
from tests.live.servers import RunningSite
from tests.waiting import TIMEOUT, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

SETTINGS = {
    "WS4CHANNELS_CLOSE_TIMEOUT": 0.5,
    "WS4CHANNELS_HISTORY": {"*": 1000},
    "WS4CHANNELS_HISTORY_BYTES": 100_000_000,
    "WS4CHANNELS_OUTBOX_BYTES": 1_000_000,
    "WS4CHANNELS_SHUTDOWN_SPREAD": 0.5,
}


@pytest.fixture(params=["daphne", "uvicorn"])
def server(request) -> str:
    """The name of a server."""
    return request.param


@pytest.fixture
def site(server, surroundings) -> Iterator[RunningSite]:
    """The site behind it."""
    with run_site(surroundings, server, **SETTINGS) as site:
        yield site
        assert "Traceback" not in site.output()


def open_raw(site: RunningSite, facility: str) -> socket.socket:
    """Open a stream on a bare socket with a small buffer, and read its beginning."""
    host, port = site.host.split(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(TIMEOUT)
    connection.connect((host, int(port)))
    head = f"GET /ws/{facility}?subscribe-broadcast HTTP/1.1\r\nHost: {site.host}\r\nAccept: text/event-stream\r\n\r\n"
    connection.sendall(head.encode())
    assert connection.recv(16).startswith(b"HTTP/1.1 200 OK")
    return connection


def connections(site: RunningSite) -> int:
    """Return how many TCP connections the server has to its clients."""
    port = int(site.host.split(":")[1])
    established = [
        each for each in psutil.Process(site.process.process.pid).net_connections("tcp") if each.laddr.port == port
    ]
    return sum(each.status == psutil.CONN_ESTABLISHED for each in established)


def test_client_that_does_not_read_is_dropped(site, facility):
    """Its queue is bounded; others get everything, and it gets what it missed when it comes back."""
    with open_raw(site, facility), EventStream(site.host, f"/ws/{facility}?subscribe-broadcast") as reader:
        reader.next()
        last_id = reader.last_id
        texts = []
        for part in range(10):
            parameters = {"facility": facility, "text": f"{part} ", "count": "30", "size": "50000"}
            assert site.get("/publish/", params=parameters).status_code == 200
            texts += [f"{part} {number}".ljust(50_000, "x") for number in range(30)]
            assert reader.take(30) == texts[-30:]
        wait_until(lambda: "Closed an event stream whose client did not keep up" in site.output(), "it was not dropped")
        wait_until(lambda: connections(site) == 1, "its connection is still there")
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast", {"Last-Event-ID": last_id}) as again:
        assert again.next_control()["recovered"] is True
        assert again.take(300) == texts


def test_client_that_vanishes_leaves(site, facility, live_redis):
    """Its key is left when it hangs up without a word."""
    vanishing = open_raw(site, facility)
    wait_until(lambda: connections(site) == 1, "it is not connected")
    before = len(live_redis.pubsub_channels())
    vanishing.close()
    wait_until(lambda: connections(site) == 0, "its connection is still there")
    wait_until(lambda: len(live_redis.pubsub_channels()) < before, "its key is still joined")


def test_messages_come_once_over_a_restart(server, surroundings, facility):
    """A stream ends within the spread, says when to come back, and goes on at another server where it stopped."""
    url = f"/ws/{facility}?subscribe-broadcast"
    with run_site(surroundings, server, **SETTINGS) as second:
        with run_site(surroundings, server, **SETTINGS) as first, EventStream(first.host, url) as stream:
            stream.next()
            sent = send(second, facility, 50, "before ")
            got = stream.take(20)
            first.process.signal(signal.SIGTERM)
            events = list(stream.events())
            first.process.wait(TIMEOUT)
            assert events[-1] == ("ws4channels", '{"close": 1012}')
            assert stream.retry is not None
            got += [event.data for event in events[:-1]]
            assert "Traceback" not in first.output()
        sent += send(second, facility, 50, "after ")
        with EventStream(second.host, url, {"Last-Event-ID": stream.last_id}) as again:
            assert again.next_control()["recovered"] is True
            got += again.take(len(sent) - len(got))
            sent += send(second, facility, 1, "last ")
            got += again.take(1)
    assert got == sent


def test_killed_server_loses_nothing(server, surroundings, facility):
    """The last id that a client read is enough, wherever the stream broke."""
    url = f"/ws/{facility}?subscribe-broadcast"
    with run_site(surroundings, server, **SETTINGS) as second:
        with run_site(surroundings, server, **SETTINGS) as first, EventStream(first.host, url) as stream:
            stream.next()
            sent = send(second, facility, 50, "before ")
            got = stream.take(20)
            first.process.signal(signal.SIGKILL)
            first.process.wait(TIMEOUT)
        with EventStream(second.host, url, {"Last-Event-ID": stream.last_id}) as again:
            assert again.next_control()["recovered"] is True
            got += again.take(len(sent) - len(got))
    assert got == sent
