"""The event loop on which this process publishes asynchronously, with the async Redis client that belongs to it.

That is the loop of the server's hub once there is one, and a background thread's loop otherwise: both outlive any
call, so that no call makes a loop or a connection of its own. State is checked against the process id: a fork
inherits neither a running loop nor a usable connection.
"""

from __future__ import annotations

import _thread
import asyncio
import atexit
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import BuiltinFunctionType
from typing import Any, TypeVar

import redis.asyncio
from django.core.exceptions import SynchronousOnlyOperation

from ws4channels import settings
from ws4channels.connections import RedisConnectionError, build_async_client
from ws4channels.connections.remembered import Remembered
from ws4channels.exceptions import ConfigurationError

T = TypeVar("T")

# More than the socket timeouts, so that the client's own, more telling, error comes first.
CALL_TIMEOUT = 15.0


class PublishingLoop:
    """A running event loop of this process and its Redis client. ``client`` follows the settings."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._pid = os.getpid()
        self._clients: list[redis.asyncio.Redis] = []
        self._client = Remembered(self._build_client)

    def is_usable(self) -> bool:
        """Tell whether this process is the one that runs the loop, and the loop runs."""
        return self._pid == os.getpid() and self.loop.is_running()

    @property
    def client(self) -> redis.asyncio.Redis:
        """The client of ``WS4REDIS_CONNECTION`` for this loop. Built without connecting."""
        return self._client.get(settings.WS4REDIS_CONNECTION)

    def _build_client(self, connection: Mapping[str, Any]) -> redis.asyncio.Redis:
        client: redis.asyncio.Redis = build_async_client(connection)
        self._clients.append(client)
        return client

    async def aclose(self) -> None:
        """Close all connections made for this loop; to be awaited on it."""
        while self._clients:
            await self._clients.pop().aclose(close_connection_pool=True)


class _Background:
    """A daemon thread that runs one event loop until the process ends."""

    def __init__(self) -> None:
        self.publishing = PublishingLoop(asyncio.new_event_loop())
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="ws4channels-publishing", daemon=True)
        self._thread.start()
        started.wait()
        atexit.register(self.stop)

    def _run(self, started: threading.Event) -> None:
        loop = self.publishing.loop
        loop.call_soon(started.set)
        loop.run_forever()
        loop.run_until_complete(self.publishing.aclose())
        loop.close()

    def stop(self) -> None:
        """End the loop and close its connections. Does nothing in a forked child, which has no such thread."""
        if self.publishing.is_usable():
            self.publishing.loop.call_soon_threadsafe(self.publishing.loop.stop)
            self._thread.join()


class _Registry:
    """Knows the attached loops and the background loop; one per process, guarded for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attached: list[PublishingLoop] = []
        self._background: _Background | None = None
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._attached = []
        self._background = None

    def attach(self, publishing: PublishingLoop) -> None:
        with self._lock:
            self._attached.append(publishing)

    def detach(self, publishing: PublishingLoop) -> None:
        with self._lock:
            self._attached = [other for other in self._attached if other is not publishing]

    def is_attached(self) -> bool:
        return any(publishing.is_usable() for publishing in self._attached)

    def is_running_here(self) -> bool:
        """Tell whether the calling thread runs one of the attached loops."""
        running = asyncio._get_running_loop()
        return running is not None and self.on_this_loop(running) is not None

    def current(self) -> PublishingLoop:
        with self._lock:
            for publishing in reversed(self._attached):
                if publishing.is_usable():
                    return publishing
            if self._background is None or not self._background.publishing.is_usable():
                self._background = _Background()
            return self._background.publishing

    def on_this_loop(self, loop: asyncio.AbstractEventLoop) -> PublishingLoop | None:
        return next((each for each in self._attached if each.loop is loop and each.is_usable()), None)


_registry = _Registry()
attach = _registry.attach
detach = _registry.detach
is_attached = _registry.is_attached


async def run(function: Callable[[PublishingLoop], Coroutine[Any, Any, T]], timeout: float = CALL_TIMEOUT) -> T:
    """Await ``function(publishing_loop)`` on the loop for publishing, from whatever loop this is.

    Raises redis-py's ConnectionError if another loop does not finish it within `timeout` seconds.
    """
    own = _registry.on_this_loop(asyncio.get_running_loop())
    if own is not None:
        return await function(own)
    publishing = _registry.current()
    future = asyncio.run_coroutine_threadsafe(function(publishing), publishing.loop)
    waiting = asyncio.wrap_future(future)
    try:
        done, _ = await asyncio.wait([waiting], timeout=timeout)
    finally:
        future.cancel()
    if not done:
        raise _timed_out(timeout)
    return waiting.result()


def check_run_from_thread() -> None:
    """Raise where `run_from_thread` cannot work.

    That is SynchronousOnlyOperation if this thread runs the publishing loop itself and would wait for itself, and
    ConfigurationError if the loop needs a thread and gevent or eventlet has replaced Python's threads.
    """
    if _registry.is_running_here():
        raise SynchronousOnlyOperation(
            "publish_message() and close_sockets() would wait for the event loop that this very thread runs, whatever "
            "DJANGO_ALLOW_ASYNC_UNSAFE says: await apublish_message() or aclose_sockets() instead."
        )
    if not _registry.is_attached() and not isinstance(_thread.start_new_thread, BuiltinFunctionType):
        raise ConfigurationError(
            "CHANNEL_LAYERS has a layer that can be published to only from an event loop, which needs a thread of its "
            "own, and gevent or eventlet has replaced Python's threads. Use a layer of channels_redis, or set "
            "WS4CHANNELS_TRANSPORT = 'redis'."
        )


def run_from_thread(function: Callable[[PublishingLoop], Coroutine[Any, Any, T]], timeout: float = CALL_TIMEOUT) -> T:
    """Wait for ``function(publishing_loop)`` on the loop for publishing, from a thread that runs no loop.

    Raises redis-py's ConnectionError if that loop does not finish it within `timeout` seconds.

    Call `check_run_from_thread` before.
    """
    publishing = _registry.current()
    future = asyncio.run_coroutine_threadsafe(function(publishing), publishing.loop)
    try:
        return future.result(timeout)
    except concurrent.futures.TimeoutError as error:
        if future.done():
            raise
        future.cancel()
        raise _timed_out(timeout) from error


def _timed_out(timeout: float) -> RedisConnectionError:
    return RedisConnectionError(f"Publishing did not finish within {timeout} s.")


__all__ = ["PublishingLoop", "attach", "detach", "is_attached", "run", "run_from_thread"]
