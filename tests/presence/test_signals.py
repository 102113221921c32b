"""Tests of `ws4channels.presence.signals`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.dispatch import Signal

from tests.waiting import eventually
from ws4channels.presence import signals
from ws4channels.presence.signals import Announcer, client_joined, client_left, is_anybody_listening


class Receiver:
    """Keeps what it is sent, with the thread in which that was."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.threads: set[int] = set()

    def __call__(self, signal: Signal, sender: str, user: str | None, session: str | None) -> None:
        self.calls.append((signal, sender, user, session))
        self.threads.add(threading.get_ident())


@contextmanager
def connected_to(signal: Signal, receiver: Any) -> Iterator[None]:
    """Connect a receiver for a while."""
    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


@pytest.fixture
def announcer() -> Iterator[Announcer]:
    """An announcer with threads."""
    with ThreadPoolExecutor(4) as threads:
        yield Announcer(threads)


async def test_receivers_are_called_in_order_and_in_a_thread(announcer: Announcer) -> None:
    """Once for each person."""
    receiver = Receiver()
    with connected_to(client_joined, receiver), connected_to(client_left, receiver):
        announcer.announce(client_joined, "chat", [("mary", "s1"), (None, None)])
        announcer.announce(client_left, "chat", [("mary", "s1")])
        await eventually(lambda: len(receiver.calls) == 3, "all are told")
    assert receiver.calls == [
        (client_joined, "chat", "mary", "s1"),
        (client_joined, "chat", None, None),
        (client_left, "chat", "mary", "s1"),
    ]
    assert threading.get_ident() not in receiver.threads


async def test_receiver_that_raises_is_logged_and_keeps_nobody_from_being_told(
    announcer: Announcer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither other receivers nor later signals."""

    def fail(**_: Any) -> None:
        raise LookupError("The receiver failed.")

    receiver = Receiver()
    with connected_to(client_joined, fail), connected_to(client_joined, receiver):
        announcer.announce(client_joined, "chat", [("mary", None), ("john", None)])
        await eventually(lambda: len(receiver.calls) == 2, "both are told")
    assert [record.levelno for record in caplog.records].count(logging.ERROR) == 2
    assert "The receiver failed." in caplog.text


async def test_async_receiver_is_awaited(announcer: Announcer) -> None:
    """As Django does with async receivers."""
    calls = []

    async def note(user: str, **_: Any) -> None:
        calls.append(user)

    with connected_to(client_joined, note):
        announcer.announce(client_joined, "chat", [("mary", None)])
        await eventually(lambda: calls == ["mary"], "the receiver is told")


async def test_signals_for_slow_receivers_are_bounded(
    announcer: Announcer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is too much is not sent, which is logged once."""
    monkeypatch.setattr(signals, "_MOST_WAITING", 2)
    receiver = Receiver()
    with connected_to(client_joined, receiver):
        announcer.announce(client_joined, "chat", [(str(number), None) for number in range(5)])
        await eventually(lambda: len(receiver.calls) == 2, "two are told")
    assert caplog.text.count("are too slow") == 1


def test_without_receivers_nothing_is_prepared() -> None:
    """A site that uses no signals does not pay for them."""
    assert not is_anybody_listening("chat")
    with connected_to(client_left, Receiver()):
        assert is_anybody_listening("chat")
