"""Event streams over Daphne and uvicorn, as browsers, proxies and other clients read them."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.event_streams import Event, EventStream
from tests.live.servers import RunningSite, daphne, find_program, uvicorn
from tests.waiting import TIMEOUT

pytestmark = pytest.mark.live

SERVERS = {"daphne": daphne, "uvicorn": uvicorn}
ORIGIN = "https://app.example.com"
LARGEST = 1000
SETTINGS = {
    "WS4CHANNELS_HEARTBEAT_INTERVAL": 0.2,
    "WS4CHANNELS_ALLOWED_ORIGINS": [ORIGIN],
    "WS4CHANNELS_MAX_MESSAGE_SIZE": LARGEST,
}
SECRET = "s" * 32
CSRF = {"Cookie": f"csrftoken={SECRET}", "X-CSRFToken": SECRET}


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind one of the servers."""
    with SERVERS[request.param](surroundings, settings=SETTINGS) as site:
        yield site
        for complaint in ("never retrieved", "never awaited", "Task was destroyed", "Traceback"):
            assert complaint not in site.output()


def publish(site: RunningSite, facility: str, text: str, count: int = 1) -> list[str]:
    """Have the server publish messages; return them."""
    parameters = {"facility": facility, "text": text, "count": str(count)}
    assert site.get("/publish/", params=parameters).status_code == 200
    return [f"{text}{number}" for number in range(count)]


def test_stream_begins_with_what_is_kept_and_goes_on(site, facility):
    """The first event tells about the stream; then come the kept message and what is published."""
    publish(site, facility, "kept")
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast") as stream:
        assert stream.response.status == 200
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["Cache-Control"] == "no-store"
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        assert stream.next_control() == {"recovered": None, "dropped": {}}
        assert 1000 <= stream.retry <= 3000
        assert stream.take(1) == ["kept0"]
        later = publish(site, facility, "later", 3)
        assert stream.take(3) == later


def test_client_that_comes_back_gets_what_it_missed(site, facility):
    """The browser's own Last-Event-ID resumes: each message once, over all keys of the stream."""
    url = f"/ws/{facility}?subscribe-broadcast"
    with EventStream(site.host, url) as stream:
        stream.next()
        position = stream.last_id
        publish(site, facility, "first")
        assert stream.take(1) == ["first0"]
        assert stream.last_id != position
    missed = publish(site, facility, "missed")
    with EventStream(site.host, url, {"Last-Event-ID": stream.last_id}) as again:
        assert again.next_control()["recovered"] is True
        assert again.take(1) == missed
        publish(site, facility, "then")
        assert again.take(1) == ["then0"]
    with EventStream(site.host, f"{url}&resume={again.last_id}") as third:
        assert third.next_control()["recovered"] is True
        publish(site, facility, "last")
        assert third.take(1) == ["last0"]


def test_client_is_told_that_something_is_missing(site, facility):
    """A position that means nothing is answered with the newest message, and the client is told."""
    publish(site, facility, "newest")
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast", {"Last-Event-ID": "nonsense"}) as stream:
        assert stream.next_control()["recovered"] is False
        assert stream.take(1) == ["newest0"]


def test_lines_come_back_as_they_were(site, facility):
    """Each line of a message has its own field; CR and CR LF become LF, as the standard has it."""
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast") as stream:
        stream.next()
        publish(site, facility, "a\r\n\n b\rü: ")
        assert stream.take(1) == ["a\n\n b\nü: 0"]


def test_binary_messages_are_base64(site, facility):
    """What a client asked to have as bytes comes as an event of its own type."""
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast&binary") as stream:
        stream.next()
        publish(site, facility, "x")
        assert stream.next() == Event("binary", "eDA=")


def test_heartbeats_are_comments(site, facility):
    """A quiet stream is kept alive by what clients ignore."""
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast") as stream:
        stream.next()
        while stream.comments < 2:
            assert stream.response.readline() in (b":\n", b"\n")
            stream.comments += 1


@pytest.mark.parametrize("accept", ["text/html", "*/*", "text/event-streams"])
def test_other_requests_are_answered_with_400(site, facility, accept):
    """As in the original: what asks for no event stream asks for nothing that is here."""
    answer = site.get(f"/ws/{facility}?subscribe-broadcast", headers={"Accept": accept})
    assert answer.status_code == 400
    assert answer.text == "This address serves websockets: a websocket upgrade is needed.\n"


def test_head_is_answered_without_a_stream(site, facility):
    """HEAD gets the status and headers of GET, and ends."""
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast", method="HEAD") as stream:
        assert stream.response.status == 200
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.read() == b""


def test_allowed_origins_may_read(site, facility):
    """The Origin rule of websockets decides which pages may read a stream, with cookies."""
    url = f"/ws/{facility}?subscribe-broadcast"
    with EventStream(site.host, url, {"Origin": ORIGIN}) as stream:
        assert stream.response.status == 200
        assert stream.response.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert stream.response.headers["Access-Control-Allow-Credentials"] == "true"
        assert stream.response.headers["Vary"] == "Origin"
    with EventStream(site.host, url, {"Origin": "https://evil.example"}) as stream:
        assert stream.response.status == 403
        assert "Access-Control-Allow-Origin" not in stream.response.headers


def post(site: RunningSite, facility: str, body: bytes | list[bytes]) -> int:
    """Post a message, in chunks if it is a list; return the status."""
    connection = http.client.HTTPConnection(site.host, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request("POST", f"/ws/{facility}?publish-broadcast", body, CSRF)
        return connection.getresponse().status


def test_posts_are_published(site, facility):
    """A message that is posted reaches streams, in one piece or in chunks."""
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast") as stream:
        stream.next()
        assert post(site, facility, b"whole") == 204
        assert post(site, facility, [b"in", b" ", b"chunks"]) == 204
        assert post(site, facility, b"\xff") == 204
        assert stream.take(2) == ["whole", "in chunks"]
        assert stream.next() == Event("binary", "/w==")


@pytest.mark.parametrize("body", [b"x" * (LARGEST + 1), [b"x" * 600] * 2], ids=["whole", "chunked"])
def test_large_posts_are_answered_with_413(site, facility, body):
    """The limit of websockets holds, with a Content-Length and without."""
    assert post(site, facility, body) == 413
    assert post(site, facility, b"x" * LARGEST) == 204


@pytest.mark.parametrize(
    ("promised", "published"), [(100, []), (5, ["hello"])], ids=["more than comes", "less than comes"]
)
def test_content_length_that_lies_harms_nobody(site, facility, promised, published):
    """A body that ends early is not published, and what goes beyond Content-Length is no part of a message."""
    head = "".join(f"{name}: {value}\r\n" for name, value in {**CSRF, "Content-Length": promised}.items())
    start = f"POST /ws/{facility}?publish-broadcast HTTP/1.1\r\nHost: {site.host}\r\n{head}\r\n"
    with EventStream(site.host, f"/ws/{facility}?subscribe-broadcast") as stream:
        stream.next()
        host, _, port = site.host.partition(":")
        with socket.create_connection((host, int(port)), TIMEOUT) as client:
            client.sendall(start.encode() + b"hello and more")
            if not published:
                client.shutdown(socket.SHUT_WR)
            assert client.recv(1000).startswith(b"HTTP/1.1 204 " if published else b"")
        assert post(site, facility, b"later") == 204
        assert stream.take(len(published) + 1) == [*published, "later"]


def test_preflight_of_an_allowed_origin(site, facility):
    """A browser is told that pages of that origin may post, and nothing about others."""
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-csrftoken"}
    with EventStream(site.host, f"/ws/{facility}", asked, method="OPTIONS") as allowed:
        assert allowed.response.status == 204
        assert "x-csrftoken" in allowed.response.headers["Access-Control-Allow-Headers"]
    with EventStream(site.host, f"/ws/{facility}", {**asked, "Origin": "https://evil.example"}, "OPTIONS") as refused:
        assert refused.response.status == 403
        assert not [name for name in refused.response.headers if name.startswith("Access-Control")]


def test_curl_prints_events_as_they_come(site, facility):
    """``curl -N`` shows a message while the stream goes on."""
    curl = find_program("curl", package="curl")
    url = f"http://{site.host}/ws/{facility}?subscribe-broadcast"
    command = [curl, "-sN", "-H", "Accept: text/event-stream", url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "event: ws4channels\n"
        publish(site, facility, "hello")
        while (line := process.stdout.readline()) != "data: hello0\n":
            assert not line.startswith("data: hello")
        process.kill()


def test_http_1_0_is_served(site, facility):
    """A client of HTTP/1.0 reads the plain stream, without chunks."""
    host, port = site.host.split(":")
    with socket.create_connection((host, int(port)), TIMEOUT) as connection:
        request = f"GET /ws/{facility}?subscribe-broadcast HTTP/1.0\r\nHost: {site.host}\r\nAccept: text/event-stream"
        connection.sendall(f"{request}\r\n\r\n".encode())
        received = connection.makefile("rb")
        while (line := received.readline()) != b"\r\n":
            assert b"chunked" not in line
        assert received.readline() == b"event: ws4channels\n"
