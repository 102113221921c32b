"""A thousand sockets at one server process."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.against_original.checks.configurations import PLAIN
from tests.against_original.client import Side
from tests.against_original.reasons import BROKEN_UNDER_LOAD
from tests.against_original.registry import Instead, check

CROWD = 1000
AT_ONCE = 50
TEXTS = [f"{number} " + "x" * 2000 for number in range(10)]
START = "start"
PATIENCE = 30.0


class Crowd:
    """Many sockets of one facility in one event loop."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.door = asyncio.Semaphore(AT_ONCE)
        self.arrived = 0
        self.gone = 0

    async def member(self) -> bool:
        """Be one socket; return whether it received all texts in their order, and nothing else."""
        url = f"ws://127.0.0.1:{self.side.port}/ws/crowd?subscribe-broadcast"
        try:
            async with self.door:
                socket = await connect(url, compression=None, ping_interval=None, open_timeout=PATIENCE, proxy=None)
            async with socket:
                await self.wait_for_start(socket)
                return [await self.next_text(socket) for _ in TEXTS] == TEXTS
        except (ConnectionClosed, OSError, TimeoutError, asyncio.TimeoutError):
            return False
        finally:
            self.gone += 1

    async def wait_for_start(self, socket: Any) -> None:
        """Return when this socket receives its first message."""
        await asyncio.wait_for(socket.recv(), PATIENCE)
        self.arrived += 1

    async def next_text(self, socket: Any) -> Any:
        """Return the next frame that is not the signal to start."""
        while (frame := await asyncio.wait_for(socket.recv(), PATIENCE)) == START:
            pass
        return frame

    async def publish(self, text: str) -> None:
        """Publish to the crowd."""
        await asyncio.to_thread(self.side.publish, "crowd", text, expire=0)

    async def gather(self) -> int:
        """Bring the crowd together, publish to it, and return how many received everything."""
        members = [asyncio.create_task(self.member()) for _ in range(CROWD)]
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while self.arrived + self.gone < CROWD and asyncio.get_running_loop().time() < deadline:
            await self.publish(START)
            await asyncio.sleep(0.2)
        for text in TEXTS:
            await self.publish(text)
        return sum(await asyncio.gather(*members))


@check(PLAIN, "all", original=Instead("some", BROKEN_UNDER_LOAD))
def a_thousand_sockets_receive_everything(side: Side) -> Any:
    """A thousand sockets at one server process receive ten messages each, whole and in order."""
    count = asyncio.run(Crowd(side).gather())
    return {CROWD: "all", 0: "none"}.get(count, "some")
