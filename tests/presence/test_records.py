"""Tests of `ws4channels.presence.records`."""

from __future__ import annotations

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from ws4channels.presence.records import (
    NOBODY,
    Content,
    Listed,
    Record,
    build_body,
    read_answers,
    read_body,
    read_commands,
    read_fields,
    write_commands,
)
from ws4channels.transports.numbers import extras_of

KEY = "broadcast:chat"
BODY = build_body(Content({"mary": Listed(2, 5000)}, 3))


def write(client: redis.Redis, process: bytes, body: bytes, clock: int = 6000, key: str = KEY) -> list[object]:
    """Write one body; return the fields of the others."""
    ((command, _),) = write_commands(process, clock, {key: (body, True)}, is_cluster=False)
    ((_, records),) = read_answers([client.execute_command(*command)])
    return [process for process, _ in records]


def read(client: redis.Redis, key: str = KEY) -> dict[bytes, Record]:
    """Return the records of a key."""
    ((_, records),) = read_answers([client.execute_command(*command) for command in read_commands([key], False)])
    return dict(records)


@given(st.dictionaries(st.text(st.characters()), st.integers(0, 99)), st.integers(0, 9999))
def test_body_says_what_was_written(sockets: dict[str, int], anonymous: int) -> None:
    """Whatever characters the names are of, half of a pair among them."""
    content = Content({user: Listed(count, 1000) for user, count in sockets.items()}, anonymous)
    assert read_body(build_body(content)) == content


@pytest.mark.parametrize(
    "body", [b"", b"x", b"[]", b"[1,2]", b'[{"a":1},0]', b'[{"a":["x",0]},0]', b"\xff", b"[" * 99999]
)
def test_body_of_another_program_says_nobody(body: bytes) -> None:
    """Nothing that stands in Redis breaks a server."""
    assert read_body(body) == NOBODY


def test_fields_of_another_program_are_left_out() -> None:
    """What does not begin with two times is none of ours."""
    assert list(read_fields([b"a", b"", b"b", b"x" * 32, b"c", b"1" * 32 + b"[]"])) == [
        (b"c", Record(1111111111111111, 1111111111111111, b"[]"))
    ]


def test_since_is_by_the_clock_of_redis(redis_client: redis.Redis) -> None:
    """However wrong the clock of the process is."""
    write(redis_client, b"a", BODY, clock=6000)
    seconds, _ = redis_client.time()
    record = read(redis_client)[b"a"]
    assert abs(record.since(Listed(1, 4000)).timestamp() - (seconds - 2)) <= 1
    assert not record.is_stale(record.at + 9_000_000)
    assert record.is_stale(record.at + 11_000_000)


def test_process_is_given_the_fields_of_others(redis_client: redis.Redis) -> None:
    """Not its own; a field that is removed is gone, and the hash with the last one."""
    assert write(redis_client, b"a", BODY) == []
    assert write(redis_client, b"b", BODY) == [b"a"]
    assert 0 < redis_client.ttl(extras_of(KEY).here) <= 12
    assert write(redis_client, b"a", b"") == [b"b"]
    assert list(read(redis_client)) == [b"b"]
    write(redis_client, b"b", b"")
    assert redis_client.keys() == []


def test_field_that_is_stale_for_a_minute_is_removed(redis_client: redis.Redis) -> None:
    """One that is stale for less stays, for others to see that it is stale."""
    seconds, _ = redis_client.time()
    here = extras_of(KEY).here
    ages = {"old": 30, "older": 61}
    redis_client.hset(here, mapping={name: f"{seconds - age}000000{0:016}[]" for name, age in ages.items()})
    assert write(redis_client, b"a", BODY) == [b"old"]
    assert sorted(redis_client.hkeys(here)) == [b"a", b"old"]


def test_many_keys_take_few_commands() -> None:
    """On one server; in a cluster each key is on a node of its own."""
    bodies = {f"user:{number}:chat": (BODY, False) for number in range(450)}
    commands = list(write_commands(b"a", 1, bodies, is_cluster=False))
    assert [len(keys) for _, keys in commands] == [200, 200, 50]
    assert len(list(write_commands(b"a", 1, bodies, is_cluster=True))) == 450
    assert len(read_commands(bodies, False)) == 3
