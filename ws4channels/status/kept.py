"""Which messages are kept in Redis."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ws4channels.audience import BROADCAST, NAMED_AUDIENCES
from ws4channels.transports.numbers import Record, bytes_logged, extras_of, is_beginning

_BATCH = 1000
_GLOB = re.compile(r"([\\*?\[\]])")
_KEY = re.compile(rf"{BROADCAST}:.+|({'|'.join(NAMED_AUDIENCES)}):[^:]+:.+", re.S)


@dataclass(frozen=True)
class Kept:
    """A kept message. `seconds` and `size`, in bytes, are None if the key is gone meanwhile or holds something else."""

    key: str
    seconds: int | None = None
    size: int | None = None
    logged: int = 0
    """How many messages its log holds."""
    logged_size: int = 0
    """Bytes of the log."""
    number: int = field(default=0, compare=False)
    """When its newest message was published, in microseconds by Redis' clock; 0 where that is not known."""


def escape_glob(text: str) -> str:
    """Return the pattern that matches `text` alone, for SCAN and PUBSUB."""
    return _GLOB.sub(r"\\\1", text)


def patterns(prefix: str | None) -> list[str]:
    """Return the patterns that match all keys of messages, and perhaps others: `is_key` tells."""
    return [f"{escape_glob(prefix)}:*"] if prefix else [f"{audience}:*" for audience in (BROADCAST, *NAMED_AUDIENCES)]


def is_key(name: str, prefix: str | None) -> bool:
    """Tell whether a name has the form of a message's key."""
    lead = f"{prefix}:" if prefix else ""
    return name.startswith(lead) and _KEY.fullmatch(name, len(lead)) is not None


def find_kept(client: Any, prefix: str | None, limit: int) -> tuple[list[str], bool]:
    """Return up to `limit` keys of kept messages, sorted, and whether these are all.

    Goes through the database with SCAN, which does not block Redis.
    """
    found = sorted(itertools.islice(_scan(client, prefix), limit + 1))
    return found[:limit], len(found) <= limit


def _scan(client: Any, prefix: str | None) -> Iterator[str]:
    seen: set[str] = set()
    for pattern in patterns(prefix):
        for raw in client.scan_iter(match=pattern, count=_BATCH):
            name = raw.decode("utf-8", "backslashreplace")
            if is_key(name, prefix) and name not in seen:
                # SCAN may return a key twice.
                seen.add(name)
                yield name


def measure(client: Any, keys: list[str]) -> list[Kept]:
    """Return how long each is kept, and its size."""
    kept = []
    for start in range(0, len(keys), _BATCH):
        some = keys[start : start + _BATCH]
        with client.pipeline(transaction=False) as pipeline:
            for key in some:
                pipeline.ttl(key)
                pipeline.strlen(key)
                pipeline.llen(extras_of(key).log)
                pipeline.get(extras_of(key).record)
            answers = pipeline.execute(raise_on_error=False)
        for key, each in zip(some, zip(*[iter(answers)] * 4, strict=True), strict=True):
            number = Record.read(key, None, each[3] if isinstance(each[3], bytes) else None).number
            known = 0 if is_beginning(number) else number
            kept.append(Kept(key, *_measures(*each[:2]), *_log_measures(*each[2:]), known))
    return kept


def _log_measures(length: Any, record: Any) -> tuple[int, int]:
    size = bytes_logged(record) if isinstance(record, bytes) else 0
    return (length, size) if isinstance(length, int) and length else (0, 0)


def _measures(seconds: Any, size: Any) -> tuple[int | None, int | None]:
    if not isinstance(seconds, int) or not isinstance(size, int) or seconds == -2:
        return None, None
    return (None if seconds == -1 else seconds), size
