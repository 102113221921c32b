"""Chromium's own EventSource on the example site."""

from __future__ import annotations

import pytest

from tests.example.site import Site, manage
from tests.waiting import wait_until

from .conftest import OpenWindow, skip_without_chromium

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live]

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
