"""A real Chromium on the example site, which runs behind a real Daphne and on a real Redis."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from example_project.redis_server import RedisServer
from tests.example.site import ROOT, Site
from tests.waiting import SCALE

ARTIFACTS = ROOT / ".test-artifacts"
PATIENCE = 15_000 * SCALE
"""Milliseconds, for all that Playwright waits for."""
EXECUTABLES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing but the pages under test may use the network.
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
MISSING = (
    "NO CHROMIUM: the browser tests did not run. Install it (`apt install chromium`, `brew install --cask chromium`), "
    "or name the program in the environment variable CHROMIUM."
)

VIOLATION = "Content Security Policy"
"""A part of what Chromium writes to the console when a page violates its policy."""

OpenWindow = Callable[..., Page]


def find_chromium() -> str | None:
    """Return the path of the Chromium to drive, None when there is none."""
    names = [os.environ["CHROMIUM"]] if os.environ.get("CHROMIUM") else EXECUTABLES
    return next(filter(None, map(shutil.which, names)), None)


def skip_without_chromium() -> None:
    """Skip the module that calls this at its top, with one line, unless there is a Chromium or CI=1 promises one."""
    if find_chromium() is None and os.environ.get("CI") != "1":
        pytest.skip(MISSING, allow_module_level=True)


# Playwright runs an event loop in the main thread for as long as it lives. So it lives for one module of sync tests:
# a loop that outlived it would be in the way of other modules' async tests.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    executable = find_chromium()
    if executable is None:
        pytest.fail(MISSING)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        expect.set_options(timeout=PATIENCE)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def site_redis() -> Iterator[RedisServer]:
    """The Redis of the example site."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="module")
def running_site(site_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), site_redis.url, settings="tests.browser.settings")
    site.prepare()
    site.start()
    yield site
    site.stop()


@pytest.fixture
def site(running_site: Site, site_redis: RedisServer) -> Site:
    """The example site, running, without messages of earlier tests."""
    if running_site.process.poll() is not None:  # a test that failed had killed it
        running_site.start()
    with site_redis.client() as client:
        client.flushall()
    return running_site


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Errors that the browser reported; any that is left after the test fails it."""
    complaints: list[str] = []
    yield complaints
    assert complaints == []


@pytest.fixture
def open_window(browser: Browser, site: Site, complaints: list[str]) -> Iterator[OpenWindow]:
    """Open a page of the site in a window of its own, with its own cookies; sign in first if a username is given."""
    contexts = []

    def note_violation(message: ConsoleMessage) -> None:
        if VIOLATION in message.text:
            complaints.append(message.text)

    def open_window(path: str = "/", username: str | None = None, **context_options: Any) -> Page:
        context = browser.new_context(base_url=site.url, **context_options)
        contexts.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", note_violation)
        if username is None:
            page.goto(path)
        else:
            sign_in(page, username, path)
        return page

    yield open_window
    for context in contexts:
        context.close()


def sign_in(page: Page, username: str, path: str) -> None:
    """Fill in the sign-in page, and go on to the page at `path`."""
    page.goto(f"/login/?next={path}")
    page.get_by_label("User name").fill(username)
    page.get_by_label("Password").fill("secret")
    page.locator(".card button").click()
    page.wait_for_url(f"**{path}")


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """The directory for screenshots."""
    ARTIFACTS.mkdir(exist_ok=True)
    return ARTIFACTS
