"""Tests of `ws4channels.access.threads`."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.db.backends.signals import connection_created

from tests.access.scopes import a_scope
from ws4channels.access.handshake import negotiate
from ws4channels.access.threads import run_in_thread
from ws4channels.delivery.site_threads import SiteThreads

MANY = 8


async def test_sync_code_runs_in_a_thread_and_raises_here() -> None:
    """What a function returns or raises in its thread is returned or raised where it is awaited."""
    with SiteThreads(1) as threads:
        assert await run_in_thread(threads, threading.get_ident) != threading.get_ident()
        assert await run_in_thread(threads, divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await run_in_thread(threads, divmod, 7, 0)


@pytest.fixture
def database(tmp_path: Path, django_db_blocker: Any) -> Iterator[None]:
    """A database whose connections Django keeps for ten minutes. One in memory would not close at all."""
    own = {"NAME": tmp_path / "database.sqlite3", "CONN_MAX_AGE": 600}
    connections.settings["persistent"] = {**connections.settings["default"], **own}
    with django_db_blocker.unblock():
        yield
    del connections.settings["persistent"]


@pytest.fixture
def opened() -> Iterator[list[Any]]:
    """Every connection that is opened, by the thread that opened it."""
    opened: list[Any] = []

    def note(connection: Any, **kwargs: Any) -> None:
        opened.append(connection)

    connection_created.connect(note)
    yield opened
    connection_created.disconnect(note)


def in_use(opened: list[Any]) -> list[Any]:
    """Return the connections that are open to the database."""
    return [each for each in opened if each.connection is not None]


def ask_database(*args: Any) -> None:
    """Do as a sync hook does."""
    connections["persistent"].cursor().execute("SELECT 1")


async def ask_database_async(*args: Any) -> None:
    """Do as an async hook does."""
    await sync_to_async(ask_database)()


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("hook", [ask_database, ask_database_async])
async def test_handshakes_leave_no_database_connection_open(settings: Any, opened: list[Any], hook: Any) -> None:
    """Whatever CONN_MAX_AGE says, threads that run hooks close the connections that these opened."""
    settings.WS4REDIS_PROCESS_REQUEST = hook
    with SiteThreads(MANY) as threads:
        await asyncio.gather(*(negotiate(a_scope("subscribe-broadcast"), threads) for _ in range(3 * MANY)))
    assert opened
    assert in_use(opened) == []


@pytest.mark.usefixtures("database")
async def test_failing_hook_leaves_no_database_connection_open(opened: list[Any]) -> None:
    """A hook that raises after it has asked the database closes its connection as well."""

    def fail() -> None:
        ask_database()
        raise LookupError

    with SiteThreads(1) as threads:
        with pytest.raises(LookupError):
            await run_in_thread(threads, fail)
    assert (len(opened), in_use(opened)) == (1, [])
