"""Tasks that run beside a hub and end with it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

_PATIENCE = 1.0


class Companions:
    """The tasks of one hub. Each ends when it is cancelled."""

    def __init__(self) -> None:
        self._tasks: dict[Callable[..., Any], asyncio.Task[None]] = {}
        self.is_over = False
        """Whether all have been cancelled. To be looked at after a call of redis-py, which may lose a cancellation."""
        self.on_end: list[Callable[[], Awaitable[None]]] = []
        """Are awaited when all have been cancelled. Not in the tasks: their event loop cancels them, too."""

    def begin(self, function: Callable[..., Coroutine[Any, Any, None]], *args: Any) -> None:
        """Run `function` in a task; once, however often this is called."""
        if function not in self._tasks and not self.is_over:
            # In a new context: that of the first socket would keep its request alive.
            self._tasks[function] = contextvars.Context().run(asyncio.create_task, function(*args))

    def cancel(self) -> None:
        """Cancel all; none begins any more."""
        self.is_over = True
        for task in self._tasks.values():
            task.cancel()

    async def end(self) -> None:
        """Return when all have ended, or after a second: one may have lost its cancellation. Call `cancel` before."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=_PATIENCE)
        self._tasks.clear()
        while self.on_end:
            await self.on_end.pop()()
