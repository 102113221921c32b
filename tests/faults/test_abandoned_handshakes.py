"""Handshakes whose client or server does not wait for the site's code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sockets import Socket
from tests.waiting import TIMEOUT, eventually
from ws4channels.subscriber import RedisSubscriber


class Patient(RedisSubscriber):
    """Takes its time at the handshake, and counts what is acquired and released."""

    has_begun = threading.Event()
    may_go_on = threading.Event()
    acquired: list[int] = []
    released: list[int] = []

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        super().set_pubsub_channels(request, channels)
        self.acquired.append(1)
        self.has_begun.set()
        assert self.may_go_on.wait(TIMEOUT)

    def release(self) -> None:
        self.released.append(1)
        super().release()


@pytest.fixture(autouse=True)
def _patient(settings: Any) -> Iterator[None]:
    settings.WS4REDIS_SUBSCRIBER = "tests.faults.test_abandoned_handshakes.Patient"
    Patient.has_begun.clear()
    Patient.may_go_on.clear()
    Patient.acquired.clear()
    Patient.released.clear()
    yield
    Patient.may_go_on.set()


async def test_subscriber_of_a_cancelled_handshake_is_released() -> None:
    """The server ends the application while a hook runs: what the hook acquires is released when its thread ends."""
    socket = Socket("/ws/f?subscribe-broadcast")
    connecting = asyncio.create_task(socket.connect(timeout=TIMEOUT))
    await eventually(Patient.has_begun.is_set, "the hook runs")
    socket.future.cancel()
    connecting.cancel()
    await asyncio.wait([connecting])
    assert Patient.released == []
    Patient.may_go_on.set()
    await eventually(lambda: Patient.released == Patient.acquired, "it is released")


async def test_subscriber_is_released_once_when_the_handshake_ends_in_time() -> None:
    """A websocket that opens and closes releases its subscriber at its end."""
    Patient.may_go_on.set()
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    assert Patient.released == []
    await socket.leave()
    assert Patient.released == [1]
