"""The servers under test: how each is started, and where its site is then."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from example_project.redis_server import HOST, is_listening
from tests.live.client import Site
from tests.live.processes import ROOT, ServerProcess
from tests.waiting import SCALE

APPLICATION = "tests.live.site.asgi:application"
Settings = Mapping[str, Any]

# What the surroundings of the test run may have set, and what would change the servers under test.
_FOREIGN = ("PYTHONDEVMODE", "PYTHONWARNINGS", "ASGI_THREADS", "FORWARDED_ALLOW_IPS", "WEB_CONCURRENCY", "UVICORN_")
_SYSTEM_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin", "/sbin")


@dataclass(frozen=True)
class Surroundings:
    """What the servers of a test session share: a Redis, a prepared site, and a directory for sockets and logs."""

    redis_url: str
    directory: Path
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def environment(self, settings: Settings | None = None) -> dict[str, str]:
        """Return the environment of a process that runs the site with some settings changed."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        return inherited | {
            "DJANGO_SETTINGS_MODULE": "tests.live.site.settings",
            "LIVE_DIRECTORY": str(self.directory),
            "LIVE_REDIS_URL": self.redis_url,
            "LIVE_SETTINGS": json.dumps(settings or {}),
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }

    def new_path(self, suffix: str) -> Path:
        """Return a path that nobody uses, short enough for a unix socket."""
        return self.directory / f"{next(self._numbers)}{suffix}"

    def manage(self, *arguments: str, settings: Settings | None = None) -> str:
        """Run a management command of the site to its end; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=ROOT,
            env=self.environment(settings),
            capture_output=True,
            text=True,
            timeout=60 * SCALE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@dataclass(frozen=True)
class RunningSite(Site):
    """A site together with the process that serves it."""

    process: ServerProcess = field(kw_only=True)

    def output(self) -> str:
        """Return what the server wrote so far."""
        return self.process.output()


@contextmanager
def on_port(
    surroundings: Surroundings, command: list[str], address: str, settings: Settings | None = None
) -> Iterator[RunningSite]:
    """Run a server that chooses a port itself and prints it: `address` is the expression that finds it."""
    process = ServerProcess(
        command,
        surroundings.environment(settings),
        surroundings.new_path(".log"),
        lambda output: re.search(address, output),
    )
    with process:
        found = re.search(address, process.output())
        assert found is not None
        yield RunningSite(found[1], process=process)


@contextmanager
def on_unix_socket(
    surroundings: Surroundings, command: list[str], path: Path, settings: Settings | None = None
) -> Iterator[RunningSite]:
    """Run a server that listens on a unix socket."""
    environment = surroundings.environment(settings)
    log = surroundings.new_path(".log")
    with ServerProcess(command, environment, log, lambda _: is_listening(path)) as process:
        yield RunningSite(HOST, path, process=process)


def daphne(surroundings: Surroundings, *options: str, settings: Settings | None = None) -> Any:
    """Run Daphne on a free TCP port."""
    command = [sys.executable, "-m", "daphne", "-b", HOST, "-p", "0", *options, APPLICATION]
    return on_port(surroundings, command, r"Listening on TCP address ([\d.]+:\d+)", settings)


def daphne_on_unix_socket(surroundings: Surroundings, *options: str, settings: Settings | None = None) -> Any:
    """Run Daphne on a unix socket."""
    path = surroundings.new_path(".sock")
    command = [sys.executable, "-m", "daphne", "-u", str(path), *options, APPLICATION]
    return on_unix_socket(surroundings, command, path, settings)


def uvicorn(surroundings: Surroundings, *options: str, settings: Settings | None = None) -> Any:
    """Run uvicorn on a free TCP port, with the loop that each installation has."""
    command = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "0", "--loop", "asyncio", *options]
    return on_port(surroundings, [*command, APPLICATION], r"Uvicorn running on http://([\d.]+:\d+)", settings)


def wsgi(surroundings: Surroundings, settings: Settings | None = None) -> Any:
    """Run the site's pages as a WSGI application."""
    command = [sys.executable, "-m", "tests.live.site.wsgi"]
    return on_port(surroundings, command, r"Listening on http://([\d.]+:\d+)", settings)


def look_for_program(name: str) -> str | None:
    """Return the path of an installed program; system programs are not on everybody's PATH."""
    search_path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_DIRECTORIES])
    return shutil.which(name, path=search_path)


def find_program(name: str, package: str) -> str:
    """Return the path of an installed program. Without it the test is skipped, and fails where CI=1."""
    path = look_for_program(name)
    if path is None:
        reason = f"{name} is not installed, so nothing tests the site behind it: apt install {package}"
        if os.environ.get("CI") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return path


Runner = Callable[..., Any]
