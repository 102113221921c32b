"""Notice that messages may have been lost, and recover."""

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


class Watch:
    """Watches one receiver: sends a probe every few seconds, and is told by the receiver and the hub of failures.

    `compare` is awaited every ``comparison_interval`` of the receiver.

    After a failure, `recover` is awaited until it succeeds; it returns how many messages it sent. An outage is logged
    when it begins and when it ends. `retry_delay` is in seconds; after `reconnect_after` seconds without an answer the
    receiver's connections are replaced (half-open TCP connection).
    """

    def __init__(
        self,
        receiver: Receiver,
        server: str,
        recover: Callable[[], Awaitable[int]],
        compare: Callable[[], Awaitable[None]],
        retry_delay: float = 0.5,
        reconnect_after: float = 12.0,
    ) -> None:
        self._receiver = receiver
        self._server = server
        self._recover = recover
        self._compare = compare
        self._retry_delay = retry_delay
        self._reconnect_after = reconnect_after
        self._interval: float = settings.WS4CHANNELS_PROBE_INTERVAL
        self._renewed_at = self._compared_at = 0.0
        self.is_interrupted = False
        """Whether messages may have been lost that were not looked for yet."""
        self._failure: BaseException | None = None
        self._trouble: str | None = None
        self._reported = asyncio.Event()
        receiver.on_loss = self.report

    def report(self, trouble: str, failure: BaseException | None = None) -> None:
        """Note that messages may have been lost; `failure` is an error of receiving."""
        self._trouble, self._failure = trouble, failure
        self.is_interrupted = True
        self._reported.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        self._renewed_at = self._compared_at = asyncio.get_running_loop().time()
        while True:
            with suppress(asyncio.TimeoutError):
                await within(self._interval, self._reported.wait())
            trouble = self._trouble or await self._probe()
            if trouble is not None:
                await self._handle_outage(trouble)

    async def _probe(self) -> str | None:
        """Return what is wrong, or None."""
        try:
            now = asyncio.get_running_loop().time()
            interval = self._receiver.renewal_interval
            if interval is not None and now - self._renewed_at >= interval:
                await self._renew()
            elif now - self._compared_at >= self._receiver.comparison_interval:
                self._compared_at = now
                await self._compare()
            else:
                await self._receiver.confirm(_PROBE_TIMEOUT)
        except Exception as error:
            self.is_interrupted = True
            return f"a probe did not come back ({error_on_one_line(error)})"
        return None

    async def _renew(self) -> None:
        self._renewed_at = asyncio.get_running_loop().time()
        await self._receiver.restore()
        await self._recover()

    async def _handle_outage(self, trouble: str) -> None:
        counts["gaps"] += 1
        # A Redis that does not answer needs no traceback.
        unknown = None if isinstance(self._failure, (*UNREACHABLE, RedisError)) else self._failure
        logger.error("Messages from %s may be lost: %s. Joining again.", self._server, trouble, exc_info=unknown)
        began = asyncio.get_running_loop().time()
        sent = await self._recover_until_done()
        logger.warning(
            "Receiving from %s again after %.1f s; %s messages that were missing were read and sent.",
            self._server,
            asyncio.get_running_loop().time() - began,
            sent,
        )

    async def _recover_until_done(self) -> int:
        clock = asyncio.get_running_loop().time
        tried_since = clock()
        while True:
            is_hopeless = clock() - tried_since > self._reconnect_after
            if is_hopeless:
                tried_since = clock()
            try:
                await within(_RETRY_TIMEOUT, self._receiver.restore(reconnect=is_hopeless))
                await self._receiver.confirm(_RETRY_TIMEOUT)
                # Recovering makes up for what was reported until now; what comes later is the next outage.
                self._trouble = self._failure = None
                self._reported.clear()
                sent = await self._recover()
            except Exception as error:
                logger.debug("Not yet: %s", error_on_one_line(error))
                await asyncio.sleep(self._retry_delay * random.uniform(0.5, 1))
            else:
                self.is_interrupted = self._reported.is_set()
                return sent
