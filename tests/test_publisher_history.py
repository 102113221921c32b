"""Tests of what `ws4channels.publisher` reads of the log: ``fetch_messages`` and ``afetch_messages``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.numbered import log_of, publish, record_of
from ws4channels.audience import AUDIENCES
from ws4channels.exceptions import AudienceValueError
from ws4channels.publisher import RedisPublisher
from ws4channels.transports.numbers import extras_of

KEY = "broadcast:chat"
Fetch = Callable[..., Any]


@pytest.fixture(params=["sync", "async", "own client"])
def fetch(request: pytest.FixtureRequest, settings: Any, rf: Any, redis_client: redis.Redis) -> Fetch:
    """Each way to fetch messages, of a site with a history; called in a thread without an event loop."""
    settings.WS4CHANNELS_HISTORY = {"chat": 10, "*": 0}
    publisher = RedisPublisher()
    if request.param == "own client":
        publisher._own_connection = redis_client
    page = rf.get("/")

    def fetch(facility: str, audience: str, count: Any, groups: tuple[str, ...] = ()) -> list[bytes]:
        page.ws4channels_groups = list(groups)
        if request.param == "sync":
            return publisher.fetch_messages(page, facility, audience, count)
        return asyncio.run(publisher.afetch_messages(page, facility, audience, count))

    return fetch


def test_last_messages_come_oldest_first(fetch: Fetch, redis_client: redis.Redis) -> None:
    """As many as are asked for, or as there are."""
    publish(redis_client, *map(str, range(15)), b"\xff", key=KEY)
    assert fetch("chat", "broadcast", 3) == [b"13", b"14", b"\xff"]
    assert fetch("chat", "broadcast", 1) == [b"\xff"]
    assert fetch("chat", "broadcast", 100) == [*(b"%d" % number for number in range(6, 15)), b"\xff"]


def test_nothing_is_fetched_where_nothing_is(fetch: Fetch) -> None:
    """Nobody published, or the client has no such name."""
    assert fetch("chat", "broadcast", 10) == []
    assert fetch("chat", "group", 10) == []


def test_kept_message_is_all_there_is_without_history(fetch: Fetch, redis_client: redis.Redis) -> None:
    """Only what the setting names is logged."""
    publish(redis_client, "first", "second", key="broadcast:news")
    assert fetch("news", "broadcast", 10) == [b"second"]


def test_message_written_by_hand_is_the_newest(fetch: Fetch, redis_client: redis.Redis) -> None:
    """It is in no log, and comes last."""
    publish(redis_client, "first", "second", key=KEY)
    redis_client.set(KEY, "by hand")
    assert fetch("chat", "broadcast", 10) == [b"first", b"second", b"by hand"]
    assert fetch("chat", "broadcast", 2) == [b"second", b"by hand"]


def test_equal_messages_are_two(fetch: Fetch, redis_client: redis.Redis) -> None:
    """Numbers tell them apart."""
    publish(redis_client, "same", "same", key=KEY)
    assert fetch("chat", "broadcast", 10) == [b"same", b"same"]


def test_expired_messages_are_left_out(fetch: Fetch, redis_client: redis.Redis) -> None:
    """Each has its own deadline, though the log lives on."""
    publish(redis_client, "first", "code", "last", key=KEY)
    log = extras_of(KEY).log
    deadline = log_of(redis_client, KEY)[1].deadline
    redis_client.lset(log, 1, redis_client.lindex(log, 1).replace(b"%d" % deadline, b"%d" % (deadline - 100)))
    assert fetch("chat", "broadcast", 10) == [b"first", b"last"]


def test_kept_message_is_found_without_its_log(fetch: Fetch, redis_client: redis.Redis) -> None:
    """Redis may have evicted the log, or the record."""
    publish(redis_client, "first", "second", key=KEY)
    redis_client.delete(extras_of(KEY).log)
    assert fetch("chat", "broadcast", 10) == [b"second"]
    assert record_of(redis_client, KEY)[0] > 0


def test_message_that_is_published_meanwhile_comes_once(
    settings: Any, rf: Any, redis_client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was kept before it stays in its place."""
    settings.WS4CHANNELS_HISTORY = 10
    publish(redis_client, "first", "second", key=KEY)
    read = redis_client.mget

    def read_and_publish(keys: Any) -> Any:
        values = read(keys)
        monkeypatch.undo()
        publish(redis_client, "third", key=KEY)
        return values

    monkeypatch.setattr(redis_client, "mget", read_and_publish)
    publisher = RedisPublisher()
    publisher._own_connection = redis_client
    assert publisher.fetch_messages(rf.get("/"), "chat", "broadcast", 10) == [b"first", b"second", b"third"]


@pytest.mark.parametrize("audience", ["any", "everybody", None])
def test_unknown_audience_is_refused(fetch: Fetch, audience: Any) -> None:
    """Audiences cannot be mixed: their messages are for different readers."""
    with pytest.raises(AudienceValueError) as refused:
        fetch("chat", audience, 10)
    valid = ", ".join(map(repr, AUDIENCES))
    assert str(refused.value) == f"audience is {audience!r}; it must be one of {valid}."


@pytest.mark.parametrize("count", [0, -1, True, "3", 2.5, None])
def test_count_that_is_none_is_refused(fetch: Fetch, count: Any) -> None:
    """Zero messages need no request."""
    with pytest.raises(AudienceValueError) as refused:
        fetch("chat", "broadcast", count)
    assert str(refused.value) == f"count is {count!r}; it must be a whole number above 0."


def test_messages_of_several_groups_are_put_together_by_time(fetch: Fetch, redis_client: redis.Redis) -> None:
    """The newest of all, in the order in which they were published."""
    for number in range(6):
        publish(redis_client, f"{number}", key=f"group:{'ab'[number % 2]}:chat")
    publish(redis_client, "of others", key="group:c:chat")
    assert fetch("chat", "group", 4, groups=("a", "b")) == [b"2", b"3", b"4", b"5"]
    assert fetch("chat", "group", 4, groups=("b",)) == [b"1", b"3", b"5"]
