"""Read kept messages with their numbers, and the log behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from redis.exceptions import NoPermissionError, ResponseError

from ws4channels.exceptions import RedisRefusal
from ws4channels.transports.messages import Delivery
from ws4channels.transports.numbers import Record, extras_of, read_entry
from ws4channels.transports.scripts import READ_LOG

_FIRST_PIECE = 32
_KEPT_SECONDS = 10.0
_KEPT_BYTES = 32 * 1024 * 1024


async def read_records(client: Any, keys: Sequence[str]) -> dict[str, Record]:
    """Return the kept message of each key and what is known of its number, as they are at one moment."""
    try:
        try:
            values = await client.mget([*keys, *(extras_of(key).record for key in keys)])
        except NoPermissionError:
            values = [*await client.mget(keys), *[None] * len(keys)]
    except ResponseError as error:
        raise RedisRefusal.of("MGET", keys, error) from error
    pairs = zip(keys, values[: len(keys)], values[len(keys) :], strict=True)
    return {key: Record.read(key, raw, record) for key, raw, record in pairs}


def newest_in_log(client: Any, key: str, count: int) -> list[Delivery]:
    """Return so many of the newest messages of a key's log, oldest first, through a sync client."""
    return [read_entry(key, entry) for entry in client.eval(READ_LOG, 1, extras_of(key).log, -count, -1)]


async def anewest_in_log(client: Any, key: str, count: int) -> list[Delivery]:
    """Do as `newest_in_log` with an async client."""
    return [read_entry(key, entry) for entry in await client.eval(READ_LOG, 1, extras_of(key).log, -count, -1)]


class Logs:
    """The ends of logs as one hub reads them: each once for all who want it at about the same time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[Delivery], bool]] = {}
        self._size = 0

    async def read(self, client: Any, key: str, newest: int, after: int | None, count: int) -> list[Delivery]:
        """Return the newest messages of a key, oldest first.

        They begin at number `after` or before, and are `count` at least, if the log holds so many. `newest` is the
        number of the newest message as the key's record has it.
        """
        known, is_whole = self._known.get(key, ([], False))
        is_enough = is_whole or (known and len(known) >= count and (after is None or known[0].number <= after))
        if not known or known[-1].number < newest or not is_enough:
            known = await self._read(client, key, after, count)
        return known

    async def _read(self, client: Any, key: str, after: int | None, count: int) -> list[Delivery]:
        found: dict[int, Delivery] = {}
        start, size, is_whole = 0, max(_FIRST_PIECE, count), False
        while not is_whole:
            # A message that is logged meanwhile moves the others: some are read twice then, and none is left out.
            entries = await client.eval(READ_LOG, 1, extras_of(key).log, -(start + size), -(start + 1))
            found.update((each.number, each) for each in (read_entry(key, entry) for entry in entries))
            is_whole = len(entries) < size
            if len(found) >= count and (after is None or min(found) <= after):
                break
            start, size = start + size, 4 * size
        log = [found[number] for number in sorted(found)]
        self._remember(key, log, is_whole)
        return log

    def _remember(self, key: str, log: list[Delivery], is_whole: bool) -> None:
        self._size += _size_of(log)
        if self._size > _KEPT_BYTES:
            self._known.clear()
            self._size = _size_of(log)
        self._known[key] = log, is_whole
        asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._forget, key, log)

    def _forget(self, key: str, log: list[Delivery]) -> None:
        self._size = max(self._size - _size_of(log), 0)
        if key in self._known and self._known[key][0] is log:
            del self._known[key]


def _size_of(log: Iterable[Delivery]) -> int:
    return sum(each.size for each in log)
