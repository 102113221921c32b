"""Tests of `ws4channels.processes.records`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from ws4channels.audience import processes_key
from ws4channels.processes.asking import read_processes
from ws4channels.processes.records import (
    LIFETIME,
    build_body,
    read_command,
    read_processes_in,
    shortened,
    write_command,
)

KEY = processes_key(None)
CONTENT: dict[str, Any] = {
    "host": "web-1",
    "pid": 7,
    "server": "daphne",
    "version": "0.1.0",
    "up": 60,
    **dict.fromkeys(("sockets", "keys", "waiting", "deliveries", "outages", "refused", "slow"), 3),
    **dict.fromkeys(("resumed", "not_recovered"), 1),
    "rate": 2.5,
    "facilities": [("chat", 2), ("news", 1)],
    "points": [(10, 3)],
}


def write(client: redis.Redis, name: str, content: dict[str, Any] | None = CONTENT) -> None:
    """Write a record as a process does."""
    client.execute_command(*write_command(build_body(name, content)))


def entry(seconds_ago: float, client: redis.Redis, body: bytes | None = None, name: str = "a") -> bytes:
    """Return an entry that was written so long ago."""
    seconds, microseconds = client.time()
    at = int((seconds - seconds_ago) * 1_000_000) + microseconds
    return str(at).encode() + (build_body(name, CONTENT) if body is None else body)


def test_record_is_read_as_it_was_written(redis_client: redis.Redis) -> None:
    """And since when the process is there follows from Redis' clock."""
    write(redis_client, "a")
    (process,) = read_processes(redis_client)
    assert (process.name, process.host, process.pid, process.server) == ("a", "web-1", 7, "daphne")
    assert (process.sockets, process.rate) == (3, 2.5)
    assert (process.facilities, process.points) == ((("chat", 2), ("news", 1)), ((10, 3),))
    assert abs(redis_client.time()[0] - 60 - process.started.timestamp()) <= 2


def test_last_record_of_a_process_counts(redis_client: redis.Redis) -> None:
    """Of each one; they are in the order of hosts and numbers."""
    write(redis_client, "a")
    write(redis_client, "b", {**CONTENT, "host": "web-0"})
    write(redis_client, "a", {**CONTENT, "sockets": 9})
    assert [(each.name, each.sockets) for each in read_processes(redis_client)] == [("b", 3), ("a", 9)]


def test_process_that_has_ended_is_gone(redis_client: redis.Redis) -> None:
    """At once."""
    write(redis_client, "a")
    write(redis_client, "b")
    write(redis_client, "a", None)
    assert [each.name for each in read_processes(redis_client)] == ["b"]


def test_record_is_gone_after_its_lifetime(redis_client: redis.Redis) -> None:
    """For readers, and from Redis with the next that is written, or when nobody writes."""
    redis_client.rpush(KEY, entry(LIFETIME + 1, redis_client), entry(LIFETIME - 2, redis_client, name="b"))
    assert [each.name for each in read_processes(redis_client)] == ["b"]
    write(redis_client, "c")
    assert redis_client.llen(KEY) == 2
    assert 0 < redis_client.ttl(KEY) <= LIFETIME


def test_list_is_bounded(redis_client: redis.Redis) -> None:
    """Whoever writes to it."""
    redis_client.rpush(KEY, *[entry(1, redis_client)] * 3000)
    write(redis_client, "b")
    assert redis_client.llen(KEY) == 2000


def hostile_bodies() -> Iterator[bytes]:
    """Yield what another program, an attacker or a later version may write."""
    yield from (
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"\xff\xfe",
        b'{"name": 1}',
        b"[" * 50_000,
        b'"' + b"x" * 70_000 + b'"',
    )
    for name, values in {
        "name": [None, 1, "x" * 501, ["a"]],
        "host": [None, {}, "x" * 501, "\ud800"],
        "sockets": [None, -1, 1.5, "3", True, 2**60, [1]],
        "up": [None, -1, 2**53, "x"],
        "rate": [None, "x", -5, float("inf"), float("nan"), []],
        "facilities": [None, 3, [1], [["a"]], [[1, 1]], [["a", "b"]], {"a": 1}, [["\udfff", 1]]],
        "points": [None, 3, [1], [[1, 2, 3]], [["a", 1]], "ab"],
    }.items():
        for value in values:
            yield json.dumps({"name": "bad", **CONTENT, name: value}).encode()


@pytest.mark.parametrize("body", list(hostile_bodies()), ids=lambda body: repr(body[:20]))
def test_record_that_makes_no_sense_is_left_out(redis_client: redis.Redis, body: bytes) -> None:
    """The others are read, and can be written."""
    write(redis_client, "a")
    redis_client.rpush(KEY, entry(0, redis_client, body))
    redis_client.lpush(KEY, b"no time at all", b"", b"9999999999999999{}")
    assert [each.name for each in read_processes(redis_client)] == ["a"]
    write(redis_client, "b")
    assert [each.name for each in read_processes(redis_client)] == ["a", "b"]
    assert redis_client.llen(KEY) == 3


def test_what_redis_refuses_is_raised(redis_client: redis.Redis) -> None:
    """As where another program uses the key."""
    redis_client.set(KEY, "x")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        read_processes(redis_client)
    with pytest.raises(redis.ResponseError):
        read_processes_in(redis.ResponseError("no"))


def test_long_lists_are_cut(redis_client: redis.Redis) -> None:
    """A record names up to 50 facilities, and ten minutes."""
    write(redis_client, "a", {**CONTENT, "facilities": [("x", 1)] * 60, "points": [(each, 1) for each in range(70)]})
    (process,) = read_processes_in(redis_client.execute_command(*read_command()))
    assert (len(process.facilities), process.points[0], len(process.points)) == (50, (10, 1), 60)


def test_long_names_of_facilities_hide_no_process(redis_client: redis.Redis) -> None:
    """Clients choose these names: as many are left out as readers would not take, those with fewest sockets."""
    names = [shortened(f"{number}{chr(0x1F600) * 600}") for number in range(50)]
    write(redis_client, "a", {**CONTENT, "facilities": [(name, 1) for name in names]})
    (process,) = read_processes(redis_client)
    assert (process.name, process.sockets) == ("a", 3)
    assert 0 < len(process.facilities) < 50
    assert [name for name, _ in process.facilities] == names[: len(process.facilities)]
