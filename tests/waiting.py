"""Waiting for conditions. One environment variable scales every limit, for machines slower than a laptop."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

SCALE = float(os.environ.get("WS4CHANNELS_TEST_TIMEOUT_SCALE", "1"))
TIMEOUT = 15 * SCALE
"""Seconds after which a condition that should come true counts as failed."""
QUIET = 0.3 * min(SCALE, 2)
"""Seconds in which nothing may happen, where a test says that nothing does."""
_INTERVAL = 0.01


def wait_until(condition: Callable[[], object], what: str, timeout: float = TIMEOUT) -> None:
    """Return when `condition` is true; fail, saying `what` did not happen, after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"After {timeout} s: {what}")
        time.sleep(_INTERVAL)


async def eventually(condition: Callable[[], object], what: str, timeout: float = TIMEOUT) -> None:
    """Do as `wait_until`, from async code."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"After {timeout} s: {what}")
        await asyncio.sleep(_INTERVAL)
