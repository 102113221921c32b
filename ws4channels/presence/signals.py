"""Django signals for who comes to a facility and who leaves it, sent in a thread.

Both have the facility as their sender, and the arguments ``user``, a username or None, and ``session``: the digest by
which this package knows the session, or None.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from django.dispatch import Signal

from ws4channels.access.threads import run_in_thread
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.presence.rolls import Person

logger = logging.getLogger(__name__)

client_joined = Signal()
client_left = Signal()

_MOST_WAITING = 10_000
_BATCH = 100

_Call = tuple[Signal, str, Person]


class Announcer:
    """Sends the signals of one event loop, one after the other."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._waiting: deque[_Call] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._drops = LogThrottle()

    def announce(self, signal: Signal, facility: str, people: Iterable[Person]) -> None:
        """Send a signal for each of some people, soon and in order."""
        if not signal.has_listeners(facility):
            return
        for person in people:
            if len(self._waiting) < _MOST_WAITING:
                self._waiting.append((signal, facility, person))
            elif self._drops.is_first():
                logger.error("Receivers of client_joined and client_left are too slow: signals are not sent.")
        if self._waiting and (self._sending is None or self._sending.done()):
            # In a new context: that of the first websocket would keep its request alive.
            self._sending = contextvars.Context().run(asyncio.create_task, self._send())

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            try:
                await run_in_thread(self._threads, _send_all, batch)
            except Exception:
                logger.exception("The signals of %s clients that came or left were not sent.", len(batch))


def is_anybody_listening(facility: str) -> bool:
    """Tell whether there is a receiver for clients that come to a facility or leave it."""
    return bool(client_joined.has_listeners(facility) or client_left.has_listeners(facility))


def _send_all(batch: Iterable[_Call]) -> None:
    for signal, facility, (user, session) in batch:
        # Django logs what a receiver raises.
        signal.send_robust(facility, user=user, session=session)
