"""`manage.py runserver`: Daphne's, with autoreload."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from example_project.redis_server import HOST, free_port
from tests.live.client import shown
from tests.live.processes import ROOT, ServerProcess
from tests.live.servers import RunningSite
from tests.waiting import SCALE, TIMEOUT, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

MODULE = "reloaded_settings"


@pytest.fixture
def directory(surroundings) -> Path:
    """A directory for a module that may be changed."""
    path = surroundings.new_path("-modules")
    path.mkdir()
    return path


def write_settings(directory: Path, mark: str) -> None:
    """Write the settings module; the page shows its mark."""
    path = directory / f"{MODULE}.py"
    path.write_text(f"from tests.live.site.settings import *\n\nDEBUG = True\nMARK = {mark!r}\n", "utf-8")


@pytest.fixture
def site(surroundings, directory) -> Iterator[RunningSite]:
    """The site as a developer runs it."""
    write_settings(directory, "first")
    port = free_port()
    environment = surroundings.environment() | {
        "DJANGO_SETTINGS_MODULE": MODULE,
        "PYTHONPATH": f"{directory}:{ROOT}",
        # Two writes within the resolution of a cached module's time stamp would be one to Python.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "django", "runserver", f"{HOST}:{port}"]
    log = surroundings.new_path(".log")
    with ServerProcess(command, environment, log, lambda output: "Listening on TCP address" in output) as process:
        yield RunningSite(f"{HOST}:{port}", process=process)


def mark_of(site: RunningSite) -> str | None:
    """Return what the page shows, or None while the server restarts."""
    try:
        return shown(site.get("/"))["mark"]
    except (httpx.TransportError, OSError):
        return None


def change_until_closed(directory, socket) -> None:
    """Save the module until the server restarts: a change before the reloader's first look is none to it."""
    deadline = time.monotonic() + TIMEOUT
    while True:
        write_settings(directory, "second")
        try:
            socket.connection.recv(3)
        except ConnectionClosed:
            return
        except TimeoutError:
            if time.monotonic() > deadline:
                raise


def test_changed_module_restarts_the_server(site, directory, facility):
    """Sockets end when a developer saves a file; new ones open at once, get the kept message and go on."""
    assert "Daphne" in site.output()
    assert mark_of(site) == "first"
    with site.connect(facility, "subscribe-broadcast", "publish-broadcast") as socket:
        site.get(f"/publish/?facility={facility}&text=before ").raise_for_status()
        assert socket.receive() == "before 0"
        # The reloader compares times of files; one that is as old as it was has not changed.
        before = (directory / f"{MODULE}.py").stat().st_mtime_ns
        wait_until(lambda: time.time_ns() > before, "the clock stands still")
        change_until_closed(directory, socket)
    wait_until(lambda: mark_of(site) == "second", "the server did not restart", timeout=30 * SCALE)
    with site.connect(facility, "subscribe-broadcast", origin=site.origin) as socket:
        assert socket.receive() == "before 0"
        site.get(f"/publish/?facility={facility}&text=after ").raise_for_status()
        assert socket.receive() == "after 0"
    assert "Traceback" not in site.output()


def test_development_server_has_static_files(site):
    """The browser client is there without collectstatic or a web server."""
    answer = site.get("/static/js/ws4redis.js")
    assert answer.status_code == 200
    assert "WS4Redis" in answer.text
