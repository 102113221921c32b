"""The site's sync code, run in a thread: hooks, subscribers, look-ups of sessions and users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import AsyncToSync, sync_to_async
from channels.db import database_sync_to_async
from django.db import connections

T = TypeVar("T")


async def run_in_thread(threads: ThreadPoolExecutor, function: Callable[..., T], *args: Any) -> T:
    """Await sync code of the site in one of `threads`. Database connections that it opened are closed afterwards.

    Where ``async_to_sync`` runs the event loop, as in Django's async tests, the code runs in the thread that called
    ``async_to_sync``: only that thread is inside the test's database transaction. Its connections stay open.
    """
    if _belongs_to_a_thread(asyncio.get_running_loop()):
        return await database_sync_to_async(function)(*args)  # type: ignore[no-any-return]
    in_pool = sync_to_async(_run_and_close_connections, thread_sensitive=False, executor=threads)
    return await in_pool(function, *args)


def _belongs_to_a_thread(loop: asyncio.AbstractEventLoop) -> bool:
    return loop in AsyncToSync.loop_thread_executors or getattr(AsyncToSync.executors, "current", None) is not None


def _run_and_close_connections(function: Callable[..., T], *args: Any) -> T:
    # Django closes connections older than CONN_MAX_AGE at the beginning and end of requests, which these threads do
    # not serve: one connection for each thread and database would stay open, however long no websocket comes.
    try:
        return function(*args)
    finally:
        connections.close_all()
