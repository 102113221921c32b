"""Server processes: started, waited for, read, and stopped so that nothing of them remains."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar

import psutil

from example_project.redis_server import start_guard
from tests.waiting import SCALE, wait_until

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT = 20 * SCALE


class ServerProcess:
    """One server in a process group of its own. A context manager that starts it and leaves no process behind.

    It is up when `is_up`, which is asked again and again, returns something true for its output so far.
    """

    running: ClassVar[list[ServerProcess]] = []
    stopped: ClassVar[list[ServerProcess]] = []
    """Those that have been stopped since the test began: `tests.conftest` shows their logs where it fails."""

    def __init__(
        self, command: Sequence[str | Path], env: Mapping[str, str], log: Path, is_up: Callable[[str], object]
    ) -> None:
        self.command = [str(word) for word in command]
        self.env = dict(env)
        self.log = log
        self.is_up = is_up
        self.process: subprocess.Popen[bytes] | None = None
        self.guard: subprocess.Popen[bytes] | None = None
        self.last_output = ""

    def start(self) -> None:
        """Start the server and wait until it is up. Fails if it ends instead, or takes too long."""
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.last_output = ""
        self.running.append(self)
        # Should the test run be killed, the whole process group (that is what the minus means) goes with it.
        self.guard = start_guard(-self.process.pid, ())
        try:
            wait_until(self._is_up_or_ended, f"{self.command} did not come up", timeout=30 * SCALE)
            assert self.process.poll() is None, f"{self.command} ended at once"
        except AssertionError as error:
            self.stop()
            raise AssertionError(str(error)) from None

    def output(self) -> str:
        """Return all that the server wrote so far."""
        return self.log.read_text("utf-8", "replace") if self.process is not None else self.last_output

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the server's process alone, as a service manager does."""
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout: float = STOP_TIMEOUT) -> int:
        """Return the server's exit status when it has ended."""
        assert self.process is not None
        return self.process.wait(timeout)

    def stop(self) -> None:
        """End the server and every process that it started."""
        if self.process is None or self.guard is None:
            return
        group = self._group()
        for process in group:
            _send(process, signal.SIGTERM)
        _, alive = psutil.wait_procs(group, STOP_TIMEOUT)
        for process in alive:
            _send(process, signal.SIGKILL)
        self.process.wait(STOP_TIMEOUT)
        self.guard.kill()
        self.guard.communicate()
        self.last_output = self.output()
        self.process = self.guard = None
        self.running.remove(self)
        self.stopped.append(self)
        assert not alive, f"{alive} did not end at SIGTERM."

    def _group(self) -> list[psutil.Process]:
        assert self.process is not None
        return [process for process in psutil.process_iter() if _group_of(process) == self.process.pid]

    def _is_up_or_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None or bool(self.is_up(self.output()))

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except ProcessLookupError:
        return None


def _send(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return
