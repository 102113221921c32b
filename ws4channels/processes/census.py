"""What there is in a hub: sockets by facility, messages that wait, and sockets by key. Looked at in small pieces."""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple, TypeVar

from ws4channels import settings
from ws4channels.audience import facility_in
from ws4channels.delivery.hub import Hub
from ws4channels.processes.questions import Question

_PER_TURN = 1000  # a millisecond at most, in which nothing is delivered

T = TypeVar("T")


class Census(NamedTuple):
    """What was counted."""

    sockets: int
    waiting: int
    facilities: Counter[str]


async def take_census(hub: Hub) -> Census:
    """Count the sockets of a hub. Costs a microsecond or so for each."""
    facilities: Counter[str] = Counter()
    waiting = sockets = 0
    async for socket in _in_pieces(hub.sockets):
        if socket.identity is not None and socket.subscriber is not None:
            sockets += 1
            facilities[socket.identity.facility] += 1
            waiting += socket.waiting
    return Census(sockets, waiting, facilities)


async def answer(hub: Hub, question: Question) -> list[tuple[str, int]]:
    """Return keys with how many sockets of a hub are subscribed to each, those with most first."""
    if question.keys is not None:
        found = [(key, count) for key in question.keys if (count := len(hub.subscribers.wanting(key)))]
    else:
        prefix, found = settings.WS4REDIS_PREFIX, []
        async for key in _in_pieces(hub.subscribers):
            if question.facility is not None and not (
                key.endswith(question.facility) and facility_in(prefix, key) == question.facility
            ):
                continue
            if question.text is None or question.text in key:
                found.append((key, len(hub.subscribers.wanting(key))))
    return heapq.nsmallest(question.limit, found, key=lambda each: (-each[1], each[0]))


async def _in_pieces(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items that there are now, and let others run in between."""
    for number, item in enumerate(tuple(items), 1):
        yield item
        if number % _PER_TURN == 0:
            await asyncio.sleep(0)
