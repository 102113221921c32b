"""What Redis keeps of presence: for each key a hash, in which each process has a field that it writes again and again.

A field holds ``AT CLOCK BODY`` without the spaces: when it was written by Redis' clock, in microseconds; the same by
the process's clock, in milliseconds; and JSON of the users, each with the number of its websockets and since when, by
the process's clock, and of the number of anonymous websockets. A process that ends leaves a field that gets stale.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

from ws4channels.connections.pipelines import Command
from ws4channels.transports.numbers import extras_of

STALE_AFTER = 10.0
"""Seconds after which a field that was not written again counts as gone."""

_TTL = 12  # seconds: what is in the hash of a key that nobody writes to is stale by then
_DIGITS = 16
_KEYS_PER_SCRIPT = 200  # Redis serves nobody else while a script runs.

# KEYS: the hashes. ARGV: process, its clock, seconds until a hash expires; then two for each key: the body, or nothing
# to remove the field, and 1 where the fields of other processes are to be returned. Fields that are stale for a minute
# are removed; until then, others that could not reach Redis may learn that they are stale.
WRITE = """
local process, clock, ttl = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6)
local oldest = string.format('%016.0f', tonumber(now) - 60000000)
local answer = {now}
for i, key in ipairs(KEYS) do
    local body, others = ARGV[2 + 2 * i], {}
    if body == '' then
        redis.call('HDEL', key, process)
    else
        redis.call('HSET', key, process, now .. clock .. body)
        redis.call('EXPIRE', key, ttl)
    end
    if ARGV[3 + 2 * i] == '1' then
        local fields = redis.call('HGETALL', key)
        for j = 1, #fields, 2 do
            if fields[j] == process then
                -- its own
            elseif string.sub(fields[j + 1], 1, 16) < oldest then
                redis.call('HDEL', key, fields[j])
            else
                others[#others + 1], others[#others + 2] = fields[j], fields[j + 1]
            end
        end
    end
    answer[i + 1] = others
end
return answer
"""

# KEYS: the hashes. Returns the time, and the fields of each.
READ = """
local time = redis.call('TIME')
local answer = {time[1] .. string.sub('00000' .. time[2], -6)}
for i, key in ipairs(KEYS) do answer[i + 1] = redis.call('HGETALL', key) end
return answer
"""


class Listed(NamedTuple):
    """One user in one process."""

    sockets: int
    since: float
    """Milliseconds by the process's clock."""


class Record(NamedTuple):
    """One field, as it was read."""

    at: int
    clock: int
    body: bytes

    def is_stale(self, now: int) -> bool:
        """Tell whether its process may have ended; `now` is by Redis' clock."""
        return now - self.at > STALE_AFTER * 1_000_000

    def since(self, listed: Listed) -> datetime:
        """Return since when somebody is here, by Redis' clock, to the second: writing took a moment each time."""
        seconds = self.at / 1_000_000 - (self.clock - listed.since) / 1000
        return datetime.fromtimestamp(round(seconds), timezone.utc)


class Content(NamedTuple):
    """What the body of a record says."""

    users: Mapping[str, Listed]
    anonymous: int


NOBODY = Content({}, 0)


def build_body(content: Content) -> bytes:
    """Return the body of a record."""
    return json.dumps([content.users, content.anonymous], separators=(",", ":")).encode("ascii")


def read_body(body: bytes) -> Content:
    """Return what a body says; nobody, where another program or a later version wrote it."""
    try:
        users, anonymous = json.loads(body)
        listed = {str(user): Listed(int(sockets), float(since)) for user, (sockets, since) in users.items()}
        return Content(listed, int(anonymous))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return NOBODY


def read_fields(fields: Sequence[bytes]) -> Iterator[tuple[bytes, Record]]:
    """Yield each process with its record out of what HGETALL gives; others' values are left out."""
    for process, value in zip(fields[::2], fields[1::2], strict=True):
        at, clock = value[:_DIGITS], value[_DIGITS : 2 * _DIGITS]
        if at.isdigit() and clock.isdigit():
            yield process, Record(int(at), int(clock), value[2 * _DIGITS :])


def write_commands(
    process: bytes, clock: int, bodies: Mapping[str, tuple[bytes, bool]], is_cluster: bool
) -> Iterator[tuple[Command, tuple[str, ...]]]:
    """Yield the commands that write the body of each key, each with its keys; True: return the others' fields."""
    for some in _pieces(bodies, is_cluster):
        arguments = [value for key in some for value in (bodies[key][0], int(bodies[key][1]))]
        hashes = [extras_of(key).here for key in some]
        yield ("EVAL", WRITE, len(hashes), *hashes, process, f"{clock:0{_DIGITS}}", _TTL, *arguments), some


def read_commands(keys: Iterable[str], is_cluster: bool) -> list[Command]:
    """Return the commands that read who is here under keys."""
    pieces = ([extras_of(key).here for key in some] for some in _pieces(keys, is_cluster))
    return [("EVAL", READ, len(hashes), *hashes) for hashes in pieces]


def _pieces(keys: Iterable[str], is_cluster: bool) -> Iterator[tuple[str, ...]]:
    every = tuple(keys)
    size = 1 if is_cluster else _KEYS_PER_SCRIPT
    for start in range(0, len(every), size):
        yield every[start : start + size]


def read_answers(answers: Iterable[Any]) -> Iterator[tuple[int, list[tuple[bytes, Record]]]]:
    """Yield for each key the time of the reading and its records, in the order of the commands' keys.

    Raises what Redis answered if it refused.
    """
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        now, *hashes = answer
        for fields in hashes:
            yield int(now), list(read_fields(fields))
