"""A client that comes back and resumes, as ``docs/history.md`` describes it for other languages than JavaScript."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from tests.waiting import TIMEOUT, wait_until

HEARTBEAT = "--heartbeat--"
_PAUSE = 0.05  # seconds between two attempts


class Resumption:
    """What a client knows of its positions, and what it was told."""

    def __init__(self) -> None:
        self.positions: dict[str, str] = {}
        self.recoveries: list[bool | None] = []
        """What each connection said first."""
        self.gaps = 0
        self.dropped: dict[str, str] = {}

    @property
    def query(self) -> str:
        """What the address says."""
        return f"resume={','.join(self.positions.values())}" if self.positions else "resume"

    @property
    def times_told(self) -> int:
        """How often the server said that messages may be missing."""
        return self.gaps + self.recoveries.count(False)

    def take(self, frame: str | bytes) -> str | None:
        """Return the payload of a frame, if it has one."""
        assert isinstance(frame, str)
        if frame == HEARTBEAT:
            return None
        if frame.startswith("!"):
            self._take_control(frame[1:])
            return None
        position, _, payload = frame.partition("\n")
        if position:
            self._note(position)
        return payload or None

    def _take_control(self, text: str) -> None:
        content = json.loads(text)
        if "recovered" in content:
            self.recoveries.append(content["recovered"])
            self.positions.clear()
            self.dropped = content["dropped"]
        self.gaps += bool(content.get("gap"))
        for position in content["positions"]:
            self._note(position)

    def _note(self, position: str) -> None:
        assert len(position) <= 32
        assert position.isascii()
        self.positions[position.partition(".")[0]] = position


class ResumingClient(Resumption):
    """Connects to the address that `uri` returns, again and again, until it is left. A context manager.

    It runs in a thread of its own, so that blocking tests can use it.
    """

    def __init__(self, uri: Callable[[], str]) -> None:
        super().__init__()
        self._uri = uri
        self.payloads: list[str] = []
        self.codes: list[int] = []
        """With which each connection was closed."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="resuming client")

    def wait_for(self, count: int, what: str, timeout: float = TIMEOUT) -> None:
        """Return when so many messages have come."""
        wait_until(lambda: len(self.payloads) >= count, what, timeout)

    def wait_until_connected(self, times: int = 1) -> None:
        """Return when the server has accepted so many connections."""
        wait_until(lambda: len(self.recoveries) >= times, "the client is connected")

    def _run(self) -> None:
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._connect_again_and_again())

    async def _connect_again_and_again(self) -> None:
        while True:
            try:
                async with connect(f"{self._uri()}&{self.query}", compression=None, proxy=None) as connection:
                    async for frame in connection:
                        payload = self.take(frame)
                        if payload is not None:
                            self.payloads.append(payload)
                    self.codes.append(connection.close_code or 0)
            except (OSError, TimeoutError, InvalidHandshake, WebSocketException):
                await asyncio.sleep(_PAUSE)

    def __enter__(self) -> ResumingClient:
        self._thread.start()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._cancel)
        self._thread.join()
        self._loop.close()

    def _cancel(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
