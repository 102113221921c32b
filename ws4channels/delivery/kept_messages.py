"""Read what Redis keeps of keys, in one round trip for all websockets that connect at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from redis.exceptions import ResponseError

from ws4channels import settings
from ws4channels.delivery.batches import Batches
from ws4channels.delivery.sequences import State
from ws4channels.transports.contract import Receiver
from ws4channels.transports.history import Logs, read_records
from ws4channels.transports.numbers import Record, extras_of, history_of
from ws4channels.transports.publishing_loop import PublishingLoop
from ws4channels.transports.scripts import BEGIN, REMEMBER

_KEYS_PER_READ = 1000
_CONFIRM_TIMEOUT = 5.0


class Wanted(NamedTuple):
    """What is wanted of a key beside its kept message."""

    after: int | None = None
    """The messages after this number."""
    newest: int = 0
    """So many of the newest messages."""

    def merged(self, other: Wanted) -> Wanted:
        """Return what serves both."""
        afters = [each for each in (self.after, other.after) if each is not None]
        return Wanted(min(afters, default=None), max(self.newest, other.newest))


class KeptMessages:
    """Reads kept messages, their numbers and logs."""

    def __init__(self, publishing: PublishingLoop, receiver: Receiver) -> None:
        self._publishing = publishing
        self._receiver = receiver
        self._logs = Logs()
        self._batches = Batches(self._read)

    async def read(self, wanted: Mapping[str, Wanted]) -> dict[str, State]:
        """Return the state of keys, when all that was published before it has been received."""
        return await self._batches.submit(wanted)

    async def catch_up(self) -> None:
        """Return when all that was published before this call has been received."""
        await self._receiver.confirm(_CONFIRM_TIMEOUT)

    async def begin(self, keys: tuple[str, ...]) -> dict[str, int]:
        """Give each of `keys` a number that its next message follows; return these, as far as Redis allows it."""
        numbers = {}
        for key in keys:
            extras = extras_of(key)
            names = [extras.record, extras.log] if history_of(key) else [extras.record]
            try:
                number = await self._publishing.client.eval(
                    BEGIN, len(names), *names, settings.WS4CHANNELS_POSITION_EXPIRE
                )
            except ResponseError:
                continue  # Publishing reports that Redis refuses numbers.
            numbers[key] = int(number)
        return numbers

    async def remember(self, keys: tuple[str, ...]) -> None:
        """Keep the records of `keys` for as long again, if that is longer."""
        async with self._publishing.client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.eval(REMEMBER, 1, extras_of(key).record, settings.WS4CHANNELS_POSITION_EXPIRE)
            await pipeline.execute(raise_on_error=False)

    async def _read(self, batch: list[Mapping[str, Wanted]]) -> list[dict[str, State]]:
        wanted: dict[str, Wanted] = {}
        for each in batch:
            for key, want in each.items():
                wanted[key] = want.merged(wanted[key]) if key in wanted else want
        records: dict[str, Record] = {}
        keys = list(wanted)
        for start in range(0, len(keys), _KEYS_PER_READ):
            records |= await read_records(self._publishing.client, keys[start : start + _KEYS_PER_READ])
        if not self._receiver.has_numbers:
            # What arrives could not be told from what is read.
            records = {key: record.without_numbers() for key, record in records.items()}
        states = {key: await self._state(key, records[key], wanted[key]) for key in keys}
        await self._receiver.confirm(_CONFIRM_TIMEOUT)
        return [{key: states[key] for key in each} for each in batch]

    async def _state(self, key: str, record: Record, want: Wanted) -> State:
        is_behind = want.after is not None and want.after != record.number
        most = min(want.newest, history_of(key))
        if not record.number or not history_of(key) or not (is_behind or most > 1):
            return State(record)
        after = want.after if is_behind else None
        log = await self._logs.read(self._publishing.client, key, record.number, after, most)
        # What was logged since the record was read is under way: who is sent first what the record knows needs it.
        return State(record, [each for each in log if each.number <= record.number])
