"""Tests of `ws4channels.presence.rolls`."""

from __future__ import annotations

from collections.abc import Mapping

from tests.inbox import Inbox
from ws4channels.presence.records import Content, Listed, Record, build_body, read_body
from ws4channels.presence.rolls import EMPTY, GRACE, HOLD, Roll

NOW = 1_700_000_000_000_000  # microseconds


def record(*users: str, anonymous: int = 0, age: float = 0) -> Record:
    """Return what another process wrote some seconds ago."""
    return Record(int(NOW - age * 1e6), 0, build_body(Content({user: Listed(1, 0) for user in users}, anonymous)))


def exchange(roll: Roll, now: float, others: Mapping[bytes, Record] = {}, *, is_continuous: bool = True) -> bytes:
    """Write and read as the server does; return what was written."""
    body = roll.body
    roll.written = body or None
    roll.take(list(others.items()), NOW, now, is_continuous)
    return body


def told(roll: Roll) -> tuple[list[str], list[str]] | None:
    """Return who is said to have joined and left."""
    news = roll.news()
    return None if news is None else (news.joined, news.left)


def watched(user: str = "mary") -> Roll:
    """Return a roll with one watcher that was notified of itself."""
    roll = Roll()
    roll.enter(user, None, 0)
    roll.watch(Inbox())
    exchange(roll, 0)
    news = roll.news()
    assert news is not None
    assert (news.now, len(news.newcomers), news.watchers) == ([user], 1, [])
    return roll


def test_user_with_several_websockets_leaves_with_the_last() -> None:
    """And after the time of grace."""
    roll = watched()
    assert not any([roll.enter("john", None, 1), roll.enter("john", None, 2), roll.leave("john", None, 3)])
    assert told(roll) == (["john"], [])
    assert roll.leave("john", None, 4)
    roll.expire("john", 4 + GRACE - 0.1)
    assert told(roll) is None
    roll.expire("john", 4 + GRACE)
    assert told(roll) == ([], ["john"])


def test_user_who_comes_back_in_time_has_not_left() -> None:
    """An expiry that was set before means nothing."""
    roll = watched()
    roll.leave("mary", None, 1)
    roll.enter("mary", None, 2)
    roll.expire("mary", 1 + GRACE)
    roll.leave("mary", None, 3)
    roll.expire("mary", 1 + GRACE)
    assert told(roll) is None
    assert read_body(roll.body).users["mary"].sockets == 0


def test_user_in_two_processes_leaves_with_the_last() -> None:
    """Whatever order the processes write in."""
    roll = watched()
    exchange(roll, 1, {b"b": record("mary", "john")})
    assert told(roll) == (["john"], [])
    exchange(roll, 2, {b"b": record("john", anonymous=2), b"c": record("john", anonymous=1)})
    news = roll.news()
    assert news is not None
    assert (news.joined, news.left, news.anonymous) == ([], [], 3)
    exchange(roll, 3, {b"b": record("john"), b"c": record(anonymous=3)})
    assert told(roll) is None


def test_stale_record_is_gone_at_once() -> None:
    """Its process was killed."""
    roll = watched()
    exchange(roll, 1, {b"b": record("john")})
    roll.news()
    exchange(roll, 2, {b"b": record("john", age=11)})
    assert told(roll) == ([], ["john"])


def test_stale_record_counts_for_a_while_after_an_outage() -> None:
    """Its process may not have reached Redis either."""
    roll = watched()
    exchange(roll, 1, {b"b": record("john")})
    roll.news()
    exchange(roll, 20, {b"b": record("john", age=19)}, is_continuous=False)
    assert told(roll) is None
    exchange(roll, 22, {b"b": record("john")})
    exchange(roll, 23, {})
    exchange(roll, 23 + HOLD - 0.1, {})
    assert told(roll) is None
    exchange(roll, 23 + HOLD, {})
    assert told(roll) == ([], ["john"])


def test_leave_is_announced_though_the_other_process_vanished_just_before() -> None:
    """A process without anybody writes that and removes it at once; what it wrote before is not believed for ever."""
    roll = Roll("chat")
    roll.enter("john", "s1", 0)
    exchange(roll, 1, {b"b": record("john")})
    roll.leave("john", "s1", 2)
    roll.expire("john", 2 + GRACE)
    exchange(roll, 6, {})
    assert (roll.left, roll.is_over) == ([], False)
    exchange(roll, 6 + HOLD, {})
    assert roll.left == [("john", "s1")]
    assert exchange(roll, 7 + HOLD, {}) == b""
    assert roll.is_over


def test_user_who_is_in_a_process_that_vanished_and_came_back_has_not_left() -> None:
    """That process tells of the leave, when it comes."""
    roll = Roll("chat")
    roll.enter("john", "s1", 0)
    exchange(roll, 1, {b"b": record("john")})
    roll.leave("john", "s1", 2)
    roll.expire("john", 2 + GRACE)
    exchange(roll, 6, {})
    exchange(roll, 7, {b"b": record("john")})
    exchange(roll, 8 + HOLD, {})
    exchange(roll, 9 + 2 * HOLD, {})
    assert roll.left == []


def test_signals_are_for_the_first_and_the_last_process() -> None:
    """Who is in another process has joined there and leaves there."""
    roll = Roll("chat")
    roll.enter("mary", "s1", 0)
    roll.enter("john", "s2", 0)
    exchange(roll, 1, {b"b": record("john")})
    assert (roll.joined, roll.left) == ([("mary", "s1")], [])
    for user in ("mary", "john"):
        roll.leave(user, "s3", 2)
        roll.expire(user, 2 + GRACE)
    exchange(roll, 6, {b"b": record("john")})
    assert roll.left == [("mary", "s3")]


def test_signals_of_anonymous_clients_are_for_each_websocket() -> None:
    """There is no grace: nothing tells whether one that comes is one that went."""
    roll = Roll("chat")
    roll.enter(None, "s1", 0)
    roll.enter(None, None, 0)
    roll.leave(None, None, 1)
    assert (roll.joined, roll.left) == ([(None, "s1"), (None, None)], [(None, None)])


def test_user_who_leaves_before_anything_was_written_is_no_signal() -> None:
    """Nobody knew of the user; and who comes back before a leave was written has not left."""
    roll = Roll("chat")
    roll.enter("mary", None, 0)
    roll.leave("mary", None, 0)
    roll.expire("mary", GRACE)
    roll.enter("john", None, 0)
    exchange(roll, 1)
    assert roll.joined == [("john", None)]
    roll.leave("john", None, 1)
    roll.expire("john", 1 + GRACE)
    roll.enter("john", None, 5)
    exchange(roll, 6)
    assert (roll.joined, roll.left) == ([("john", None)], [])


def test_last_to_leave_writes_so_and_removes_that_later() -> None:
    """So that other processes see a leave, and not a Redis that was emptied."""
    roll = Roll()
    roll.enter(None, None, 0)
    exchange(roll, 0)
    roll.leave(None, None, 1)
    assert exchange(roll, 1) == EMPTY
    assert not roll.is_over
    assert exchange(roll, 4) == b""
    assert roll.is_over


def test_more_watchers_are_told_less_often() -> None:
    """Between five times a second and once in two seconds."""
    roll = Roll()
    assert roll.delay == 0.2
    for _ in range(50_000):
        roll.watch(Inbox())
    roll.news()
    assert roll.delay == 2.0
