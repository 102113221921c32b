"""Noticing that messages may have been lost, and seeing to it that this is made up for."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from ws4channels import settings
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.counters import counts
from ws4channels.shown import error_on_one_line
from ws4channels.transports.contract import Receiver

logger = logging.getLogger(__name__)

_PROBE_TIMEOUT = 2.0
_RETRY_TIMEOUT = 1.0
_RETRY_DELAY = 0.5
_HOPELESS = 12.0
"""Seconds after which connections that nothing comes by are closed, for the network may have lost them."""


class Watch:
    """Sends a probe through the transport every few seconds, the way that messages go.

    When one does not come back, when receiving fails, or when the receiver says that its connection was another for
    a while, messages may have been lost. Then `recover` is awaited, again and again until it succeeds; it returns how
    many messages it sent. An outage is logged when it begins and when it ends.
    """

    def __init__(self, receiver: Receiver, server: str, recover: Callable[[], Awaitable[int]]) -> None:
        self._receiver = receiver
        self._server = server
        self._recover = recover
        self._interval: float = settings.WS4CHANNELS_PROBE_INTERVAL
        self._generation = receiver.generation
        self._renewed_at = 0.0
        self._failure: BaseException | None = None
        self._alarm = asyncio.Event()

    def alarm(self, failure: BaseException) -> None:
        """Say that receiving failed."""
        self._failure = failure
        self._alarm.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        self._renewed_at = asyncio.get_running_loop().time()
        while True:
            with suppress(asyncio.TimeoutError):
                await within(self._interval, self._alarm.wait())
            trouble = await self._find_trouble()
            if trouble is not None:
                await self._make_up_for(trouble)

    async def _find_trouble(self) -> str | None:
        """Return what is wrong, or None."""
        if self._failure is not None:
            return f"receiving failed ({error_on_one_line(self._failure)})"
        try:
            if self._is_due():
                await self._renew()
            else:
                await self._receiver.probe(_PROBE_TIMEOUT)
        except Exception as error:
            return f"a probe did not come back ({error_on_one_line(error)})"
        if self._receiver.generation != self._generation:
            return "some were missing, or the connection was another one for a while"
        return None

    def _is_due(self) -> bool:
        interval = self._receiver.renewal_interval
        return interval is not None and asyncio.get_running_loop().time() - self._renewed_at >= interval

    async def _renew(self) -> None:
        self._renewed_at = asyncio.get_running_loop().time()
        await self._receiver.restore()
        await self._recover()

    async def _make_up_for(self, trouble: str) -> None:
        counts["gaps"] += 1
        # The traceback of what is known to happen, a Redis that does not answer, would tell nothing more.
        unknown = None if isinstance(self._failure, (*UNREACHABLE, RedisError)) else self._failure
        logger.error("Messages from %s may be lost: %s. Joining again.", self._server, trouble, exc_info=unknown)
        began = asyncio.get_running_loop().time()
        sent = await self._recover_at_last()
        self._failure = None
        self._alarm.clear()
        logger.warning(
            "Receiving from %s again after %.1f s; %s kept messages had changed and were sent.",
            self._server,
            asyncio.get_running_loop().time() - began,
            sent,
        )

    async def _recover_at_last(self) -> int:
        clock = asyncio.get_running_loop().time
        tried_since = clock()
        while True:
            generation = self._receiver.generation
            try:
                if clock() - tried_since > _HOPELESS:
                    tried_since = clock()
                    await within(_RETRY_TIMEOUT, self._receiver.hang_up())
                await within(_RETRY_TIMEOUT, self._receiver.restore())
                await self._receiver.probe(_RETRY_TIMEOUT)
                sent = await self._recover()
            except Exception as error:
                logger.debug("Not yet: %s", error_on_one_line(error))
                await asyncio.sleep(_RETRY_DELAY * random.uniform(0.5, 1))
            else:
                self._generation = generation
                return sent
