"""Tests of `ws4channels.delivery.heartbeats`."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.inbox import Inbox
from tests.waiting import eventually
from ws4channels.delivery.heartbeats import HeartbeatClock


async def test_heartbeats_come_at_their_interval_to_every_socket(settings: Any) -> None:
    """Each socket is sent its text once an interval, and all sockets share the clock: it makes no task."""
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.2
    clock, inboxes = HeartbeatClock(), [Inbox() for _ in range(50)]
    before = asyncio.all_tasks()
    started = time.monotonic()
    for inbox in inboxes:
        clock.add(inbox, "--beat--")
    assert asyncio.all_tasks() == before
    await eventually(lambda: all(len(inbox.heartbeats) >= 5 for inbox in inboxes), "five heartbeats come")
    assert time.monotonic() - started >= 4 * 0.2
    counts = [len(inbox.heartbeats) for inbox in inboxes]
    assert max(counts) - min(counts) <= 1
    assert {beat.payload for inbox in inboxes for beat in inbox.heartbeats} == {"--beat--"}
    assert not any(inbox.unsent for inbox in inboxes)
    clock.stop()


async def test_heartbeats_end_with_the_socket(settings: Any) -> None:
    """A socket that has left gets no heartbeat; the clock stops with the last one and starts again with the next."""
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.05
    clock, leaver, stayer = HeartbeatClock(), Inbox(), Inbox()
    clock.add(leaver, "a")
    clock.add(stayer, "b")
    await eventually(lambda: leaver.heartbeats, "the first heartbeat comes")
    clock.remove(leaver)
    count = len(leaver.heartbeats)
    stayer.heartbeats.clear()
    await eventually(lambda: len(stayer.heartbeats) > 2, "the other socket gets more")
    assert len(leaver.heartbeats) == count
    clock.remove(stayer)
    assert clock._timer is None
    clock.add(leaver, "c")
    await eventually(lambda: leaver.heartbeats[-1].payload == "c", "the clock runs again")
    clock.stop()
