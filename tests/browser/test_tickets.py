"""A page of another origin, without cookies, connects to the site with tickets."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.core.signing import b64_decode
from playwright.sync_api import Browser, Page

from example_project.redis_server import HOST, RedisServer
from tests.example.site import Site
from tests.waiting import wait_until

from .conftest import PATIENCE, skip_without_chromium
from .pages import reconnect_now
from .ticket_urls import TOKEN

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>An app</title><script src="SITE/static/js/ws4redis.js"></script></head><body></body></html>
"""


@pytest.fixture(scope="module")
def running_site(site_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site, which allows the other origin."""
    site = Site(tmp_path_factory.mktemp("site"), site_redis.url, settings="tests.browser.ticket_settings")
    site.prepare()
    site.start()
    yield site
    site.stop()


@pytest.fixture
def other_origin(site: Site) -> Iterator[int]:
    """The port of another server, whose one page has the site's script."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(PAGE.replace("SITE", site.url).encode())

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, other_origin: int) -> Iterator[Page]:
    """The page of that origin, in a window without cookies."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"http://localhost:{other_origin}/")
    yield page
    assert context.cookies() == []
    context.close()


WAYS = {
    "address": "{uri: async () => `${address}&ticket=${await fetchTicket()}`, ",
    "subprotocol": "{uri: address, protocols: async () => ['app', `ticket.${await fetchTicket()}`], ",
    "the first ticket for ever": "{uri: async () => `${address}&ticket=${first ??= await fetchTicket()}`, ",
}
CLIENT = """() => {
    window.seen = [];
    window.tickets = new Set();
    let first;
    const address = 'ws://SITE/ws/tickets?subscribe-user&subscribe-broadcast';
    const fetchTicket = async () => {
        const response = await fetch('http://SITE/ticket/?token=TOKEN');
        if (!response.ok) throw new Error(`status ${response.status}`);
        const ticket = await response.text();
        window.tickets.add(ticket);
        return ticket;
    };
    window.client = new WS4Redis(OPTIONS
        receive_message: text => window.seen.push(text),
        disconnected: event => window.seen.push(event.code),
    });
}"""


def start_client(page: Page, site: Site, way: str) -> None:
    """Start a client that presents tickets in one of the ways."""
    script = CLIENT.replace("OPTIONS", WAYS[way]).replace("TOKEN", TOKEN)
    page.evaluate(script.replace("SITE", site.url.removeprefix("http://")))


def wait_until_lapsed(page: Page) -> None:
    """Return when no ticket that the page has fetched is good any more."""
    said = [ticket.partition(".")[0] for ticket in page.evaluate("[...tickets]")]
    lapse = max(json.loads(b64_decode(each.encode()))[1] for each in said)
    wait_until(lambda: time.time() > lapse, "the tickets have not lapsed")


def cut_off(page: Page, site: Site) -> None:
    """Start the server anew, which ends its websockets, and have the client try at once when it is back."""
    site.kill()
    site.start()
    reconnect_now(page)


def keep(site_redis: RedisServer, text: str) -> None:
    """Keep what clients that connect are sent: one message for Mary, one for everybody."""
    with site_redis.client() as client:
        client.mset({"ws:user:mary:tickets": text, "ws:broadcast:tickets": "not for this ticket"})


@pytest.mark.parametrize("way", ["address", "subprotocol"])
def test_page_of_another_origin_connects_again_with_a_fresh_ticket(
    page: Page, site: Site, site_redis: RedisServer, way: str
) -> None:
    """It has neither cookies nor a valid ticket left when its connection breaks, and fetches a ticket."""
    keep(site_redis, "hello")
    start_client(page, site, way)
    page.wait_for_function("seen.includes('hello')")
    wait_until_lapsed(page)
    keep(site_redis, "welcome back")
    cut_off(page, site)
    page.wait_for_function("seen.includes('welcome back')")
    assert page.evaluate("seen.filter(each => each !== 1006)") == ["hello", "welcome back"]
    assert page.evaluate("tickets.size") >= 2


def test_page_that_keeps_its_ticket_is_told_that_it_is_refused(page: Page, site: Site, site_redis: RedisServer) -> None:
    """Its websocket stays open when the ticket lapses, and a later one is closed with 4403."""
    keep(site_redis, "hello")
    start_client(page, site, "the first ticket for ever")
    page.wait_for_function("seen.includes('hello')")
    wait_until_lapsed(page)
    assert page.evaluate("seen") == ["hello"]
    cut_off(page, site)
    page.wait_for_function("seen.includes(4403)")
    assert "PermissionDenied: The ticket has lapsed." in site.log()
