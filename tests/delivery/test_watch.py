"""Tests of `ws4channels.delivery.watch`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.waiting import eventually
from ws4channels.connections import RedisConnectionError
from ws4channels.delivery.watch import Watch
from ws4channels.transports.contract import ignore_loss


class Line:
    """A receiver whose probes come back, or fail with `failure`."""

    renewal_interval: float | None = None
    comparison_interval = 1000.0

    def __init__(self) -> None:
        self.on_loss: Callable[[str], None] = ignore_loss
        self.failure: Exception | None = None
        self.probes = 0
        self.restored = 0
        self.reconnected = 0
        self.compared = 0

    async def restore(self, reconnect: bool = False) -> None:
        self.restored += 1
        self.reconnected += reconnect

    async def compare(self) -> None:
        self.compared += 1

    async def confirm(self, timeout: float) -> None:
        self.probes += 1
        if self.failure is not None:
            raise self.failure


@asynccontextmanager
async def watching(line: Line, recover: Callable[[], Any], **arguments: float) -> AsyncIterator[Watch]:
    """Run a watch of `line` for as long as the block runs."""
    watch = Watch(line, "the layer", recover, line.compare, retry_delay=0.01, **arguments)  # type: ignore[arg-type]
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
def _quick(settings: Any) -> None:
    settings.WS4CHANNELS_PROBE_INTERVAL = 0.01


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
    assert found.endswith("; 7 messages that were missing were read and sent.")


async def test_reported_loss_is_recovered() -> None:
    """What the receiver reports is recovered, though probes come back."""
    line, recover = Line(), Recovery()
    async with watching(line, recover):
        line.on_loss("the connection was lost")
        await eventually(lambda: recover.times == 1, "it is recovered")
        probes = line.probes
        await eventually(lambda: line.probes > probes + 1, "it is watched again")
    assert recover.times == 1


async def test_loss_during_a_recovery_is_recovered_as_well() -> None:
    """A loss that is reported during a recovery starts another."""
    line = Line()
    times = 0

    async def recover() -> int:
        nonlocal times
        times += 1
        if times == 1:
            line.on_loss("the connection was lost")
        return 0

    async with watching(line, recover):
        line.on_loss("the connection was lost")
        await eventually(lambda: times == 2, "it is recovered twice")


async def test_failure_of_receiving_is_recovered_at_once(settings: Any) -> None:
    """Recovery does not wait for the next probe."""
    settings.WS4CHANNELS_PROBE_INTERVAL = 3600
    line, recover = Line(), Recovery()
    async with watching(line, recover) as watch:
        watch.report("receiving failed", RedisConnectionError("gone"))
        await eventually(lambda: recover.times == 1, "it is recovered")


async def test_error_that_nobody_expects_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """An outage needs no traceback; anything else does."""
    line, recover = Line(), Recovery()
    async with watching(line, recover) as watch:
        watch.report("receiving failed", ValueError("strange"))
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


async def test_connections_without_an_answer_are_replaced() -> None:
    """When probes fail for long, the connections are closed, again and again, until a probe comes back."""
    line, recover = Line(), Recovery()
    line.failure = asyncio.TimeoutError()
    async with watching(line, recover, reconnect_after=0.02):
        await eventually(lambda: line.reconnected >= 2, "the connections are closed")
        line.failure = None
        await eventually(lambda: recover.times == 1, "it is recovered")
        reconnected = line.reconnected
        probes = line.probes
        await eventually(lambda: line.probes > probes + 2, "it is watched again")
    assert line.reconnected == reconnected
