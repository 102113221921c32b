"""Wait for Redis no longer than somebody who looks at a page does: what takes longer goes on in its thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")

SECONDS = 1.5
"""How long a page waits for Redis: it is to be there within two."""

_MOST_AT_ONCE = 16
_SECONDS_KEPT = 10.0


class NoAnswer(Exception):
    """Something has not ended in time; the text says within how many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")


class NotBegun(NoAnswer):
    """So many functions go on that a further one was not begun."""

    def __str__(self) -> str:
        return "no answer to earlier questions"


_free = threading.BoundedSemaphore(_MOST_AT_ONCE)


def within(seconds: float, function: Callable[[], T]) -> T:
    """Return the result of `function`, which runs in a thread, or raise what it raises.

    Raises NoAnswer where that takes longer; the function goes on then. Raises NotBegun, which is one, at once where too
    many go on already.
    """
    if not _free.acquire(blocking=False):
        raise NotBegun(seconds)
    future: Future[T] = Future()
    try:
        _start(future, function, _free.release)
    except RuntimeError:
        # The process may have no more threads.
        _free.release()
        raise
    if not wait([future], seconds).done:
        raise NoAnswer(seconds)
    return future.result()


class Latest(Generic[T]):
    """Run a function that may take long, once for all who ask meanwhile. What came too late is for who asks next."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._future: Future[T] | None = None
        self._thread: threading.Thread | None = None
        self._ended_late_at: float | None = None

    def get(self, seconds: float) -> T:
        """Return a result that is new, or at most ten seconds older than the question. Raises NoAnswer."""
        future = self._running_or_new()
        if not wait([future], seconds).done:
            self._ended_late_at = None
            future.add_done_callback(self._note_late_end)
            raise NoAnswer(seconds)
        return future.result()

    def _running_or_new(self) -> Future[T]:
        with self._lock:
            # A thread does not live on in a fork.
            is_running = self._thread is not None and self._thread.is_alive()
            late, self._ended_late_at = self._ended_late_at, None
            is_late_and_new = late is not None and time.monotonic() - late < _SECONDS_KEPT
            if self._future is None or not (is_running or is_late_and_new):
                self._future = Future()
                self._thread = _start(self._future, self._function, lambda: None)
            return self._future

    def _note_late_end(self, future: Future[T]) -> None:
        self._ended_late_at = time.monotonic()


def _start(future: Future[T], function: Callable[[], T], at_end: Callable[[], object]) -> threading.Thread:
    """Start a daemon thread: a process that ends does not wait for Redis."""
    thread = threading.Thread(target=_run, args=(future, function, at_end), daemon=True)
    thread.start()
    return thread


def _run(future: Future[T], function: Callable[[], T], at_end: Callable[[], object]) -> None:
    try:
        future.set_result(_call_and_close_connections(function))
    except BaseException as error:
        future.set_exception(error)
    finally:
        at_end()


def _call_and_close_connections(function: Callable[[], T]) -> T:
    try:
        return function()
    finally:
        connections.close_all()
