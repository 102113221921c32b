"""Tests of `ws4channels.admin.patience`."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.waiting import TIMEOUT, wait_until
from ws4channels.admin import patience
from ws4channels.admin.patience import Latest, NoAnswer, NotBegun, within

SHORT = 0.05


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What slow functions of a test wait for."""
    gate = threading.Event()
    yield gate
    gate.set()


def test_result_in_time_is_returned() -> None:
    """A function that ends has its result returned, and its exception raised."""
    assert within(TIMEOUT, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        within(TIMEOUT, lambda: 1 // 0)


def test_nobody_waits_for_what_takes_too_long(gate: threading.Event) -> None:
    """After the given time the caller goes on, and the function does, too."""
    ended = threading.Event()

    def slow() -> None:
        gate.wait(TIMEOUT)
        ended.set()

    with pytest.raises(NoAnswer, match=r"no answer within 0\.05 s"):
        within(SHORT, slow)
    assert not ended.is_set()
    gate.set()
    assert ended.wait(TIMEOUT)


def test_only_so_many_functions_go_on(gate: threading.Event, monkeypatch: pytest.MonkeyPatch) -> None:
    """While as many as allowed wait for Redis, a further one is not begun; when one has ended, it is."""
    monkeypatch.setattr(patience, "_free", threading.BoundedSemaphore(2))
    for _ in range(2):
        with pytest.raises(NoAnswer):
            within(SHORT, lambda: gate.wait(TIMEOUT))
    with pytest.raises(NotBegun, match="no answer to earlier questions"):
        within(TIMEOUT, lambda: 42)
    gate.set()

    def answers() -> bool:
        try:
            return within(TIMEOUT, lambda: 42) == 42
        except NoAnswer:
            return False

    wait_until(answers, "No function was begun again.")


def test_thread_that_cannot_be_made_counts_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later ones find their place free."""
    monkeypatch.setattr(patience, "_free", threading.BoundedSemaphore(1))
    with monkeypatch.context() as without_threads:
        without_threads.setattr(threading.Thread, "start", refuse)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                within(TIMEOUT, lambda: 42)
    assert within(TIMEOUT, lambda: 42) == 42


def refuse(thread: threading.Thread) -> None:
    """Fail as Python does where the system gives no further thread."""
    raise RuntimeError("can't start new thread")


def test_those_who_ask_meanwhile_share_one_run(gate: threading.Event) -> None:
    """A function that takes long runs once, and what it returned late is given to who asks next."""
    runs = []

    def slow() -> int:
        runs.append(1)
        gate.wait(TIMEOUT)
        return len(runs)

    latest = Latest(slow)
    for _ in range(3):
        with pytest.raises(NoAnswer):
            latest.get(SHORT)
    gate.set()
    assert latest.get(TIMEOUT) == 1
    wait_until(lambda: latest.get(TIMEOUT) == 2, "The function ran only once.")
