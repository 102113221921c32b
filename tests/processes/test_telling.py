"""Tests of `ws4channels.processes.telling`, with websockets at ASGI level."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from tests.layers import ALL, use
from tests.sockets import connected
from tests.waiting import TIMEOUT
from ws4channels.connections import sync_client
from ws4channels.processes import telling
from ws4channels.processes.asking import Answers, ask_processes, read_processes
from ws4channels.processes.questions import Question, keys_of, sockets_of
from ws4channels.processes.records import Process


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are written many times a second."""
    monkeypatch.setattr(telling, "INTERVAL", 0.05)
    monkeypatch.setattr(telling, "_FIRST", 0.0)
    monkeypatch.setattr(telling, "_RETRY_DELAY", 0.05)


async def told(condition: Any) -> Process:
    """Return the record of the one process when it is as it should be."""
    deadline = asyncio.get_running_loop().time() + TIMEOUT
    while True:
        processes = await sync_to_async(read_processes)(sync_client())
        if len(processes) == 1 and condition(processes[0]):
            return processes[0]
        assert asyncio.get_running_loop().time() < deadline, processes


async def ask(question: Question, seconds: float = TIMEOUT) -> Answers:
    """Ask from another thread."""
    return await sync_to_async(ask_processes)(sync_client(), question, seconds)


@pytest.mark.parametrize("backend", sorted(ALL))
async def test_process_tells_of_its_sockets(settings: Any, backend: str) -> None:
    """Over each transport."""
    use(ALL[backend], settings)
    async with connected("/ws/news?subscribe-broadcast"), connected("/ws/chat?subscribe-broadcast"):
        async with connected("/ws/chat?subscribe-broadcast"):
            process = await told(lambda each: each.sockets == 3)
            assert process.facilities == (("chat", 2), ("news", 1))
            answers = await ask(sockets_of(["broadcast:chat", "broadcast:none"]))
            assert answers.by_process == {process.name: {"broadcast:chat": 2}}
            assert answers.silent == ()
            assert (await ask(keys_of())).totals == {"broadcast:chat": 2, "broadcast:news": 1}
        await told(lambda each: each.sockets == 2)
