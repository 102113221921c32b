"""A client that is told who is here."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.live.client import Site, Socket
from tests.waiting import TIMEOUT

CHANNELS = ("subscribe-broadcast", "presence", "resume")


class Watcher:
    """Keeps what a websocket is notified of presence."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []
        self.here: set[str] = set()
        self.anonymous = 0
        self.joins: list[str] = []
        self.leaves: list[str] = []
        self.payloads: list[str] = []

    def take(self, timeout: float) -> None:
        """Take the next frame."""
        frame = self.socket.receive(timeout)
        assert isinstance(frame, str)
        if not frame.startswith("!"):
            self.payloads.append(frame)
            return
        told = json.loads(frame[1:]).get("presence")
        if told is None:
            return
        self.frames.append(told)
        if "now" in told:
            self.here = set(told["now"])
        for name in told.get("joined", ()):
            assert name not in self.here
            self.here.add(name)
            self.joins.append(name)
        for name in told.get("left", ()):
            self.here.remove(name)
            self.leaves.append(name)
        self.anonymous = told["anonymous"]

    def take_until(self, condition: Callable[[], object], what: str, timeout: float = TIMEOUT) -> None:
        """Take frames until a condition is true."""
        deadline = time.monotonic() + timeout
        while not condition():
            try:
                self.take(max(deadline - time.monotonic(), 0.01))
            except TimeoutError:
                raise AssertionError(f"After {timeout} s: {what}; here are {sorted(self.here)}") from None

    def wait_for(self, *names: str, timeout: float = TIMEOUT) -> None:
        """Take frames until just these are here."""
        self.take_until(lambda: self.here == set(names), f"{names} are here", timeout)

    def take_for(self, seconds: float) -> None:
        """Take what comes in some seconds."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.take(left)
            except TimeoutError:
                return


@contextmanager
def watching(site: Site, facility: str, name: str | None = None, *channels: str) -> Iterator[Watcher]:
    """Open a websocket that is told who is here, of a user or of nobody."""
    words = [*(channels or CHANNELS), *([] if name is None else [f"name={name}"])]
    with site.connect(facility, *words) as socket:
        yield Watcher(socket)
