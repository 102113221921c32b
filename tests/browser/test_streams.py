"""Chromium's own EventSource on the example site, HTMX, which uses it, and chats behind a proxy without websockets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, expect

from example_project.redis_server import HOST, free_port
from tests.example.site import Site, manage
from tests.live.nginx import nginx
from tests.live.servers import Surroundings, find_program
from tests.waiting import wait_until

from .conftest import OpenWindow, skip_without_chromium
from .pages import RawWebSocket, messages, reconnect_now, state, wait_until_connected, write

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

HTMX = Path(__file__).parent / "htmx"
PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>HTMX</title><script src="/htmx/htmx.min.js"></script>
<script src="/htmx/sse.min.js"></script></head>
<body hx-ext="sse" sse-connect="/ws/news?subscribe-broadcast"><div id="news" sse-swap="message"></div></body></html>
"""
OPEN = """() => {
    window.texts = [];
    window.told = [];
    window.source = new EventSource('/ws/news?subscribe-broadcast');
    source.onmessage = event => texts.push(event.data);
    source.addEventListener('ws4channels', event => told.push(JSON.parse(event.data)));
}"""


def publish(site: Site, text: str) -> None:
    """Publish from a process of its own."""
    done = manage("ws4channels_publish", "news", text, env=site.env)
    assert done.returncode == 0, done.stderr


def test_event_source_receives_and_resumes(site: Site, open_window: OpenWindow) -> None:
    """A browser gets messages, and by itself those that came while its server restarted, each once."""
    page = open_window("/")
    page.evaluate(OPEN)
    wait_until(lambda: page.evaluate("told.length === 1"), "the event did not come")
    publish(site, "one\r\nline\rmore")
    wait_until(lambda: page.evaluate("texts.length === 1"), "the event did not come")
    site.stop()
    publish(site, "missed")
    site.start()
    wait_until(lambda: page.evaluate("told.length >= 2 && texts.length === 2"), "the event did not come")
    publish(site, "last")
    wait_until(lambda: page.evaluate("texts.length === 3"), "the event did not come")
    assert page.evaluate("texts") == ["one\nline\nmore", "missed", "last"]
    assert page.evaluate("told.at(-1).recovered") is True
    page.evaluate("source.close()")


def test_htmx_swaps_what_is_published(site: Site, open_window: OpenWindow) -> None:
    """HTML that was published replaces an element's content, without a script of the site's own."""
    page = open_window("/")
    page.route("**/htmx/*.js", lambda route: route.fulfill(path=HTMX / route.request.url.rpartition("/")[2]))
    page.route("**/htmx/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    publish(site, "<b>kept</b>")
    page.goto("/htmx/")
    expect(page.locator("#news b")).to_have_text("kept")
    publish(site, "<i>one</i>\n<i>two</i>")
    expect(page.locator("#news i")).to_have_text(["one", "two"])


# nginx passes no Upgrade header on unless it is told to, and so do many proxies of companies.
BLOCKING = """
server {{
    listen {host}:{port};
    location / {{
        proxy_pass http://{host}:{target};
        proxy_set_header Host $http_host;
    }}
}}
"""


@pytest.fixture
def blocked(site: Site, tmp_path: Path) -> Iterator[str]:
    """The address of the site behind a proxy that lets no websockets through."""
    program = find_program("nginx", package="nginx-light")
    port = free_port()
    configuration = BLOCKING.format(host=HOST, port=port, target=site.port)
    with nginx(Surroundings("", tmp_path), program, tmp_path, port, configuration):
        yield f"http://{HOST}:{port}"


def test_chat_works_where_a_proxy_blocks_websockets(site: Site, open_window: OpenWindow, blocked: str) -> None:
    """Pages fall back to event streams, post what they send, see who is here, and miss nothing over a restart."""
    one, other = open_window(f"{blocked}/"), open_window(f"{blocked}/")
    with pytest.raises(Error):
        RawWebSocket(one, "/ws/broadcast-chat?subscribe-broadcast")
    wait_until_connected(one, other)
    expect(other.locator(".here")).to_have_text("2 here: 2 anonymous")
    write(one, "Is anybody there?")
    expect(messages(other)).to_have_text(["Is anybody there?"])
    write(other, "I am.")
    for page in (one, other):
        expect(messages(page)).to_have_text(["Is anybody there?", "I am."])
    site.stop()
    for page in (one, other):
        expect(state(page)).not_to_have_text("connected")
    write(one, "Still there?")
    site.start()
    reconnect_now(one, other)
    for page in (one, other):
        expect(messages(page)).to_have_text(["Is anybody there?", "I am.", "Still there?"])
    expect(one.locator(".waiting li")).to_have_count(0)


class Evil(BaseHTTPRequestHandler):
    """Serves an empty page."""

    def do_GET(self) -> None:
        """Answer any request."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def evil() -> Iterator[str]:
    """Yield the address of a page of another host. A real one: browsers let no page of the internet reach loopback."""
    with ThreadingHTTPServer(("127.0.0.2", 0), Evil) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.2:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_foreign_page_cannot_begin_a_stream_without_an_origin(open_window: OpenWindow, site: Site, evil: str) -> None:
    """Browsers send no Origin with a GET whose answer the page cannot read anyway."""
    foreign = open_window("/").context.new_page()
    foreign.goto(evil)
    with foreign.expect_response("**/ws/**") as answered:
        foreign.evaluate(
            """url => void fetch(url, {
                mode: 'no-cors', credentials: 'include', headers: {Accept: 'text/event-stream'},
            })""",
            f"{site.url}/ws/broadcast-chat?subscribe-broadcast",
        )
    assert answered.value.status == 403


def test_foreign_page_cannot_post(open_window: OpenWindow, site: Site, evil: str) -> None:
    """A page of another origin gets neither a preflight nor a message through."""
    page = open_window("/")
    foreign = page.context.new_page()
    foreign.goto(evil)
    for headers in ({}, {"X-CSRFToken": "guessed"}):
        with pytest.raises(Error, match="Failed to fetch"):
            foreign.evaluate(
                """([url, headers]) => fetch(url, {method: 'POST', body: 'evil', credentials: 'include', headers})""",
                [f"{site.url}/ws/broadcast-chat?publish-broadcast", headers],
            )
    wait_until_connected(page)
    write(page, "good")
    expect(messages(page)).to_have_text(["good"])
