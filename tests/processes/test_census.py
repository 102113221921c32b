"""Tests of `ws4channels.processes.census`."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.inbox import Inbox
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.outbox import Outbox
from ws4channels.processes.census import answer, take_census
from ws4channels.processes.questions import keys_of, sockets_of
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Delivery


@pytest.fixture
async def hub() -> Hub:
    """A hub that has not started."""
    return Hub(get_transport())


def subscribe(hub: Hub, **counts: int) -> None:
    """Subscribe so many to each key; of the names the first underscore is a colon."""
    for name, count in counts.items():
        for _ in range(count):
            hub.subscribers.add(name.replace("_", ":"), Inbox())


async def test_sockets_are_counted_by_facility_with_what_waits(hub: Hub) -> None:
    """Those that are still joining are not."""

    async def send(event: Any) -> None:
        await asyncio.Event().wait()

    for facility in ("chat", "chat", "news"):
        socket = hub.sockets.enter(lambda code: None, None)
        hub.sockets.identify(socket, SimpleNamespace(facility=facility, session=None, user=None))
        socket.subscriber = outbox = Outbox(send, echo=True, on_overflow=print)
        outbox.put(Delivery("x"))
    hub.sockets.identify(hub.sockets.enter(lambda code: None, None), SimpleNamespace(facility="x", session=None))
    census = await take_census(hub)
    assert (census.sockets, census.waiting, census.facilities) == (3, 3, {"chat": 2, "news": 1})


async def test_keys_with_most_sockets_come_first(hub: Hub) -> None:
    """Up to the limit; equal ones by name."""
    subscribe(hub, broadcast_a=1, broadcast_b=3, broadcast_c=3)
    assert await answer(hub, keys_of(limit=2)) == [("broadcast:b", 3), ("broadcast:c", 3)]


async def test_keys_are_found_by_facility_and_text(hub: Hub) -> None:
    """A facility is meant as a whole."""
    subscribe(hub, broadcast_a=1, broadcast_aa=1)
    hub.subscribers.add("user:mary:a", Inbox())
    assert await answer(hub, keys_of(facility="a")) == [("broadcast:a", 1), ("user:mary:a", 1)]
    assert await answer(hub, keys_of(text="mary")) == [("user:mary:a", 1)]
    assert await answer(hub, keys_of(facility="a", text="aa")) == []


async def test_sockets_of_keys_are_told(hub: Hub) -> None:
    """Of those that have any."""
    subscribe(hub, broadcast_a=2)
    assert await answer(hub, sockets_of(["broadcast:a", "broadcast:b"])) == [("broadcast:a", 2)]


async def test_search_of_100_000_keys_takes_less_than_a_second_and_lets_others_run(hub: Hub) -> None:
    """Messages are delivered meanwhile."""
    for number in range(100_000):
        hub.subscribers.add(f"user:user-{number}:chat", Inbox())
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    others = asyncio.create_task(count_turns())
    began = time.process_time()
    found = await answer(hub, keys_of(facility="chat", text="user-9999"))
    taken = time.process_time() - began
    others.cancel()
    assert len(found) == 11
    assert turns >= 99
    assert taken < 1
