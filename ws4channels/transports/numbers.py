"""Numbers of messages, and the keys in which Redis keeps them. Pure.

Each message that is kept has a number, and names the number of its key's message before it: who has seen ``n`` and now
sees a message that follows ``n`` has missed nothing. Redis gives both when it keeps the message. A number is a time,
microseconds since 1970 by Redis' clock; it is even, and larger than all before it. An odd number, or 0, belongs to no
message: a key's sequence of messages began there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import blake2b
from itertools import groupby
from typing import Any, NamedTuple

from redis.crc import key_slot

from ws4channels import settings
from ws4channels.audience import facility_in
from ws4channels.connections.remembered import Remembered
from ws4channels.transports.messages import DIGITS, Delivery, split_numbers, to_payload

_DIGEST_SIZE = 8
_EXTRAS = "ws4channels:"
_SLOTS_TRIED = 200_000


class Extras(NamedTuple):
    """The keys beside a message's key, all in its cluster slot."""

    record: str
    """Number and predecessor of the newest message: ``NUMBER PREVIOUS DIGEST BYTES``, without the spaces."""
    log: str
    """The newest messages, oldest first: a list of ``NUMBER PREVIOUS DEADLINE PAYLOAD``, without the spaces."""
    note: str
    """The channel on which the redis transport announces the numbers of the next message on the key's own channel."""
    here: str
    """Whose websockets are subscribed to the key: a hash of ``presence.records``."""


def extras_of(key: str) -> Extras:
    """Return the keys beside `key`. None of them is the key of an audience, whatever that is."""
    return _extras_of(settings.WS4REDIS_PREFIX, key)


@lru_cache(maxsize=4096)
def _extras_of(prefix: str | None, key: str) -> Extras:
    # A brace of the prefix would begin the tag. The key has the prefix as well, so that no two keys are the same.
    is_leading = prefix and ("{" not in prefix or _has_tag(prefix))
    lead, tagged = f"{prefix}:{_EXTRAS}" if is_leading else _EXTRAS, _with_tag(key)
    return Extras(*(f"{lead}{word}:{tagged}" for word in ("last", "log", "note", "here")))


def _with_tag(key: str) -> str:
    """Return `key` with a hash tag, so that what stands before it does not change its cluster slot."""
    if _has_tag(key):
        return key
    if "}" not in key:
        return f"{{{key}}}"
    slot = key_slot(key.encode("utf-8"))
    tag = next(tag for tag in map(str, range(_SLOTS_TRIED)) if key_slot(tag.encode()) == slot)
    return f"{{{tag}}}{key}"


def _has_tag(key: str) -> bool:
    # https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags
    _, brace, rest = key.partition("{")
    tag, end, _ = rest.partition("}")
    return bool(brace and end and tag)


def extras_of_each(keys: Iterable[str]) -> list[Extras]:
    """Return what `extras_of` does for each of `keys`."""
    prefix = settings.WS4REDIS_PREFIX
    return [_extras_of(prefix, key) for key in keys]


def history_of(key: str) -> int:
    """Return how many messages of a key are logged: what ``WS4CHANNELS_HISTORY`` says of its facility."""
    setting = settings.WS4CHANNELS_HISTORY
    if isinstance(setting, int):
        return setting
    return _lookup.get(setting)(settings.WS4REDIS_PREFIX, key)


def by_history(keys: tuple[str, ...]) -> Iterable[tuple[int, tuple[str, ...]]]:
    """Yield `keys` in order, in groups for which `history_of` is the same, each behind that number."""
    setting = settings.WS4CHANNELS_HISTORY
    if isinstance(setting, int):
        return [(setting, keys)]
    return ((most, tuple(some)) for most, some in groupby(keys, history_of))


def _build_lookup(setting: Mapping[str, int]) -> Callable[[str | None, str], int]:
    @lru_cache(maxsize=4096)
    def lookup(prefix: str | None, key: str) -> int:
        facility = facility_in(prefix, key)
        return next((count for pattern, count in setting.items() if fnmatchcase(facility, pattern)), 0)

    return lookup


_lookup = Remembered(_build_lookup)


def is_beginning(number: int) -> bool:
    """Tell whether a number belongs to no message, because a sequence begins there."""
    return number == 0 or number % 2 == 1


def digest_of(raw: bytes) -> bytes:
    """Return what tells whether a key still holds the message of its record, or somebody else's."""
    return blake2b(raw, digest_size=_DIGEST_SIZE).digest()


class Record(NamedTuple):
    """What is known of a key's newest message."""

    number: int = 0
    """0: there is no record."""
    previous: int = 0
    kept: Delivery | None = None
    """The kept message; without a number if it is not the one that the record is about."""

    @classmethod
    def read(cls, key: str, raw: bytes | None, record: bytes | None) -> Record:
        """Build it from the values of a key and of its record."""
        is_ours = record is not None and record[: 2 * DIGITS].isdigit()
        number, previous = split_numbers(record[: 2 * DIGITS]) if record and is_ours else (0, 0)
        if not raw:
            return cls(number, previous)
        size = 2 * DIGITS
        is_same = bool(record) and record is not None and record[size : size + _DIGEST_SIZE] == digest_of(raw)
        numbers = (number, previous) if is_same else (0, 0)
        return cls(number, previous, Delivery(to_payload(raw), key, *numbers))

    def without_numbers(self) -> Record:
        """Return the kept message alone."""
        return Record(kept=None if self.kept is None else Delivery(self.kept.payload, self.kept.key))


def bytes_logged(record: bytes) -> int:
    """Return how many bytes the log of a key holds, from the value of its record; 0 where it has none.

    Also 0 where another program wrote the record.
    """
    size = record[2 * DIGITS + _DIGEST_SIZE :]
    return int(size) if size.isdigit() and len(size) <= DIGITS else 0


def read_entry(key: str, entry: bytes) -> Delivery:
    """Build the delivery of an entry of the log; that of a message past its deadline has no payload."""
    number, previous = split_numbers(entry[: 2 * DIGITS])
    return Delivery(to_payload(entry[3 * DIGITS :]), key, number, previous)


def database_of(pool: Any) -> int:
    """Return the database of a pool, which tells sequences of the same key apart; `pool` is None for a cluster."""
    return 0 if pool is None else int(pool.connection_kwargs.get("db") or 0)
