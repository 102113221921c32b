"""The package's commands, as a terminal runs them, in this process."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management import CommandError, call_command

from tests.waiting import TIMEOUT, wait_until


def run(*words: str, **options: Any) -> str:
    """Run a command in this process; return what it prints."""
    output = io.StringIO()
    call_command(*words, stdout=output, **options)
    return output.getvalue()


def without_time(line: str) -> str:
    """Return a line of the listening command without the time at its beginning."""
    assert re.match(r"\d\d:\d\d:\d\d ", line), line
    return line[9:]


class Listening:
    """The listening command in a thread of its own."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.output, self.errors = io.StringIO(), io.StringIO()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(words,))
        self._thread.start()

    def _run(self, words: tuple[str, ...]) -> None:
        try:
            call_command("ws4channels_listen", *words, stdout=self.output, stderr=self.errors)
        except CommandError as error:
            self.failure = error

    def is_up(self) -> bool:
        return "Listening to" in self.errors.getvalue()

    def lines(self) -> list[str]:
        """Return what it printed, without times, when it has ended."""
        self.join()
        return [without_time(line) for line in self.output.getvalue().splitlines()]

    def join(self) -> None:
        """Return when it has ended."""
        self._thread.join(2 * TIMEOUT)
        assert not self._thread.is_alive()


@contextmanager
def listening(*words: str) -> Iterator[Listening]:
    """Have the listening command run; it must end by itself, by ``--count`` or ``--timeout``."""
    command = Listening((*words, "--timeout", str(TIMEOUT)) if "--timeout" not in words else words)
    wait_until(command.is_up, "the command listens")
    yield command
    command.join()
