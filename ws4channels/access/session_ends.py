"""Tell all server processes that sessions have ended, without holding up the request that ended them."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading

from ws4channels.closing import end_session

logger = logging.getLogger(__name__)


class SessionEnds:
    """Sends close commands from a thread of its own.

    A caller waits up to `patience` seconds for Redis, once while Redis hangs, and not at all on an event loop. Belongs
    to one process: a fork begins with nothing to send.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._owner = 0
        self._queue: queue.SimpleQueue[tuple[str, threading.Event]] = queue.SimpleQueue()
        self._is_stalled = False

    def send(self, session_key: str) -> None:
        """Close the websockets of a session, and have none of it opened any more. Raises nothing."""
        self._ensure_thread()
        sent = threading.Event()
        self._queue.put((session_key, sent))
        if self._is_stalled or _runs_event_loop() or sent.wait(self._patience):
            return
        self._is_stalled = True
        logger.warning("Redis does not answer: websockets of sessions that end now are closed when it does.")

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._owner == os.getpid():
                return
            self._owner = os.getpid()
            self._queue = queue.SimpleQueue()
            self._is_stalled = False
            threading.Thread(target=self._run, name="ws4channels-session-ends", daemon=True).start()

    def _run(self) -> None:
        while True:
            session_key, sent = self._queue.get()
            try:
                end_session(session_key)
            except Exception as error:
                # Whatever it is, from Redis to a setting: the user wants to be signed out.
                logger.error(
                    "Could not close the websockets of a session that ended: %s: %s", type(error).__name__, str(error)
                )
            if self._queue.empty():
                self._is_stalled = False
            sent.set()


def _runs_event_loop() -> bool:
    return asyncio._get_running_loop() is not None


session_ends = SessionEnds()
"""Of this process."""
