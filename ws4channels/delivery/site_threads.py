"""The threads in which the site's sync code runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


class SiteThreads(ThreadPoolExecutor):
    """A pool whose threads keep their database connections from one call to the next, and none when nothing waits.

    Django closes connections older than CONN_MAX_AGE at the beginning and end of requests, which these threads do not
    serve: one for each thread and database would stay open, however long nobody connects. Opening one for each of a
    thousand clients that come back after a restart costs as much as what it is used for.
    """

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        super().__init__(max_workers, thread_name_prefix)
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Do as every executor."""
        future: Future[T] = Future()
        self._waiting.append((future, partial(fn, *args, **kwargs)))
        try:
            super().submit(self._run_waiting)
        except RuntimeError:
            future.cancel()
            raise
        return future

    def _run_waiting(self) -> None:
        """Run what waits, until nothing does: another thread may have run what this was started for."""
        try:
            while self._waiting:
                try:
                    future, call = self._waiting.popleft()
                except IndexError:
                    break
                _run(future, call)
                _close_unusable_connections()
        finally:
            connections.close_all()


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)


def _close_unusable_connections() -> None:
    """Close those that failed or that a call left in a transaction: the next call is another client's."""
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred or connection.autocommit != connection.settings_dict["AUTOCOMMIT"]:
            connection.close()
