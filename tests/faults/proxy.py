"""A stretch of network between a server and its Redis, which a test can hold up, cut and mend."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, TypeVar

from example_project.redis_server import HOST
from tests.waiting import TIMEOUT

T = TypeVar("T")
_PIECE = 64 * 1024  # bytes


class Proxy:
    """Passes every connection on to ``127.0.0.1:target``. A context manager; `port` is where it listens.

    It runs in a thread of its own, so that blocking tests can use it.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._is_cut = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    def hold(self) -> None:
        """Pass nothing on, so that what is sent piles up at the sender's."""
        self._run(self._set_flowing(False))

    def release(self) -> None:
        """Go on passing on, beginning with what was held up."""
        self._run(self._set_flowing(True))

    def forget(self) -> None:
        """Pass nothing on over the connections there are, ever again, and tell nobody; new ones work."""
        self._run(self._forget())

    def cut(self) -> None:
        """Break all connections, and every new one, until `mend`."""
        self._run(self._cut())

    def mend(self) -> None:
        """Let new connections through."""
        self._is_cut = False

    async def _set_flowing(self, is_flowing: bool) -> None:
        if is_flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _forget(self) -> None:
        for task in self._passing:
            task.cancel()

    async def _cut(self) -> None:
        self._is_cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    async def _start(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            there, back = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()  # As if the client had reached nobody itself.
            return
        if self._is_cut:
            # Meanwhile: `cut` knew nothing of these two.
            writer.transport.abort()
            back.transport.abort()
            return
        self._writers |= {writer, back}
        passing = {asyncio.create_task(self._pass_on(*way)) for way in ((reader, back), (there, writer))}
        self._passing |= passing
        await asyncio.wait(passing)
        self._passing -= passing
        if not any(task.cancelled() for task in passing):
            self._writers -= {writer, back}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(_PIECE):
                await self._flowing.wait()
                writer.write(piece)
                await writer.drain()
        except OSError:
            writer.transport.abort()  # The other side sees what this one saw.
        else:
            writer.close()

    async def _stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self._flowing.set()
        await self._cut()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if others:
            await asyncio.wait(others, timeout=TIMEOUT)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT)

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
