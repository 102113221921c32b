"""What a server process writes of itself into Redis, and how others read it. Without a client of Redis.

All processes of a site write into one list, which holds entries ``AT BODY`` without the space: when it was written by
Redis' clock, in microseconds, and JSON. A process writes a new entry every few seconds; the last one counts. Entries
that are older than `LIFETIME` are removed by the next writer, and the list expires when nobody writes. One list,
because that is one round trip, one cluster slot, and no key that has to be searched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ws4channels import settings
from ws4channels.audience import processes_key
from ws4channels.connections.pipelines import Command

LIFETIME = 15.0
"""Seconds after which a process that has not written again counts as gone."""

MOST_FACILITIES = 50
"""Facilities that a record names, those with most sockets."""

MOST_POINTS = 60
"""Points of the recent past in a record."""

_MOST_ENTRIES = 2000
_MOST_BYTES = 64 * 1024
_LONGEST_TEXT = 500
_LARGEST = 2**53  # what every JSON reader holds exactly
_DIGITS = 16

# KEYS: the list. ARGV: the body, the lifetime in microseconds, and in seconds.
WRITE = """
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6)
redis.call('RPUSH', KEYS[1], now .. ARGV[1])
while true do
    local at = tonumber(string.sub(redis.call('LINDEX', KEYS[1], 0), 1, 16))
    if at and at > tonumber(now) - ARGV[2] and at <= tonumber(now) then break end
    redis.call('LPOP', KEYS[1])
end
redis.call('LTRIM', KEYS[1], -2000, -1)
redis.call('EXPIRE', KEYS[1], ARGV[3])
return now
"""

# KEYS: the list. Returns the time and the entries, oldest first.
READ = """
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6)
return {now, redis.call('LRANGE', KEYS[1], -2000, -1)}
"""


@dataclass(frozen=True)
class Process:
    """One server process that has websockets, or had some."""

    name: str
    """Tells it from all others, also those of the same host with the same number later."""
    host: str
    pid: int
    server: str
    """``daphne``, ``uvicorn`` or ``other``."""
    version: str
    """Of this package."""
    started: datetime
    """When it got its first websocket, by Redis' clock, to the second."""
    sockets: int
    """Websockets and event streams now."""
    keys: int
    """Keys that these subscribe to."""
    waiting: int
    """Messages that wait in outboxes, for clients that read slowly."""
    deliveries: int
    """Messages given to websockets since it started, each counted once for each of them."""
    rate: float
    """Deliveries per second, in the last seconds."""
    outages: int
    """How often messages may have been lost on their way to it."""
    refused: int
    """Handshakes."""
    slow: int
    """Websockets closed because their clients did not keep up."""
    resumed: int
    """Websockets of clients that came back and were sent all they had missed."""
    not_recovered: int
    """Websockets of clients that came back and were told that messages may be missing."""
    facilities: tuple[tuple[str, int], ...] = ()
    """Up to 50 with their numbers of sockets, those with most first."""
    points: tuple[tuple[int, int], ...] = ()
    """The last ten minutes, oldest first: deliveries in ten seconds, and sockets at their end."""


_TEXTS = ("name", "host", "server", "version")
_COUNTS = ("pid", "sockets", "keys", "waiting", "deliveries", "outages", "refused", "slow", "resumed", "not_recovered")


def shortened(text: str) -> str:
    """Return a text as a record may hold it."""
    return text[:_LONGEST_TEXT]


def write_command(body: bytes) -> Command:
    """Return the command that writes a record's body."""
    key = processes_key(settings.WS4REDIS_PREFIX)
    return ("EVAL", WRITE, 1, key, body, int(LIFETIME * 1_000_000), int(LIFETIME))


def read_command() -> Command:
    """Return the command that reads all records."""
    return ("EVAL", READ, 1, processes_key(settings.WS4REDIS_PREFIX))


def build_body(name: str, content: dict[str, Any] | None) -> bytes:
    """Return the body of a record; without `content`, that of a process that has ended.

    Facilities are left out where readers would not take the whole: clients choose the names, which may be long.
    """
    whole: dict[str, Any] = {"name": name, "gone": True} if content is None else {"name": name, **content}
    while True:
        body = json.dumps(whole, separators=(",", ":")).encode("ascii")
        facilities = whole.get("facilities")
        if _DIGITS + len(body) <= _MOST_BYTES or not facilities:
            return body
        whole["facilities"] = facilities[: len(facilities) // 2]


def read_processes_in(answer: Any) -> list[Process]:
    """Return the processes in the answer to `read_command`, by host and number; others' values are left out.

    Raises what Redis answered if it refused.
    """
    if isinstance(answer, Exception):
        raise answer
    now, entries = answer
    found: dict[str, Process] = {}
    for entry in entries[-_MOST_ENTRIES:]:
        name, process = _read_entry(int(now), entry)
        found.pop(name, None)
        if process is not None:
            found[name] = process
    return sorted(found.values(), key=lambda each: (each.host, each.pid, each.name))


def _read_entry(now: int, entry: bytes) -> tuple[str, Process | None]:
    at = entry[:_DIGITS]
    if len(entry) > _MOST_BYTES or not at.isdigit() or not 0 <= now - int(at) <= LIFETIME * 1_000_000:
        return "", None
    try:
        content = json.loads(entry[_DIGITS:])
        name = _text(content["name"])
        return name, None if "gone" in content else _read_content(int(at), content)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        # Another program or a later version wrote it.
        return "", None


def _read_content(at: int, content: dict[str, Any]) -> Process:
    texts: dict[str, Any] = {field: _text(content[field]) for field in _TEXTS}
    counts: dict[str, Any] = {field: count_in(content[field]) for field in _COUNTS}
    return Process(
        **texts,
        **counts,
        started=datetime.fromtimestamp(round(at / 1_000_000 - count_in(content["up"])), timezone.utc),
        rate=count_in(int(content["rate"] * 10)) / 10,
        facilities=tuple((_text(name), count_in(count)) for name, count in content["facilities"][:MOST_FACILITIES]),
        points=tuple((count_in(count), count_in(sockets)) for count, sockets in content["points"][-MOST_POINTS:]),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise TypeError("not a short text")
    return _writable(value)


def _writable(text: str) -> str:
    """Return a text if pages and Redis take it; raise ValueError for halves of characters, which JSON may hold."""
    text.encode("utf-8")
    return text


def count_in(value: Any) -> int:
    """Return `value` if it is a count; raise TypeError or ValueError if it is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("not a whole number")
    if not 0 <= value <= _LARGEST:
        raise ValueError("not a count")
    return value


def read_names(pairs: Any, most: int) -> Iterable[tuple[str, int]]:
    """Yield up to `most` keys with their counts out of JSON; raise TypeError or ValueError where it has others."""
    if not isinstance(pairs, list):
        raise TypeError("not a list")
    for name, count in pairs[:most]:
        if not isinstance(name, str):
            raise TypeError("not a text")
        yield _writable(name), count_in(count)
