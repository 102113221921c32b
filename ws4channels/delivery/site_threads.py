"""The threads in which the site's sync code runs."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import connections

logger = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

_INTERVAL = 0.01
"""Seconds after which it is decided whether one more thread is of use to what waits."""

_SATURATED = 0.7
"""Share of a processor from which on another thread would only take from the others: Python runs one at a time."""


class SiteThreads(ThreadPoolExecutor):
    """A pool whose threads keep their database connections from one call to the next, and none when nothing waits.

    Django closes connections older than CONN_MAX_AGE at the beginning and end of requests, which these threads do not
    serve: one for each thread and database would stay open, however long nobody connects. Opening one for each of a
    thousand clients that come back after a restart costs as much as what it is used for.
    """

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        super().__init__(max_workers, thread_name_prefix)
        self._most = max_workers
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._running = 0
        self._done = 0
        """How many calls have ended."""
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do as every executor. Called on the event loop, it begins with one thread.

        With sixteen at once, looking up users took twice the CPU.
        """
        future: Future[T] = Future()
        with self._lock:
            self._waiting.append((future, partial(fn, *args, **kwargs)))
        loop = asyncio._get_running_loop()
        try:
            if loop is None or not self._running:
                self._start_thread()
            elif self._timer is None:
                self._look_later(loop)
        except RuntimeError:
            future.cancel()
            raise
        return future

    def _start_thread(self) -> None:
        with self._lock:
            if self._running >= self._most:
                return
            self._running += 1
        super().submit(self._run_waiting)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.monotonic(), time.process_time(), self._done
        self._timer = loop.call_later(_INTERVAL, self._look, loop, *now)

    def _look(self, loop: asyncio.AbstractEventLoop, began: float, used: float, done: int) -> None:
        """Start one more thread if the others wait for something, such as the database; look again as calls wait."""
        self._timer = None
        if not self._waiting or self._running >= self._most:
            return
        share = (time.process_time() - used) / (time.monotonic() - began)
        with suppress(RuntimeError):  # The pool was shut down; what runs takes the rest.
            if share < _SATURATED or self._done == done:
                self._start_thread()
            self._look_later(loop)

    def _run_waiting(self) -> None:
        """Run what waits, until nothing does."""
        while (waiting := self._next()) is not None:
            _run(*waiting)
            self._done += 1
            _close_connections(_is_unusable)
        _close_connections(lambda connection: True)

    def _next(self) -> tuple[Future[Any], Callable[[], Any]] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._running -= 1
            return None


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _is_unusable(connection: Any) -> bool:
    """Tell whether a call failed or left a transaction: the next call is another client's."""
    return bool(connection.errors_occurred or connection.autocommit != connection.settings_dict["AUTOCOMMIT"])


def _close_connections(which: Callable[[Any], bool]) -> None:
    for connection in connections.all(initialized_only=True):
        try:
            if which(connection):
                connection.close()
        except Exception:
            # The next calls do not suffer from it: this thread goes on.
            logger.exception("A connection to the database %r could not be closed.", connection.alias)
