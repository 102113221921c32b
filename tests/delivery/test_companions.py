"""Tests of `ws4channels.delivery.companions`."""

from __future__ import annotations

import asyncio

from tests.waiting import eventually
from ws4channels.delivery.companions import Companions


async def test_companion_runs_once_until_all_are_cancelled() -> None:
    """However often it is begun; what is to be done at the end is done after that, and once."""
    companions, seen = Companions(), []

    async def run(word: str) -> None:
        seen.append(word)
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("cancelled")

    async def finish() -> None:
        seen.append("finished")

    companions.on_end.append(finish)
    companions.begin(run, "begun")
    companions.begin(run, "again")
    await eventually(lambda: seen, "it runs")
    companions.cancel()
    await companions.end()
    await companions.end()
    companions.begin(run, "too late")
    await asyncio.sleep(0)
    assert seen == ["begun", "cancelled", "finished"]


async def test_end_comes_when_a_companion_ignores_its_cancellation() -> None:
    """A hub ends all the same."""
    companions, ended = Companions(), asyncio.Event()

    async def stay() -> None:
        while not ended.is_set():
            try:
                await ended.wait()
            except asyncio.CancelledError:
                continue

    companions.begin(stay)
    await asyncio.sleep(0)
    companions.cancel()
    await companions.end()
    ended.set()


async def test_hub_without_companions_ends() -> None:
    """As one that never started."""
    await Companions().end()
