"""Tests of `ws4channels.transports.message_loss`."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.layers import CORE, IN_MEMORY, one_layer
from tests.waiting import TIMEOUT, eventually
from ws4channels.counters import counts
from ws4channels.transports.configured import get_transport
from ws4channels.transports.message_loss import Gaps, NumberedReceiver, Numbers
from ws4channels.transports.messages import Publication

KEY = "broadcast:f"


def test_events_of_a_key_are_numbered() -> None:
    """Each key counts for itself, and the event is another dict than before."""
    numbers = Numbers()
    event = {"type": "x", "key": "a"}
    events = [numbers.number("a", event) for _ in range(3)]
    assert [each["number"] for each in events] == [0, 1, 2]
    assert len({each["source"] for each in events}) == 1
    assert numbers.number("b", event)["number"] == 0
    assert event == {"type": "x", "key": "a"}


def test_numbers_begin_again_under_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a fork, and when there are too many keys, the new numbers are not taken for the old ones."""
    numbers = Numbers(max_keys=1)
    sources = [numbers.number("a", {})["source"]]
    sources.append(numbers.number("a", {})["source"])
    monkeypatch.setattr(os, "getpid", lambda: 1)
    sources.append(numbers.number("a", {})["source"])
    assert len(set(sources)) == 3


@given(st.permutations(range(1, 20)), st.sets(st.integers(1, 19)))
def test_what_comes_late_is_not_lost(order: list[int], dropped: set[int]) -> None:
    """In whatever order numbers come, those that never do are lost, other than those after the last."""
    gaps = Gaps(0)
    arriving = [number for number in order if number not in dropped]
    for number in arriving:
        gaps.add(number, now=1.0)
    lost = {number for number in dropped if arriving and number < max(arriving)}
    assert bool(gaps) == bool(lost)
    assert gaps.take_lost(before=0.5) == 0
    assert gaps.take_lost(before=1.0) == len(lost)
    assert not gaps


@pytest.mark.parametrize("backend", [CORE, IN_MEMORY], ids=["core", "in-memory"])
async def test_dropped_messages_are_counted_and_logged(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, backend: str
) -> None:
    """What was more than the layer's capacity shows with the next message: in a counter, in one line, to the hub."""
    settings.CHANNEL_LAYERS = one_layer(backend, capacity=10)
    transport = get_transport()
    receiver = await transport.open_receiver()
    assert isinstance(receiver, NumberedReceiver)
    receiver.grace = 0.05
    losses: list[str] = []
    receiver.on_loss = losses.append
    await receiver.join([KEY])
    before = counts["messages_lost"]

    async def publish(count: int) -> None:
        for _ in range(count):
            await transport._send(Publication((KEY,), b"x", 0))

    async def receive(count: int) -> None:
        for _ in range(count):
            await asyncio.wait_for(receiver.receive(), TIMEOUT)

    with caplog.at_level(logging.WARNING, "ws4channels.transports.message_loss"):
        for _ in range(2):
            await publish(30)
            # The layer may hold one more than it says.
            await receive(10)
            await publish(1)
            await receive(1)
            await eventually(lambda: counts["messages_lost"] > before, "the loss is noticed")
        await eventually(lambda: counts["messages_lost"] - before >= 38, "both losses are")
    assert losses == ["messages are missing"] * 2
    assert len(caplog.records) == 1
    assert "messages on their way here: more waited than its capacity of 10." in caplog.text
    await receiver.aclose([KEY])


async def test_nothing_is_missed_of_keys_that_were_left(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is published while nobody here wants a key is not lost."""
    settings.CHANNEL_LAYERS = one_layer(IN_MEMORY)
    transport = get_transport()
    receiver = await transport.open_receiver()
    assert isinstance(receiver, NumberedReceiver)
    receiver.grace = 0.05
    before = counts["messages_lost"]
    for _ in range(2):
        await receiver.join([KEY])
        await transport._send(Publication((KEY,), b"x", 0))
        await asyncio.wait_for(receiver.receive(), TIMEOUT)
        await receiver.leave(KEY)
        await transport._send(Publication((KEY,), b"unheard", 0))
    assert receiver._timer is None
    assert counts["messages_lost"] == before
