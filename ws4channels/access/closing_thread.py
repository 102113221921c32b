"""Send close commands without holding up the request that they come from."""

from __future__ import annotations

import asyncio
import logging
import os
import queue
import threading

from ws4channels.closing import CloseCommand, send_close_command
from ws4channels.shown import error_on_one_line

logger = logging.getLogger(__name__)


class ClosingThread:
    """Sends close commands from a thread of its own, which starts with the first of them.

    A caller waits up to `patience` seconds for Redis, once while Redis hangs, and not at all on an event loop. Belongs
    to one process: a fork begins with nothing to send.
    """

    def __init__(self, patience: float = 1.0) -> None:
        self._patience = patience
        self._lock = threading.Lock()
        self._owner = 0
        self._queue: queue.SimpleQueue[tuple[CloseCommand, threading.Event]] = queue.SimpleQueue()
        self._is_stalled = False

    def send(self, command: CloseCommand) -> None:
        """Send a command, now or, while Redis hangs, when it answers again. Raises nothing."""
        self._ensure_thread()
        sent = threading.Event()
        self._queue.put((command, sent))
        if self._is_stalled or _runs_event_loop() or sent.wait(self._patience):
            return
        self._is_stalled = True
        logger.warning("Redis does not answer: websockets are closed when it does.")

    def _ensure_thread(self) -> None:
        with self._lock:
            if self._owner == os.getpid():
                return
            self._owner = os.getpid()
            self._queue = queue.SimpleQueue()
            self._is_stalled = False
            threading.Thread(target=self._run, name="ws4channels-closing", daemon=True).start()

    def _run(self) -> None:
        while True:
            command, sent = self._queue.get()
            try:
                send_close_command(command)
            except Exception as error:
                # Whatever it is, from Redis to a setting: the user wants to be signed out.
                logger.error("Could not close the websockets of a session that ended: %s", error_on_one_line(error))
            if self._queue.empty():
                self._is_stalled = False
            sent.set()


def _runs_event_loop() -> bool:
    return asyncio._get_running_loop() is not None


closing_thread = ClosingThread()
"""The one of this process."""
