"""The example site in processes of its own: behind Daphne, and as the demo command runs it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import psutil

from example_project.redis_server import HOST, free_port
from tests.waiting import SCALE, wait_until

ROOT = Path(__file__).parents[2]
# Variables that may be set where the tests run, and that would change the site under test.
FOREIGN_VARIABLES = {
    "ALLOWED_HOSTS",
    "DEBUG",
    "DEMO_DIR",
    "METRICS_TOKEN",
    "PORT",
    "PYTHONDEVMODE",
    "REDIS_URL",
    "SECRET_KEY",
    "STATIC_ROOT",
}


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a process that runs the example project."""
    inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN_VARIABLES}
    return inherited | {"DJANGO_SETTINGS_MODULE": "example_project.settings"} | variables


def manage(*arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a management command of the example project to its end."""
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60 * SCALE,
        check=False,
    )


class Site:
    """The example site behind Daphne, on a port of its own that stays the same over restarts."""

    def __init__(self, directory: Path, redis_url: str, settings: str = "example_project.settings") -> None:
        self.directory = directory
        self.env = environment(DEMO_DIR=str(directory), REDIS_URL=redis_url, DJANGO_SETTINGS_MODULE=settings)
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Create the database and the users."""
        for command in ("migrate", "loadusers"):
            done = manage(command, env=self.env)
            assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start Daphne and return when it answers."""
        with (self.directory / "daphne.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "daphne", "-b", HOST, "-p", str(self.port), "example_project.asgi:application"],
                cwd=ROOT,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers_or_ended, f"Daphne did not answer at {self.url}", timeout=30 * SCALE)
        assert self.process.poll() is None, self.log()

    def kill(self) -> None:
        """Kill Daphne: it closes no websocket."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """End Daphne as a service manager does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20 * SCALE)

    def log(self) -> str:
        """Return all that Daphne wrote so far."""
        return (self.directory / "daphne.log").read_text("utf-8", "replace")

    def _answers_or_ended(self) -> bool:
        return self.process.poll() is not None or answers(self.url)


class Demo:
    """`manage.py demo` on a free port, as a process of its own. A context manager."""

    def __init__(self, directory: Path, *arguments: str, **variables: str) -> None:
        self.directory = directory
        self.temporary = directory / "tmp"
        self.temporary.mkdir(exist_ok=True)
        self.output = directory / "demo.log"
        self.arguments = arguments or ("--port", "0")
        self.env = environment(DEMO_DIR=str(directory), TMPDIR=str(self.temporary), **variables)

    def __enter__(self) -> "Demo":
        with self.output.open("wb") as output:
            self.process = psutil.Popen(
                [sys.executable, "manage.py", "demo", *self.arguments],
                cwd=ROOT,
                env=self.env,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        return self

    def __exit__(self, *exc_info: object) -> None:
        """End the demo, and all processes that it started, also after a failed test."""
        family = self.family()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, alive = psutil.wait_procs(family, 20 * SCALE)
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(20 * SCALE)

    @property
    def redis_socket(self) -> Path:
        """Where the embedded Redis listens."""
        return self.directory / "redis.sock"

    def url(self) -> str:
        """Return the address that the demo prints, as soon as it does."""
        wait_until(
            lambda: self.process.poll() is not None or self._printed_url(), "the demo printed no URL", 40 * SCALE
        )
        match = self._printed_url()
        assert match, self.text()
        return match[0]

    def family(self) -> list[psutil.Process]:
        """Return the demo's process and its descendants."""
        if self.process.poll() is not None:
            return []
        return [self.process, *self.process.children(recursive=True)]

    def end(self, number: signal.Signals) -> int:
        """Send the signal as a terminal does, to the whole process group, and return the demo's exit status."""
        os.killpg(self.process.pid, number)
        return self.process.wait(20 * SCALE)

    def text(self) -> str:
        """Return all that the demo wrote so far."""
        return self.output.read_text("utf-8", "replace")

    def _printed_url(self) -> re.Match[str] | None:
        return re.search(r"http://[\d.]+:\d+", self.text())


def answers(url: str) -> bool:
    """Say whether a GET of the URL ends with status 200."""
    try:
        return httpx.get(url, timeout=10 * SCALE, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False
