"""One process tells of itself: writes its record every few seconds, and answers questions."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import secrets
import socket
import weakref
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from ws4channels import __version__, connections, settings
from ws4channels.audience import answers_key
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.connections.pipelines import Command, aask, ask
from ws4channels.counters import counts
from ws4channels.delivery.hub import Hub
from ws4channels.processes.asking import build_answer
from ws4channels.processes.census import answer, take_census
from ws4channels.processes.gauges import Gauges
from ws4channels.processes.questions import Question, is_question, read_question
from ws4channels.processes.records import MOST_FACILITIES, build_body, shortened, write_command
from ws4channels.processes.server_names import server_name
from ws4channels.shown import error_on_one_line
from ws4channels.transports import publishing_loop
from ws4channels.transports.messages import Payload
from ws4channels.transports.publishing_loop import PublishingLoop

logger = logging.getLogger(__name__)

INTERVAL = 5.0
"""Seconds between two records."""

_FIRST = 0.5
_RETRY_DELAY = 1.0
_PATIENCE = 0.8  # seconds for a last command, when the process ends
_MOST_QUESTIONS = 10  # waiting; further ones replace the oldest, whose askers have less time left
_ANSWER_TTL = 10  # seconds


async def tell(hub: Hub) -> None:
    """Tell of a hub until cancelled. Does nothing while ``WS4CHANNELS_ADMIN`` is False."""
    teller = Teller(hub)
    hub.companions.on_end.append(teller.end)
    tellers = _tellers.setdefault(asyncio.get_running_loop(), [])
    tellers.append(teller)
    try:
        await teller.run()
    finally:
        tellers.remove(teller)


async def end_all() -> None:
    """Remove the records of all hubs of this event loop, and write none any more."""
    for teller in list(_tellers.get(asyncio.get_running_loop(), ())):
        await teller.end()


class Teller:
    """Tells of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._host = socket.gethostname()
        self._name = f"{self._host}:{os.getpid()}:{secrets.token_hex(4)}"
        self._clock = asyncio.get_running_loop().time
        self._gauges = Gauges(self._clock(), counts["deliveries"])
        self._write_at = self._clock() + _FIRST
        self._questions: deque[Question] = deque(maxlen=_MOST_QUESTIONS)
        self._wake = asyncio.Event()
        self._publishing: PublishingLoop | None = None
        """Where the last record was written; None if there is none."""
        self._remove_at_exit = partial(_remove_at_exit, self._name, os.getpid())
        self._failures = LogThrottle(quiet=60.0)
        self._has_ended = False

    async def run(self) -> None:
        """Write and answer until cancelled."""
        self._hub.sockets.on_question = self._take
        while not self._has_ended and not self._hub.companions.is_over:
            timer = asyncio.get_running_loop().call_at(self._write_at, self._wake.set)
            await self._wake.wait()
            timer.cancel()
            self._wake.clear()
            try:
                await self._answer_all()
                if self._clock() >= self._write_at and not self._has_ended:
                    await self._write()
            except Exception as error:
                self._note_failure(error)

    def _take(self, payload: Payload) -> bool:
        """Take a question; tell whether it was meant as one. One that nobody of this site asked is ignored."""
        if not is_question(payload):
            return False
        question = read_question(payload) if settings.WS4CHANNELS_ADMIN else None
        if question is not None:
            self._questions.append(question)
            self._wake.set()
        return True

    async def _answer_all(self) -> None:
        # Those that come meanwhile are answered next: the record is due in between.
        for _ in range(len(self._questions)):
            question = self._questions.popleft()
            raw = build_answer(self._name, await answer(self._hub, question))
            key = answers_key(settings.WS4REDIS_PREFIX, question.number)
            await self._send(("RPUSH", key, raw), ("EXPIRE", key, _ANSWER_TTL))

    async def _write(self) -> None:
        self._write_at = self._clock() + INTERVAL
        if not settings.WS4CHANNELS_ADMIN:
            await self._remove()
            return
        content = await self._content()
        publishing = await self._send(write_command(build_body(self._name, content)))
        if self._publishing is None:
            # Daphne ends without cancelling anything.
            atexit.register(self._remove_at_exit)
        self._publishing = publishing

    async def _content(self) -> dict[str, Any]:
        census = await take_census(self._hub)
        now, gauges = self._clock(), self._gauges
        gauges.note(now, counts["deliveries"], census.sockets)
        return {
            "host": shortened(self._host),
            "pid": os.getpid(),
            "server": server_name(),
            "version": __version__,
            "up": gauges.seconds(now),
            "sockets": census.sockets,
            "keys": self._hub.key_count,
            "waiting": census.waiting,
            "deliveries": counts["deliveries"],
            "rate": gauges.rate,
            "outages": counts["gaps"],
            "refused": counts["refused"],
            "slow": counts["slow_clients_closed"],
            "resumed": counts["resumes_complete"],
            "not_recovered": counts["resumes_incomplete"],
            "facilities": [(shortened(name), count) for name, count in census.facilities.most_common(MOST_FACILITIES)],
            "points": list(gauges.points),
        }

    async def _send(self, *commands: Command) -> PublishingLoop:
        """Have Redis execute commands; return where that was done."""

        async def send(publishing: PublishingLoop) -> PublishingLoop:
            _raise_refusal(await aask(publishing.client, commands))
            return publishing

        return await publishing_loop.run(send)

    async def end(self) -> None:
        """Answer nothing any more, and remove the record."""
        self._has_ended = True
        self._hub.sockets.on_question = None
        await self._remove()

    async def _remove(self) -> None:
        """Remove the record, if there is one; Redis forgets it a little later where that fails."""
        publishing, self._publishing = self._publishing, None
        if publishing is None:
            return
        atexit.unregister(self._remove_at_exit)
        # Not `_send`: when a hub ends, its loop is not that for publishing any more.
        gone = write_command(build_body(self._name, None))
        with suppress(*UNREACHABLE, RedisError):
            asking = aask(publishing.client, [gone])
            if publishing.loop is not asyncio.get_running_loop():
                # The hub's loop was not that for publishing yet when the record was written.
                await within(_PATIENCE, asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, publishing.loop)))
            else:
                await within(_PATIENCE, asking)

    def _note_failure(self, error: Exception) -> None:
        if isinstance(error, UNREACHABLE):
            self._write_at = self._clock() + _RETRY_DELAY
            # The outage is logged once, by Watch.
            logger.debug("The record of this process is not written: %s", error_on_one_line(error))
        elif self._failures.is_first():
            unknown = None if isinstance(error, RedisError) else error
            logger.warning("The record of this process is not written: %s", error_on_one_line(error), exc_info=unknown)


_tellers: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, list[Teller]] = weakref.WeakKeyDictionary()
"""Those that run, by their event loop."""


def _raise_refusal(answers: list[Any]) -> None:
    for each in answers:
        if isinstance(each, Exception):
            raise each


def _remove_at_exit(name: str, pid: int) -> None:
    """Remove a record when Python ends, unless that is in a fork."""
    if os.getpid() != pid:
        return
    limits = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    with suppress(*UNREACHABLE, RedisError):
        client = connections.build_sync_client({**settings.WS4REDIS_CONNECTION, **limits})
        ask(client, [write_command(build_body(name, None))])
        client.close()
