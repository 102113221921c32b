"""Tests of `ws4channels.access.session_ends`."""

from __future__ import annotations

import os
import threading

import pytest

from tests.waiting import TIMEOUT, wait_until
from ws4channels.access import session_ends
from ws4channels.access.session_ends import SessionEnds


class HangingRedis:
    """Stands for the sending of close commands: hangs until it is told to go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.sent: list[str] = []

    def end_session(self, session_key: str) -> None:
        assert self.may_go_on.wait(TIMEOUT)
        self.sent.append(session_key)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> HangingRedis:
    """A Redis that hangs."""
    redis = HangingRedis()
    monkeypatch.setattr(session_ends, "end_session", redis.end_session)
    return redis


def test_caller_waits_until_the_command_is_sent(hanging: HangingRedis) -> None:
    """While Redis answers, the servers know of the end of the session when the call returns."""
    hanging.may_go_on.set()
    SessionEnds(patience=TIMEOUT).send("a")
    assert hanging.sent == ["a"]


def test_hanging_redis_holds_up_one_call_for_a_moment(hanging: HangingRedis, caplog: pytest.LogCaptureFixture) -> None:
    """Five sessions end, the log says once that Redis hangs, and all five commands are sent when it answers again."""
    ends = SessionEnds(patience=0.05)
    for key in "abcde":
        ends.send(key)
    assert hanging.sent == []
    assert len(caplog.messages) == 1
    hanging.may_go_on.set()
    wait_until(lambda: hanging.sent == list("abcde"), "all are sent")
    wait_until(lambda: not ends._is_stalled, "Redis answers")
    ends.send("f")


async def test_event_loop_is_not_held_up(hanging: HangingRedis) -> None:
    """On an event loop the call returns at once."""
    SessionEnds(patience=3600).send("a")
    hanging.may_go_on.set()
    wait_until(lambda: hanging.sent == ["a"], "it is sent")


def test_fork_has_a_thread_of_its_own(hanging: HangingRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process has yet to send is not sent by its forks, which can send their own."""
    hanging.may_go_on.set()
    ends = SessionEnds(patience=TIMEOUT)
    ends.send("a")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    ends.send("b")
    assert hanging.sent == ["a", "b"]
