"""The two sides: the same site on the original under uWSGI, and on ours under Daphne, each with a Redis of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from example_project.redis_server import RedisServer, free_port
from tests.against_original.environment import ROOT

SITE = "tests.against_original.site"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 15.0
# One for each socket that a check opens at the same time.
GREENLETS = "1200"
POLL_INTERVAL = 0.05


class ServerFailed(Exception):
    """A server did not come up; the message holds the end of its log."""


@dataclass(frozen=True)
class Installation:
    """One package in one environment: how its server and its plain processes are started."""

    name: str
    package: str
    home: Path
    site_says: str = ""
    """The name by which the site imports it, where that is not the package's own."""

    @property
    def python(self) -> Path:
        """The interpreter of the environment."""
        return self.home / "bin" / "python"

    def server_command(self, port: int) -> list[str]:
        """Return the command that serves the site on `port`, as the manuals of either package have it."""
        if self.package == "ws4redis":
            return [
                *[str(self.home / "bin" / "uwsgi"), "--http-socket", f"127.0.0.1:{port}", "--http-websockets"],
                *["--gevent", GREENLETS, "--processes", "1", "--virtualenv", str(self.home), "--pythonpath", str(ROOT)],
                *["--module", f"{SITE}.wsgi", "--need-app", "--die-on-term", "--disable-logging"],
            ]
        return [str(self.python), "-m", "daphne", "-b", "127.0.0.1", "-p", str(port), f"{SITE}.asgi:application"]


def original(home: Path) -> Installation:
    """Return django-websocket-redis in the virtual environment `home`."""
    return Installation("original", "ws4redis", home)


def ours(*, compat: bool = False) -> Installation:
    """Return ws4channels in the running environment; with `compat` for a site that still says ws4redis."""
    return Installation("ours", "ws4channels", Path(sys.prefix), site_says="ws4redis" if compat else "")


class Workshop:
    """One side for the length of a run: its Redis, its database, its logs; it starts servers and scripts in them."""

    site = SITE

    def __init__(self, installation: Installation, directory: Path, redis: RedisServer) -> None:
        self.installation = installation
        self.directory = directory
        self.redis = redis

    @property
    def log(self) -> Path:
        """The file that holds what the side's servers say."""
        return self.directory / "server.log"

    def environment(self, settings: Mapping[str, Any], redis_port: int | None = None) -> dict[str, str]:
        """Return the environment of the site's processes."""
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO_"))},
            "PYTHONPATH": str(ROOT),
            "DJANGO_SETTINGS_MODULE": f"{SITE}.settings",
            "SITE_PACKAGE": self.installation.site_says or self.installation.package,
            "SITE_COMPAT": "1" if self.installation.site_says else "",
            "SITE_DATABASE": str(self.directory / "site.sqlite3"),
            "SITE_REDIS_PORT": str(redis_port or self.redis.port),
            "SITE_SETTINGS": json.dumps(settings),
        }

    def run_script(
        self, name: str, argument: Any, settings: Mapping[str, Any] | None = None, redis_port: int | None = None
    ) -> Any:
        """Run one of `site/scripts.py` in a plain process and return its answer."""
        result = subprocess.run(
            [self.installation.python, "-m", f"{self.site}.scripts", name],
            input=json.dumps(argument),
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=self.environment(settings or {}, redis_port),
            timeout=START_TIMEOUT,
            check=False,
        )
        if result.returncode:
            raise ServerFailed(f"{self.installation.name}: script {name} failed:\n{result.stderr[-3000:]}")
        return json.loads(result.stdout)

    def server_command(self, port: int) -> list[str]:
        """Return the command that serves the site on `port`."""
        return self.installation.server_command(port)

    def start(self, settings: Mapping[str, Any]) -> Server:
        """Start the server with these settings."""
        port = free_port()
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.server_command(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env=self.environment(settings),
            )
        return Server(self, port, process)


@dataclass(frozen=True)
class Server:
    """A server process of one side."""

    workshop: Workshop
    port: int
    process: subprocess.Popen[bytes]

    def wait_until_ready(self) -> None:
        """Return when the site answers; raise ServerFailed if it does not."""
        deadline = time.monotonic() + START_TIMEOUT
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.workshop.log.read_text("utf-8", "replace")[-3000:]
                raise ServerFailed(f"{self.workshop.installation.name}: the server did not come up:\n{tail}")
            time.sleep(POLL_INTERVAL)

    def stop(self) -> None:
        """End the server; without mercy when it does not listen."""
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def answers(port: int) -> bool:
    """Say whether the site answers on that port."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/ready/", timeout=5).text == "ready"
    except httpx.TransportError:
        return False
