"""Chromium, which offers compression to every server, on uvicorn, which accepts it."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Browser

from tests.browser.conftest import skip_without_chromium
from tests.outbox_site.running import Servers, servers_of_module

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live]

COLLECT = """([url, command, count]) => new Promise((resolve, reject) => {
    const messages = [], websocket = new WebSocket(url);
    websocket.onopen = () => websocket.send(command);
    websocket.onclose = event => reject(`closed with ${event.code} after ${messages.length} messages`);
    websocket.onmessage = event => {
        messages.push(event.data);
        if (messages.length === count) resolve([websocket.extensions, messages]);
    };
})"""
"""Returns the extensions of a websocket, and so many messages that it gets after a command."""


servers = servers_of_module()


@pytest.mark.parametrize("size", [100, 10_000])
def test_browser_understands_messages_compressed_by_server_and_by_us(
    browser: Browser, servers: Servers, size: int
) -> None:
    """All of a mix comes whole: by uvicorn's own ``send``, by that of the site's consumer, and published."""
    server = servers.get("uvicorn")
    facility = f"commanded.browser-{size}"
    page = browser.new_page()
    page.goto(f"{server.site.origin}/counts")
    arguments = [
        f"ws://{server.site.host}/ws/{facility}?subscribe-broadcast",
        json.dumps(["alternate", 300, size]),
        300,
    ]
    extensions, messages = page.evaluate(COLLECT, arguments)
    assert extensions.startswith("permessage-deflate")
    assert server.outboxes(facility) == ["UvicornOutbox"]
    texts = [json.dumps([number, "abcdefghij" * 1000])[:size].ljust(size) for number in range(300)]
    assert sorted(messages) == sorted(texts)
    page.close()
