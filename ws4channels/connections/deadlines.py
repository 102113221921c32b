"""asyncio.wait_for that does not lose a cancellation (Python < 3.12)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """Return the result of `awaitable`, or raise asyncio.TimeoutError and cancel it when it takes longer.

    In place of ``asyncio.wait_for``, which before Python 3.12 may lose a cancellation of the caller.
    """
    task = asyncio.ensure_future(awaitable)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
    except BaseException:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise asyncio.TimeoutError(f"No result within {seconds} s.")
    return task.result()
