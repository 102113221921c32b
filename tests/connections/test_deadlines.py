"""Tests of `ws4channels.connections.deadlines`."""

from __future__ import annotations

import asyncio

import pytest

from tests.waiting import TIMEOUT, eventually
from ws4channels.connections.deadlines import within


async def test_result_is_returned() -> None:
    """What ends in time is returned."""
    assert await within(TIMEOUT, asyncio.sleep(0, "result")) == "result"


async def test_error_is_raised() -> None:
    """What fails in time fails with its own error."""

    async def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await within(TIMEOUT, fail())


async def test_what_takes_longer_is_cancelled() -> None:
    """What does not end in time is cancelled, and the error says how long it had."""
    never = asyncio.get_running_loop().create_future()
    with pytest.raises(asyncio.TimeoutError, match=r"No result within 0\.01 s\."):
        await within(0.01, never)
    assert never.cancelled()


async def test_cancelling_who_waits_cancels_what_is_waited_for() -> None:
    """A cancellation reaches both, also in the moment in which the result is there."""
    never = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(within(TIMEOUT, never))
    await asyncio.sleep(0)
    waiting.cancel()
    await eventually(waiting.done, "the waiting ends")
    assert waiting.cancelled()
    assert never.cancelled()


async def test_cancellation_is_not_swallowed_by_a_result_of_the_same_moment() -> None:
    """A task that is cancelled just when the result comes is cancelled all the same."""
    result = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(within(TIMEOUT, result))
    await asyncio.sleep(0)
    result.set_result("too late")
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
