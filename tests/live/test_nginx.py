"""The site behind a real nginx, as docs/deployment/nginx.conf and daphne@.service have it: TLS, unix socket, files."""

from __future__ import annotations

import ssl
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from example_project.redis_server import HOST, free_port
from tests.event_streams import EventStream
from tests.live.certificates import make_certificate
from tests.live.client import Site, Socket, shown, told
from tests.live.nginx import nginx
from tests.live.recipes import command_of_unit, render
from tests.live.servers import APPLICATION, RunningSite, Surroundings, find_program, on_unix_socket
from tests.waiting import SCALE, TIMEOUT

pytestmark = pytest.mark.live

HEARTBEAT = "--heartbeat--"
INTERVAL = 0.5 * SCALE
READ_TIMEOUT = 3 * INTERVAL


@dataclass(frozen=True)
class Proxied(Site):
    """The site behind nginx: reached by TLS, on a port of its own."""

    plain: Site = field(kw_only=True)


def settings(surroundings: Surroundings) -> dict[str, Any]:
    """Return what docs/deployment.md says a site behind a proxy sets, with sessions in the same Redis."""
    return {
        "WS4REDIS_ALLOWED_CHANNELS": "tests.live.site.hooks.allow_channels",
        "WS4REDIS_HEARTBEAT": HEARTBEAT,
        "WS4CHANNELS_HEARTBEAT_INTERVAL": INTERVAL,
        "SECURE_PROXY_SSL_HEADER": ["HTTP_X_FORWARDED_PROTO", "https"],
        "ALLOWED_HOSTS": [HOST],
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"{surroundings.redis_url}/1",
            }
        },
        "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
    }


@contextmanager
def daphne_of_unit(surroundings: Surroundings) -> Iterator[RunningSite]:
    """Run Daphne as the systemd unit starts it."""
    path = surroundings.new_path(".sock")
    words = command_of_unit(
        "daphne@.service", {"/run/example-%i/daphne.sock": path, "example.asgi:application": APPLICATION}
    )
    assert words[0] == "/srv/example/venv/bin/daphne"
    command = [sys.executable, "-m", "daphne", *words[1:]]
    with on_unix_socket(surroundings, command, path, settings(surroundings)) as site:
        yield site
        assert "Traceback" not in site.output()


@pytest.fixture(scope="module")
def backends(surroundings) -> Iterator[list[RunningSite]]:
    """Two processes, between which nginx chooses."""
    with daphne_of_unit(surroundings) as first, daphne_of_unit(surroundings) as second:
        yield [first, second]


@pytest.fixture(scope="module")
def site(surroundings, backends) -> Iterator[Proxied]:
    """The site behind nginx."""
    program = find_program("nginx", package="nginx-light")
    prefix = surroundings.new_path("-nginx")
    prefix.mkdir()
    certificate, key = make_certificate(prefix)
    port, plain_port = free_port(), free_port()
    values = {
        "listen 80;": f"listen {HOST}:{plain_port};",
        "listen 443 ssl;": f"listen {HOST}:{port} ssl;",
        "server_name example.com;": f"server_name {HOST};",
        "/etc/ssl/example.pem": certificate,
        "/etc/ssl/example.key": key,
        "/run/example-1/daphne.sock;": ";\n    server unix:".join(str(each.unix_socket) for each in backends) + ";",
        "/srv/example/static/": f"{surroundings.directory}/static/",
        "proxy_read_timeout 60s;": f"proxy_read_timeout {READ_TIMEOUT * 1000:.0f}ms;",
    }
    with nginx(surroundings, program, prefix, port, render("nginx.conf", values)):
        tls = ssl.create_default_context(cafile=certificate)
        yield Proxied(f"{HOST}:{port}", tls=tls, plain=Site(f"{HOST}:{plain_port}"))


def receive(socket: Socket) -> str | bytes:
    """Return the next message that is no heartbeat."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        message = socket.receive()
        if message != HEARTBEAT:
            return message
    raise AssertionError(f"After {TIMEOUT} s: nothing but heartbeats")


def test_page_sends_browsers_to_secure_websockets(site):
    """By X-Forwarded-Proto and Host, Django knows how the browser reaches it; by X-Forwarded-For, who that is."""
    page = shown(site.get("/"))
    assert page["uri"] == f"wss://{site.host}/ws/"
    assert page["heartbeat"] == f'"{HEARTBEAT}"'
    assert page["address"] == HOST


def test_plain_http_is_redirected(site):
    """Port 80 leads to TLS, path and query kept."""
    answer = site.plain.get("/news/?page=2")
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{HOST}/news/?page=2"


def test_client_cannot_choose_its_address(site, facility):
    """What a client writes into X-Forwarded-For itself is not believed."""
    forged = {"X-Forwarded-For": "203.0.113.9"}
    assert shown(site.get("/", headers=forged))["address"] == HOST
    with site.connect(f"whoami{facility}", "subscribe-broadcast", additional_headers=forged) as socket:
        assert told(socket)["address"] == HOST


def test_event_streams_pass_unbuffered(site, facility):
    """nginx passes each event on at once, and the Last-Event-ID of a client that comes back."""
    url = f"/ws/{facility}?subscribe-broadcast"
    with EventStream(site.host, url, tls=site.tls) as stream:
        assert stream.next_control()["recovered"] is None
        site.get(f"/publish/?facility={facility}&text=first")
        assert stream.take(1) == ["first0"]
    site.get(f"/publish/?facility={facility}&text=missed")
    with EventStream(site.host, url, {"Last-Event-ID": stream.last_id}, tls=site.tls) as again:
        assert again.next_control()["recovered"] is True
        assert again.take(1) == ["missed0"]


@pytest.mark.parametrize("path", ["/static/js/ws4redis.js", "/static/live/live.css"])
def test_nginx_serves_collected_static_files(site, backends, path):
    """Static files come from STATIC_ROOT; Daphne does not have them."""
    assert backends[0].get(path).status_code == 404
    answer = site.get(path)
    assert answer.status_code == 200
    assert answer.headers["Server"].startswith("nginx")
    assert answer.headers["Content-Type"].startswith("text/")
    assert answer.text


def test_browsers_talk_through_nginx(site, facility):
    """A page's own origin is let in; what one browser sends comes to the other."""
    with (
        site.connect(facility, "subscribe-broadcast", origin=site.origin) as receiver,
        site.connect(facility, "publish-broadcast", origin=site.origin) as sender,
    ):
        sender.send("hello")
        assert receive(receiver) == "hello"
        sender.send(b"\xff" * 70_000)
        assert receive(receiver) == b"\xff" * 70_000


def test_any_process_serves_any_client(site, live_redis, facility):
    """Two processes behind one name need no sticky sessions: each request may be answered by either."""
    cookie = site.signed_in()
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(site.connect(facility, "subscribe-user", "publish-user", additional_headers=cookie))
            for _ in range(6)
        ]
        assert len([each for each in live_redis.client_list() if int(each["sub"]) > 0]) == 2
        for number, sender in enumerate(sockets):
            sender.send(f"from window {number}")
            others = [socket for socket in sockets if socket is not sender]
            assert [receive(socket) for socket in others] == 5 * [f"from window {number}"]


def test_foreign_origin_is_refused(site, facility):
    """nginx passes on Origin and Host, port included, so the check compares what the browser wrote."""
    answer = site.refusal(facility, "subscribe-broadcast", origin="https://evil.example")
    assert answer.status_code == 403


def test_rules_see_what_the_browser_sees(site, facility):
    """Hooks get address, host, scheme and user of the browser, not those of nginx."""
    cookie = site.signed_in()
    with site.connect(f"whoami{facility}", "subscribe-broadcast", additional_headers=cookie) as socket:
        assert told(socket) == {"address": HOST, "host": site.host, "is_secure": True, "user": "mary"}


@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        ("US~CA%23General", "US~CA#General"),
        ("a%2Fb", "a/b"),
        ("a/b//c/", "a/b//c/"),
        ("what%3F", "what?"),
        ("50%25", "50%"),
        ("%C3%9F-%E6%97%A5", "ß-日"),
        ("a:b", "a:b"),
        ("a%20b", "a b"),
    ],
)
def test_facility_passes_nginx_as_it_was_quoted(site, facility, quoted, name):
    """What is quoted, doubled or trailing in the URL is the same facility behind nginx as without it."""
    with site.connect("", "subscribe-broadcast", quoted=f"{facility}{quoted}") as socket, site.pages() as pages:
        pages.get("/publish/", params={"facility": f"{facility}{name}"}).raise_for_status()
        assert receive(socket) == "0"


def test_heartbeats_keep_an_idle_socket_open(site, facility):
    """Heartbeats come at their interval, and nginx, whose patience is three of them, keeps the socket."""
    with site.connect(facility, "subscribe-broadcast") as socket:
        arrivals = []
        for _ in range(8):
            assert socket.receive() == HEARTBEAT
            arrivals.append(time.monotonic())
        assert arrivals[-1] - arrivals[0] > READ_TIMEOUT
        assert (arrivals[-1] - arrivals[0]) / 7 == pytest.approx(INTERVAL, rel=0.2)
        socket.send(HEARTBEAT)
        site.get(f"/publish/?facility={facility}").raise_for_status()
        assert receive(socket) == "0"


def test_plain_request_is_told_to_upgrade(site):
    """nginx adds no "Upgrade" where the client has none."""
    assert site.get("/ws/news").status_code == 400
