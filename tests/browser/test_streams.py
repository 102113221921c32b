"""Chromium's own EventSource on the example site, and HTMX, which uses it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.example.site import Site, manage
from tests.waiting import wait_until

from .conftest import OpenWindow, skip_without_chromium

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live]

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
