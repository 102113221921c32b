"""Tests of `ws4channels.delivery.site_threads`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections, transaction
from django.db.backends.signals import connection_created
from django.db.utils import OperationalError

from tests.waiting import TIMEOUT, wait_until
from ws4channels.delivery.site_threads import SiteThreads

THREADS = 4


@pytest.fixture
def opened(tmp_path: Path, django_db_blocker: Any) -> Iterator[list[Any]]:
    """Every connection that is opened to the database ``own``, by the thread that opened it."""
    connections.settings["own"] = {**connections.settings["default"], "NAME": tmp_path / "database.sqlite3"}
    opened: list[Any] = []

    def note(connection: Any, **kwargs: Any) -> None:
        opened.append(connection)

    connection_created.connect(note)
    with django_db_blocker.unblock():
        yield opened
    connection_created.disconnect(note)
    del connections.settings["own"]


@pytest.fixture
def threads() -> Iterator[SiteThreads]:
    """A pool of one thread, so that it is known which calls wait."""
    with SiteThreads(1) as threads:
        yield threads


def ask() -> None:
    """Do as a hook does."""
    connections["own"].cursor().execute("SELECT 1")


def test_calls_that_wait_share_a_connection(threads: SiteThreads, opened: list[Any]) -> None:
    """It is closed when nothing waits any more, and opened again by who comes later."""
    for count in (1, 2):
        gate = threading.Event()
        futures = [threads.submit(gate.wait, TIMEOUT), *(threads.submit(ask) for _ in range(20))]
        gate.set()
        for future in futures:
            future.result(TIMEOUT)
        wait_until(lambda: all(each.connection is None for each in opened), "the connection is closed")
        assert len(opened) == count


def test_every_thread_closes_its_connection(opened: list[Any]) -> None:
    """Also one that finds that another has run what it was started for."""
    with SiteThreads(THREADS) as threads:
        futures = [threads.submit(ask) for _ in range(200)]
        for future in futures:
            future.result(TIMEOUT)
        wait_until(lambda: all(each.connection is None for each in opened), "all connections are closed")
    assert 0 < len(opened) <= 200


def leave_a_transaction() -> None:
    """End in the middle of one."""
    transaction.set_autocommit(False, using="own")


def fail() -> None:
    """Leave a connection behind that has had an error."""
    connections["own"].cursor().execute("SELECT nonsense")


@pytest.mark.parametrize("harm", [leave_a_transaction, fail])
def test_next_call_gets_no_connection_that_was_left_unusable(
    threads: SiteThreads, opened: list[Any], harm: Any
) -> None:
    """Each of them may be another client's."""
    gate = threading.Event()
    threads.submit(gate.wait, TIMEOUT)
    harmed, answered = threads.submit(harm), threads.submit(ask)
    gate.set()
    answered.result(TIMEOUT)
    assert isinstance(harmed.exception(TIMEOUT), OperationalError if harm is fail else type(None))
    assert len(opened) == 2


@pytest.mark.parametrize("count", [1, 8])
async def test_calls_that_wait_for_something_do_not_hold_up_others(count: int) -> None:
    """As many run at once as there may be threads, each of which only waits until the last has begun."""
    barrier = threading.Barrier(count)
    with SiteThreads(count) as threads:
        loop = asyncio.get_running_loop()
        begun = [loop.run_in_executor(threads, barrier.wait, TIMEOUT) for _ in range(count)]
        await asyncio.wait_for(asyncio.gather(*begun), TIMEOUT)
        assert await loop.run_in_executor(threads, int) == 0


def test_connection_that_does_not_close_keeps_nothing_from_running(
    threads: SiteThreads, opened: list[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and the thread goes on."""
    threads.submit(ask).result(TIMEOUT)

    def fail_to_close(connection: Any) -> None:
        raise OperationalError("the server has gone")

    monkeypatch.setattr(type(opened[0]), "close", fail_to_close)
    for _ in range(3):
        threads.submit(ask).result(TIMEOUT)
    wait_until(lambda: "A connection to the database 'own' could not be closed." in caplog.text, "it is logged")
    monkeypatch.undo()
    threads.submit(ask).result(TIMEOUT)


def test_cancelled_call_does_not_run(threads: SiteThreads) -> None:
    """Nor does it keep others from running."""
    gate, ran = threading.Event(), threading.Event()
    threads.submit(gate.wait, TIMEOUT)
    cancelled, last = threads.submit(ran.set), threads.submit(int)
    assert cancelled.cancel()
    gate.set()
    assert last.result(TIMEOUT) == 0
    assert not ran.is_set()


def test_pool_that_is_shut_down_takes_no_calls(threads: SiteThreads) -> None:
    """As every executor."""
    threads.shutdown()
    with pytest.raises(RuntimeError):
        threads.submit(int)
