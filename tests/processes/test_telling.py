"""Tests of `ws4channels.processes.telling`, with websockets at ASGI level."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async

from tests.layers import ALL, REDIS, use
from tests.processes.test_records import write
from tests.sockets import broadcast, connected
from tests.topologies import cluster_of_three
from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels.connections import sync_client
from ws4channels.counters import counts
from ws4channels.delivery.hub import Hub, get_hub
from ws4channels.processes import telling
from ws4channels.processes.asking import Answers, ask_processes, read_processes
from ws4channels.processes.questions import Question, keys_of, sockets_of
from ws4channels.processes.records import Process
from ws4channels.transports.configured import get_transport


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


async def test_process_removes_its_record_when_its_hub_ends(settings: Any) -> None:
    """Without waiting until it lapses."""
    use(REDIS, settings)
    hub = get_hub(get_transport())
    async with connected("/ws/news?subscribe-broadcast"):
        await told(lambda each: each.sockets == 1)
    await hub.aclose()
    assert await sync_to_async(read_processes)(sync_client()) == []


async def test_without_the_setting_nothing_is_written_and_nobody_answers(
    settings: Any, redis_client: redis.Redis
) -> None:
    """From the beginning, and when it is turned off later."""
    use(REDIS, settings)
    settings.WS4CHANNELS_ADMIN = False
    async with connected("/ws/news?subscribe-broadcast"):
        await asyncio.sleep(QUIET)
        assert redis_client.keys("ws4channels:*") == []
        settings.WS4CHANNELS_ADMIN = True
        async with connected("/ws/news?subscribe-broadcast"):
            process = await told(lambda each: each.sockets == 2)
            settings.WS4CHANNELS_ADMIN = False
            write(redis_client, "still known")
            await eventually(lambda: process.name not in names(), "its record is removed")
            assert (await ask(keys_of(), QUIET)).by_process == {}


async def test_without_the_setting_questions_of_other_processes_are_no_close_commands(
    settings: Any, redis_client: redis.Redis
) -> None:
    """Which are counted and logged as forged ones: other processes of the site may have the setting on."""
    use(REDIS, settings)
    settings.WS4CHANNELS_ADMIN = False
    async with connected("/ws/news?subscribe-broadcast") as socket:
        refused = counts["close_commands_refused"]
        redis_client.publish("ws4channels:close", keys_of().publication().raw)
        await broadcast("news", "hello")
        assert await socket.next() == "hello"
        assert counts["close_commands_refused"] == refused


async def test_hostile_questions_do_no_harm(settings: Any, redis_client: redis.Redis) -> None:
    """Those without a signature are ignored; of a thousand with one, as many are answered as can wait."""
    use(REDIS, settings)
    async with connected("/ws/news?subscribe-broadcast") as socket:
        await told(lambda each: each.sockets == 1)
        refused = counts["close_commands_refused"]
        for payload in ("?", "?" + "x" * 1000, "?" + "{" * 500_000):
            redis_client.publish("ws4channels:close", payload)
        question = keys_of()
        for _ in range(1000):
            redis_client.publish("ws4channels:close", question.publication().raw)
        await broadcast("news", "hello")
        assert await socket.next() == "hello"
        assert (await ask(keys_of())).totals == {"broadcast:news": 1}
        assert 1 <= redis_client.llen(f"ws4channels:answers:{question.number}") <= 1000
        assert redis_client.ttl(f"ws4channels:answers:{question.number}") > 0
        assert counts["close_commands_refused"] == refused


async def test_endless_questions_do_not_delay_the_record(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a program that publishes one again and again: there is always a further one when one is answered."""
    use(REDIS, settings)
    question = str(keys_of().publication().raw, "ascii")

    async def answer(hub: Hub, asked: Question) -> list[tuple[str, int]]:
        assert hub.sockets.on_question is not None
        hub.sockets.on_question(question)
        return []

    monkeypatch.setattr(telling, "answer", answer)
    async with connected("/ws/news?subscribe-broadcast"):
        await told(lambda each: each.sockets == 1)
        take = get_hub(get_transport()).sockets.on_question
        assert take is not None
        assert take(question)
        async with connected("/ws/news?subscribe-broadcast"):
            await told(lambda each: each.sockets == 2)


async def test_redis_that_refuses_the_record_is_logged_once(
    settings: Any, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Websockets go on; the record is there when Redis takes it."""
    use(REDIS, settings)
    redis_client.set("ws4channels:processes", "in the way")
    async with connected("/ws/news?subscribe-broadcast") as socket:
        await eventually(lambda: "record of this process is not written" in caplog.text, "it is logged")
        await broadcast("news", "hello")
        assert await socket.next() == "hello"
        await asyncio.sleep(QUIET)
        redis_client.delete("ws4channels:processes")
        await told(lambda each: each.sockets == 1)
    assert caplog.text.count("record of this process is not written") == 1


async def test_hub_ends_though_a_call_of_redis_lost_the_cancellation(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As redis-py's may; a process that tells on would keep its server from ending."""
    use(REDIS, settings)
    is_asking = asyncio.Event()

    async def lose_cancellation(client: Any, commands: Any) -> list[Any]:
        is_asking.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return []

    monkeypatch.setattr(telling, "aask", lose_cancellation)
    monkeypatch.setattr(telling, "INTERVAL", 3600.0)
    async with connected("/ws/news?subscribe-broadcast"):
        await asyncio.wait_for(is_asking.wait(), TIMEOUT)
    tasks = [task for task in asyncio.all_tasks() if "tell" in repr(task.get_coro())]
    assert len(tasks) == 1
    await get_hub(get_transport()).aclose()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), TIMEOUT)


async def test_record_of_a_cluster_is_written_and_read(settings: Any) -> None:
    """Whatever node it is on."""
    use(REDIS, settings)
    with cluster_of_three() as nodes:
        settings.WS4REDIS_CONNECTION = {"cluster": True, "startup_nodes": [("127.0.0.1", node.port) for node in nodes]}
        async with connected("/ws/news?subscribe-broadcast"):
            await told(lambda each: each.sockets == 1)
            assert (await ask(keys_of())).totals == {"broadcast:news": 1}
        await get_hub(get_transport()).aclose()


async def test_prefix_keeps_sites_apart(settings: Any, redis_client: redis.Redis) -> None:
    """As it does for messages."""
    settings.WS4REDIS_PREFIX = "example"
    async with connected("/ws/news?subscribe-broadcast"):
        await told(lambda each: each.sockets == 1)
        assert redis_client.keys("*ws4channels:processes") == [b"example:ws4channels:processes"]
        assert (await ask(keys_of())).totals == {"example:broadcast:news": 1}


def names() -> set[str]:
    """Return the names of the processes that have a record."""
    return {each.name for each in read_processes(sync_client())}
