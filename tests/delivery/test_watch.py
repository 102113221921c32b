"""Tests of `ws4channels.delivery.watch`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.waiting import eventually
from ws4channels.connections import RedisConnectionError
from ws4channels.delivery import watch as watch_module
from ws4channels.delivery.watch import Watch


class Line:
    """A receiver whose probes come back, or fail with `failure`."""

    renewal_interval: float | None = None

    def __init__(self) -> None:
        self.generation = 0
        self.failure: Exception | None = None
        self.probes = 0
        self.restored = 0
        self.hung_up = 0

    async def restore(self) -> None:
        self.restored += 1

    async def hang_up(self) -> None:
        self.hung_up += 1

    async def probe(self, timeout: float) -> None:
        self.probes += 1
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def watching(line: Line, recover: Callable[[], Any]) -> AsyncIterator[Watch]:
    """Run a watch of `line` for as long as the block runs."""
    watch = Watch(line, "the layer", recover)  # type: ignore[arg-type]
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()


class Recovery:
    """Counts how often it was asked for; fails as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.times = 0
        self.failures = failures

    async def __call__(self) -> int:
        self.times += 1
        if self.times <= self.failures:
            raise RedisConnectionError("Not yet.")
        return 7


@pytest.fixture(autouse=True)
def _quick(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.WS4CHANNELS_PROBE_INTERVAL = 0.01
    monkeypatch.setattr(watch_module, "_RETRY_DELAY", 0.01)


async def test_nothing_happens_while_probes_come_back(caplog: pytest.LogCaptureFixture) -> None:
    """A line that works is probed, and neither recovered nor logged."""
    line, recover = Line(), Recovery()
    async with watching(line, recover):
        await eventually(lambda: line.probes >= 3, "probes are sent")
    assert (recover.times, caplog.messages) == (0, [])


async def test_outage_is_logged_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    """However long it lasts, an outage makes two lines, and recovery is tried only when a probe comes back."""
    line, recover = Line(), Recovery(failures=2)
    line.failure = RedisConnectionError("Connection refused.")
    async with watching(line, recover):
        await eventually(lambda: line.restored >= 4, "it is tried again and again")
        assert recover.times == 0
        line.failure = None
        await eventually(lambda: len(caplog.messages) == 2, "the end is logged")
    assert recover.times == 3
    lost, found = caplog.messages
    assert lost == (
        "Messages from the layer may be lost: a probe did not come back (ConnectionError: Connection refused.). "
        "Joining again."
    )
    assert found.endswith("; 7 kept messages had changed and were sent.")


async def test_other_connection_is_made_up_for() -> None:
    """A connection that broke and is back lost messages, though probes come back."""
    line, recover = Line(), Recovery()
    async with watching(line, recover):
        line.generation += 1
        await eventually(lambda: recover.times == 1, "it is recovered")
        probes = line.probes
        await eventually(lambda: line.probes > probes + 1, "it is watched again")
    assert recover.times == 1


async def test_connection_that_breaks_while_it_is_made_up_for_is_made_up_for_again() -> None:
    """What is lost while the recovery is under way is not forgotten."""
    line = Line()
    times = 0

    async def recover() -> int:
        nonlocal times
        times += 1
        if times == 1:
            line.generation += 1
        return 0

    async with watching(line, recover):
        line.generation += 1
        await eventually(lambda: times == 2, "it is recovered twice")


async def test_alarm_is_answered_at_once(settings: Any) -> None:
    """When receiving fails nobody waits for the next probe."""
    settings.WS4CHANNELS_PROBE_INTERVAL = 3600
    line, recover = Line(), Recovery()
    async with watching(line, recover) as watch:
        watch.alarm(RedisConnectionError("gone"))
        await eventually(lambda: recover.times == 1, "it is recovered")


async def test_error_that_nobody_expects_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """An outage needs no traceback; anything else does."""
    line, recover = Line(), Recovery()
    async with watching(line, recover) as watch:
        watch.alarm(ValueError("strange"))
        await eventually(lambda: recover.times == 1, "it is recovered")
    assert caplog.records[0].exc_info is not None
    assert isinstance(caplog.records[0].exc_info[1], ValueError)


async def test_membership_is_renewed_before_the_layer_forgets_it() -> None:
    """Where a layer forgets members, everything is joined again in time, and nothing logged."""
    line, recover = Line(), Recovery()
    line.renewal_interval = 0.05
    async with watching(line, recover):
        await eventually(lambda: recover.times >= 3, "it is renewed")
    assert line.restored >= 3


async def test_connections_that_nothing_comes_by_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """When probes fail for long, the connections are closed, again and again, until a probe comes back."""
    monkeypatch.setattr(watch_module, "_HOPELESS", 0.02)
    line, recover = Line(), Recovery()
    line.failure = asyncio.TimeoutError()
    async with watching(line, recover):
        await eventually(lambda: line.hung_up >= 2, "the connections are closed")
        line.failure = None
        await eventually(lambda: recover.times == 1, "it is recovered")
        hung_up = line.hung_up
        probes = line.probes
        await eventually(lambda: line.probes > probes + 2, "it is watched again")
    assert line.hung_up == hung_up
