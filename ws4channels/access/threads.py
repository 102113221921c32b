"""The site's sync code, run in a thread: hooks, subscribers, look-ups of sessions and users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from asgiref.sync import AsyncToSync, sync_to_async
from channels.db import database_sync_to_async

T = TypeVar("T")


async def run_in_thread(threads: ThreadPoolExecutor, function: Callable[..., T], *args: Any) -> T:
    """Await sync code of the site in one of `threads`, which close the database connections that it opened.

    Where ``async_to_sync`` runs the event loop, as in Django's async tests, the code runs in the thread that called
    ``async_to_sync``: only that thread is inside the test's database transaction. Its connections stay open.
    """
    if _belongs_to_a_thread(asyncio.get_running_loop()):
        return await database_sync_to_async(function)(*args)  # type: ignore[no-any-return]
    return await sync_to_async(function, thread_sensitive=False, executor=threads)(*args)


def _belongs_to_a_thread(loop: asyncio.AbstractEventLoop) -> bool:
    return loop in AsyncToSync.loop_thread_executors or getattr(AsyncToSync.executors, "current", None) is not None
