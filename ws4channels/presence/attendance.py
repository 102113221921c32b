"""The presence of one hub's websockets: writes it to Redis every few seconds, and tells clients and receivers."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import os
import secrets
import socket
import weakref
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from functools import partial

from ws4channels import connections, settings
from ws4channels.access.handshake import Agreement
from ws4channels.access.presence import NO_TERMS
from ws4channels.audience import facility_roll_key, presence_key, shared_audience_in
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.connections.log_throttle import LogThrottle
from ws4channels.connections.pipelines import aask
from ws4channels.delivery.forms import control_frame
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.subscriber_map import Subscriber, flush_each
from ws4channels.presence.records import Record, read_answers, write_commands
from ws4channels.presence.rolls import GRACE, News, Roll
from ws4channels.presence.signals import Announcer, client_joined, client_left, is_anybody_listening
from ws4channels.shown import error_on_one_line
from ws4channels.transports import publishing, publishing_loop
from ws4channels.transports.messages import Payload, Publication
from ws4channels.transports.publishing_loop import PublishingLoop

logger = logging.getLogger(__name__)

INTERVAL = 3.0
"""Seconds between two writes of what has not changed."""

_RETRY_DELAY = 0.5
_TOLD_PER_TURN = 500


class Attendance:
    """Knows which websockets of a hub are present under which keys. Ends when there is none any more."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._process = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}".encode("utf-8", "replace")
        self._clock = asyncio.get_running_loop().time
        self._rolls: dict[str, Roll] = {}
        self._changed: dict[str, None] = {}
        self._leaving: deque[tuple[float, str, str]] = deque()
        """When which user may be removed from the roll of which key; soonest first."""
        self._wake = asyncio.Event()
        self._write_all_at = self._written_at = self._clock()
        self._is_listening = False
        self._announcer = Announcer(hub.threads)
        self._refusals = LogThrottle(quiet=60.0)
        self.running: asyncio.Task[None] | None = None

    def enter(self, agreement: Agreement, subscriber: Subscriber) -> Presentee:
        """Note a websocket that has opened, and tell `subscriber` who is here. Undo it with the result's `leave`."""
        keys, shown = agreement.presence or NO_TERMS
        facility, person = agreement.facility, (agreement.user, agreement.session)
        if is_anybody_listening(facility):
            key = facility_roll_key(settings.WS4REDIS_PREFIX, facility)
            keys = (*keys, key)
            self._rolls.setdefault(key, Roll(facility))
        for key in keys:
            self._rolls.setdefault(key, Roll()).enter(*person, self._clock())
        for key in shown:
            self._rolls[key].watch(subscriber)
        self._note_changes(keys)
        return Presentee(self, keys, shown, person, subscriber)

    def leave(self, presentee: Presentee) -> None:
        """Note a websocket that has closed."""
        now = self._clock()
        user, session = presentee.person
        for key in presentee.shown:
            self._rolls[key].unwatch(presentee.subscriber)
        for key in presentee.keys:
            if self._rolls[key].leave(user, session, now) and user is not None:
                self._leaving.append((now + GRACE, key, user))
        self._note_changes(presentee.keys)

    def _note_changes(self, keys: Iterable[str]) -> None:
        self._changed.update(dict.fromkeys(keys))
        self._wake.set()

    async def run(self) -> None:
        """Write and tell, until nobody is here."""
        try:
            while self._rolls:
                await self._pause()
                try:
                    await self._exchange()
                except Exception as error:
                    self._note_failure(error)
                    await asyncio.sleep(_RETRY_DELAY)
        finally:
            # Without an await after the last look at the rolls: who comes now begins another.
            _forget(self._hub)

    async def _pause(self) -> None:
        """Wait for a change, and then for others to come with it; or until it is time to write all again."""
        until = min(self._write_all_at, self._leaving[0][0] + 0.1 if self._leaving else self._write_all_at)
        with suppress(asyncio.TimeoutError):
            await within(max(until - self._clock(), 0.01), self._wake.wait())
        if self._wake.is_set():
            await asyncio.sleep(max((self._rolls[key].delay for key in self._changed if key in self._rolls), default=0))
            self._wake.clear()

    async def _exchange(self) -> None:
        """Write what is due, read what others wrote, and tell what is new."""
        if not self._is_listening:
            key = presence_key(settings.WS4REDIS_PREFIX)
            await self._hub.handle(key, partial(_on_note, self._hub))
            self._is_listening = True
        now = self._clock()
        self._expire(now)
        is_time_for_all = now >= self._write_all_at
        due = list(self._rolls if is_time_for_all else filter(self._rolls.__contains__, self._changed))
        bodies = {key: (self._rolls[key].body, self._rolls[key].needs_others) for key in due}
        self._changed.clear()
        try:
            answers = await publishing_loop.run(partial(self._write, bodies, now))
        except BaseException:
            self._changed.update(dict.fromkeys(due))
            raise
        if is_time_for_all:
            self._write_all_at = now + INTERVAL
        is_continuous = now - self._written_at < 2 * INTERVAL
        self._written_at = now
        await self._take(bodies, answers, is_continuous)

    def _expire(self, now: float) -> None:
        while self._leaving and self._leaving[0][0] <= now:
            _, key, user = self._leaving.popleft()
            if key in self._rolls:
                self._rolls[key].expire(user, now)
                self._changed[key] = None

    async def _write(
        self, bodies: dict[str, tuple[bytes, bool]], now: float, publishing_loop: PublishingLoop
    ) -> dict[str, tuple[int, list[tuple[bytes, Record]]]]:
        client = publishing_loop.client
        is_cluster = connections.pool_of(client) is None
        commands = list(write_commands(self._process, int(now * 1000), bodies, is_cluster))
        answers = await aask(client, [command for command, _ in commands])
        keys = [key for _, some in commands for key in some]
        return dict(zip(keys, read_answers(answers), strict=True))

    async def _take(
        self,
        bodies: dict[str, tuple[bytes, bool]],
        answers: dict[str, tuple[int, list[tuple[bytes, Record]]]],
        is_continuous: bool,
    ) -> None:
        news = {}
        concerned = []
        for key, (read_at, records) in answers.items():
            roll, (body, is_complete) = self._rolls[key], bodies[key]
            is_changed = (roll.written or b"") != body
            roll.written = body or None
            if is_complete:
                roll.take(records, read_at, self._clock(), is_continuous)
                news[key] = roll.news()
            else:
                roll.forget_others()
            if is_changed and body and roll.has_others:
                concerned.append(key)
            self._announce(roll)
            if roll.is_over:
                del self._rolls[key]
        for key, each in news.items():
            if each is not None:
                await _tell(key, each)
        await self._notify(concerned)

    def _announce(self, roll: Roll) -> None:
        if roll.facility is not None:
            self._announcer.announce(client_joined, roll.facility, roll.joined)
            self._announcer.announce(client_left, roll.facility, roll.left)
            roll.joined, roll.left = [], []

    async def _notify(self, keys: list[str]) -> None:
        """Have other processes read what has changed; without, they read it a little later."""
        if keys and not publishing.recorders:
            content = json.dumps([self._process.decode("utf-8", "replace"), keys]).encode("ascii")
            await publishing.apublish(Publication((presence_key(settings.WS4REDIS_PREFIX),), content, 0))

    def note(self, process: str, keys: Iterable[str]) -> None:
        """Take note that another process has written something."""
        if process != self._process.decode("utf-8", "replace"):
            concerned = [key for key in keys if key in self._rolls]
            if concerned:
                self._note_changes(concerned)

    def _note_failure(self, error: Exception) -> None:
        self._wake.set()
        # Redis forgets who left: nothing needs to be written for those.
        for key in [key for key, roll in self._rolls.items() if roll.is_empty]:
            del self._rolls[key]
        if isinstance(error, UNREACHABLE):
            logger.debug("Presence is not written: %s", error_on_one_line(error))
        elif self._refusals.is_first():
            unknown = None if isinstance(error, RedisError) else error
            logger.error("Presence is not written: %s", error_on_one_line(error), exc_info=unknown)


class Presentee:
    """One websocket that is present."""

    __slots__ = ("_attendance", "keys", "person", "shown", "subscriber")

    def __init__(
        self,
        attendance: Attendance,
        keys: tuple[str, ...],
        shown: tuple[str, ...],
        person: tuple[str | None, str | None],
        subscriber: Subscriber,
    ) -> None:
        self._attendance = attendance
        self.keys = keys
        self.shown = shown
        self.person = person
        self.subscriber = subscriber

    def leave(self) -> None:
        """Note that it has closed."""
        self._attendance.leave(self)


async def _tell(key: str, news: News) -> None:
    """Send the frames of one key to those that watch it."""
    place = _place(key)
    if news.watchers:
        change = {**place, "joined": news.joined, "left": news.left, "anonymous": news.anonymous}
        await _send(change, news.watchers)
    if news.newcomers:
        await _send({**place, "now": news.now, "anonymous": news.anonymous}, news.newcomers)


def _place(key: str) -> dict[str, str]:
    """Return what tells a client which of its channels a frame is about."""
    audience, name = shared_audience_in(settings.WS4REDIS_PREFIX, key) or ("", "")
    return {"audience": audience, "name": name} if name else {"audience": audience}


async def _send(content: dict[str, object], subscribers: list[Subscriber]) -> None:
    frame = control_frame({"presence": content})
    for start in range(0, len(subscribers), _TOLD_PER_TURN):
        some = subscribers[start : start + _TOLD_PER_TURN]
        for subscriber in some:
            subscriber.put_own(frame)
        flush_each(some)
        await asyncio.sleep(0)


def _on_note(hub: Hub, payload: Payload) -> None:
    attendance = _find(hub)
    if attendance is None:
        return
    try:
        process, keys = json.loads(payload)
        attendance.note(str(process), [str(key) for key in keys])
    except (ValueError, TypeError):
        logger.debug("Ignored what another program sent to the key of presence.")


# An attendance ends before its hub, and that with its event loop; nothing here crosses a fork, where loops are new.
_attendances: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Hub, Attendance]] = weakref.WeakKeyDictionary()


def get_attendance(hub: Hub) -> Attendance:
    """Return the attendance of a hub; begin one where there is none. It is given a websocket at once."""
    attendance = _find(hub)
    if attendance is None:
        attendance = _attendances.setdefault(asyncio.get_running_loop(), {})[hub] = Attendance(hub)
        # In a new context: that of the first websocket would keep its request alive.
        attendance.running = contextvars.Context().run(asyncio.create_task, attendance.run())
    return attendance


def _find(hub: Hub) -> Attendance | None:
    return _attendances.get(asyncio.get_running_loop(), {}).get(hub)


def _forget(hub: Hub) -> None:
    _attendances.get(asyncio.get_running_loop(), {}).pop(hub, None)
