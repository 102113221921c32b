"""Tests of `ws4channels.access.closing_thread`."""

from __future__ import annotations

import os
import threading

import pytest

from tests.waiting import TIMEOUT, wait_until
from ws4channels.access import closing_thread
from ws4channels.access.closing_thread import ClosingThread
from ws4channels.closing import CloseCommand


class HangingRedis:
    """Stands for the sending of close commands: hangs until it is told to go on."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.sent: list[str | None] = []

    def send(self, command: CloseCommand) -> None:
        assert self.may_go_on.wait(TIMEOUT)
        self.sent.append(command.user)


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> HangingRedis:
    """A Redis that hangs."""
    redis = HangingRedis()
    monkeypatch.setattr(closing_thread, "send_close_command", redis.send)
    return redis


def test_caller_waits_until_the_command_is_sent(hanging: HangingRedis) -> None:
    """While Redis answers, the servers have the command when the call returns."""
    hanging.may_go_on.set()
    ClosingThread(patience=TIMEOUT).send(CloseCommand(user="a"))
    assert hanging.sent == ["a"]


def test_hanging_redis_holds_up_one_call_for_a_moment(hanging: HangingRedis, caplog: pytest.LogCaptureFixture) -> None:
    """The log says once that Redis hangs, and all commands are sent when it answers again."""
    thread = ClosingThread(patience=0.05)
    for key in "abcde":
        thread.send(CloseCommand(user=key))
    assert hanging.sent == []
    assert len(caplog.messages) == 1
    hanging.may_go_on.set()
    wait_until(lambda: hanging.sent == list("abcde"), "all are sent")
    wait_until(lambda: not thread._is_stalled, "Redis answers")
    thread.send(CloseCommand(user="f"))


async def test_event_loop_is_not_held_up(hanging: HangingRedis) -> None:
    """On an event loop the call returns at once."""
    ClosingThread(patience=3600).send(CloseCommand(user="a"))
    hanging.may_go_on.set()
    wait_until(lambda: hanging.sent == ["a"], "it is sent")


def test_fork_has_a_thread_of_its_own(hanging: HangingRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a process has yet to send is not sent by its forks, which can send their own."""
    hanging.may_go_on.set()
    thread = ClosingThread(patience=TIMEOUT)
    thread.send(CloseCommand(user="a"))
    monkeypatch.setattr(os, "getpid", lambda: 1)
    thread.send(CloseCommand(user="b"))
    assert hanging.sent == ["a", "b"]
