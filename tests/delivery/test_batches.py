"""Tests of `ws4channels.delivery.batches`."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import TIMEOUT
from ws4channels.connections import RedisConnectionError
from ws4channels.delivery.batches import Batches


class Doubler:
    """Doubles numbers, a batch at a time, when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = asyncio.Event()

    async def run(self, items: list[int]) -> list[int]:
        self.batches.append(items)
        await self.may_go_on.wait()
        if 0 in items:
            raise ValueError("zero")
        return [2 * item for item in items]


async def begin(batches: Batches[int, int], *items: int) -> list[asyncio.Task[int]]:
    """Submit items, each from a task of its own, and let these tasks and the batch begin."""
    tasks = [asyncio.create_task(batches.submit(item)) for item in items]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_what_comes_during_a_batch_makes_up_the_next() -> None:
    """The first item goes alone; all that is submitted meanwhile goes together, and each gets its own result."""
    doubler = Doubler()
    batches = Batches(doubler.run)
    tasks = [*await begin(batches, 1), *await begin(batches, 2, 3, 4)]
    doubler.may_go_on.set()
    assert await asyncio.wait_for(asyncio.gather(*tasks), TIMEOUT) == [2, 4, 6, 8]
    assert doubler.batches == [[1], [2, 3, 4]]


async def test_item_that_fails_does_so_alone() -> None:
    """The others of its batch get their results, and so does the next batch."""
    doubler = Doubler()
    batches = Batches(doubler.run)
    [first] = await begin(batches, 1)
    failing, other = await begin(batches, 0, 2)
    doubler.may_go_on.set()
    with pytest.raises(ValueError, match="zero"):
        await asyncio.wait_for(failing, TIMEOUT)
    assert [await first, await other] == [2, 4]
    assert await asyncio.wait_for(batches.submit(5), TIMEOUT) == 10


async def test_outage_fails_a_whole_batch_at_once() -> None:
    """Where nothing answers, nobody waits for as many attempts as there are items."""
    attempts = []

    async def fail(items: list[int]) -> list[int]:
        attempts.append(items)
        raise RedisConnectionError("gone")

    batches = Batches(fail)
    results = await asyncio.gather(*(batches.submit(number) for number in range(3)), return_exceptions=True)
    assert [str(result) for result in results] == ["gone"] * 3
    assert len(attempts) <= 2


async def test_who_gives_up_waiting_harms_nobody() -> None:
    """A submitter that is cancelled leaves the batch to the others."""
    doubler = Doubler()
    batches = Batches(doubler.run)
    [first] = await begin(batches, 1)
    quitter, patient = await begin(batches, 2, 3)
    quitter.cancel()
    doubler.may_go_on.set()
    assert await asyncio.wait_for(patient, TIMEOUT) == 6
    assert await first == 2
    assert quitter.cancelled()
