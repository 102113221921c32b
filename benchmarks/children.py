"""Talking with the benchmark's own processes: one JSON object per line, a question and its answer.

The parent half (`Child`) starts a module of this package and asks; the child half (`serve`) answers from a table
of functions.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

Answer = dict[str, Any]
ROOT = Path(__file__).resolve().parent.parent


class ChildError(RuntimeError):
    """A process of the benchmark failed or did not answer; the message holds what it said."""


class Child:
    """A running ``python -m MODULE`` that answers JSON lines."""

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str],
        errors: IO[bytes],
        descriptors: tuple[int, ...] = (),
    ) -> None:
        """Start ``module`` with ``errors`` as its standard error; ``descriptors`` stay open under the same numbers."""
        self.module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=descriptors,
        )
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def _stdout(self) -> Any:
        return self._process.stdout

    def tell(self, action: str, **arguments: Any) -> None:
        """Send a question without waiting; `hear` returns the answer."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"do": action, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise ChildError(f"{self.module} ended before it was asked to {action!r}") from error

    def hear(self, timeout: float) -> Answer:
        """Return the next answer.

        Raises:
            ChildError: if none comes within ``timeout`` seconds, the process ended, or the answer is an error.
        """
        if not self._selector.select(timeout):
            raise ChildError(f"{self.module} did not answer within {timeout:.0f} s")
        line = self._stdout.readline()
        if not line:
            raise ChildError(f"{self.module} ended with status {self._process.wait(10)}")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise ChildError(f"{self.module}: {answer['error']}")
        return answer

    def ask(self, action: str, *, timeout: float = 60.0, **arguments: Any) -> Answer:
        """Send a question and return its answer, see `hear`."""
        self.tell(action, **arguments)
        return self.hear(timeout)

    def stop(self) -> None:
        """End the process: its input closes, and what does not leave by itself is killed."""
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


def questions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (action, arguments) for every line on standard input."""
    for line in sys.stdin:
        question = json.loads(line)
        yield question.pop("do"), question


def answer(content: Answer) -> None:
    """Write one answer to standard output."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def serve(actions: Mapping[str, Callable[..., Answer]]) -> None:
    """Answer every question with the function that ``actions`` has for it, until the input closes."""
    for action, arguments in questions():
        try:
            answer(actions[action](**arguments))
        except Exception:
            # The parent raises it as a ChildError: nothing is swallowed, and the child stays usable.
            answer({"error": traceback.format_exc()})
