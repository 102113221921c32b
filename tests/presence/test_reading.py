"""Tests of `ws4channels.presence.reading`."""

from __future__ import annotations

from datetime import timedelta

import redis

from tests.presence.test_records import write
from ws4channels.presence.reading import read_present
from ws4channels.presence.records import Content, Listed, build_body


def test_keys_and_processes_are_put_together(redis_client: redis.Redis) -> None:
    """Websockets of several processes are added up; those of several keys in one process are the same ones."""
    body = build_body(Content({"mary": Listed(2, 1_000)}, 1))
    for process in (b"a", b"b"):
        write(redis_client, process, body, 61_000)
    write(
        redis_client,
        b"a",
        build_body(Content({"mary": Listed(3, 0), "john": Listed(1, 60_000)}, 1)),
        61_000,
        "group:g:chat",
    )
    present = read_present(redis_client, ["broadcast:chat", "group:g:chat", "user:nobody:chat"])
    assert [(each.user, each.sockets) for each in present] == [("mary", 5), ("john", 1)]
    assert present.anonymous == 2
    assert present[1].since - present[0].since in (timedelta(seconds=59), timedelta(seconds=60), timedelta(seconds=61))
    assert present.as_dict() == {
        "users": [{"user": each.user, "sockets": each.sockets, "since": each.since.isoformat()} for each in present],
        "anonymous": 2,
    }


def test_nobody_is_here_without_keys(redis_client: redis.Redis) -> None:
    """Nothing is asked then."""
    assert read_present(redis_client, []) == []
