"""Tests of `ws4channels.transports.publishing_loop`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import textwrap
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings

from tests import layers
from tests.monitor import arrived, connections_named, connections_opened, listening
from tests.scripts import run_script
from tests.waiting import TIMEOUT, wait_until
from ws4channels.audience import group_name
from ws4channels.transports import publishing_loop
from ws4channels.transports.publishing_loop import PublishingLoop

THREAD_NAME = "ws4channels-publishing"


async def loop_of(publishing: PublishingLoop) -> asyncio.AbstractEventLoop:
    """Return the loop that runs this, which must be the one promised."""
    assert publishing.loop is asyncio.get_running_loop()
    return publishing.loop


async def ping(publishing: PublishingLoop) -> bool:
    """Use the loop's client."""
    return bool(await publishing.client.ping())


def in_thread(function: Callable[[], Any]) -> Any:
    """Return what `function` returns in a thread of its own."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function).result(TIMEOUT)


def background_threads() -> int:
    """Return how many background loops run."""
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


@pytest.fixture
async def attached() -> AsyncIterator[PublishingLoop]:
    """The running loop, known as the one to publish on."""
    publishing = PublishingLoop(asyncio.get_running_loop())
    publishing_loop.attach(publishing)
    yield publishing
    publishing_loop.detach(publishing)
    await publishing.aclose()


def test_all_threads_use_one_background_loop() -> None:
    """Without a server's loop, everybody publishes on the same loop, which runs in one daemon thread."""
    with ThreadPoolExecutor(8) as executor:
        loops = set(executor.map(lambda _: publishing_loop.run_from_thread(loop_of), range(40)))
    loops.add(publishing_loop.run_from_thread(loop_of))
    assert len(loops) == 1
    assert background_threads() == 1


def test_no_event_loop_is_made_per_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the background loop runs, neither sync nor async calls make another one of their own."""
    publishing_loop.run_from_thread(loop_of)
    made: list[asyncio.AbstractEventLoop] = []
    original = asyncio.new_event_loop

    def new_event_loop() -> asyncio.AbstractEventLoop:
        made.append(original())
        return made[-1]

    for module in (asyncio, asyncio.events):
        monkeypatch.setattr(module, "new_event_loop", new_event_loop)
    for _ in range(20):
        publishing_loop.run_from_thread(ping)
    assert made == []

    async def many() -> None:
        for _ in range(20):
            await publishing_loop.run(ping)

    asyncio.run(many())
    assert len(made) == 1  # asyncio.run's


def test_no_connection_is_made_per_call(redis_client: redis.Redis) -> None:
    """One connection serves all calls that follow each other, from threads and from event loops that come and go."""
    publishing_loop.run_from_thread(ping)
    before = connections_opened(redis_client)
    for _ in range(10):
        publishing_loop.run_from_thread(ping)
        in_thread(lambda: publishing_loop.run_from_thread(ping))
        asyncio.run(publishing_loop.run(ping))
    assert connections_opened(redis_client) == before


def test_connections_are_bounded_in_a_burst(redis_client: redis.Redis, settings: Any) -> None:
    """However many call at once, there are no more connections than the pool may have."""
    settings.WS4REDIS_CONNECTION = {"url": django_settings.REDIS_URL, "max_connections": 2, "client_name": "burst"}
    with ThreadPoolExecutor(16) as executor:
        assert all(executor.map(lambda _: publishing_loop.run_from_thread(ping), range(100)))
    assert 1 <= len(connections_named(redis_client, "burst")) <= 2


async def test_any_loop_may_wait_for_the_background_loop() -> None:
    """An event loop that is no server's has its publishing done on the background loop."""
    assert await publishing_loop.run(loop_of) is not asyncio.get_running_loop()


async def test_attached_loop_is_preferred(attached: PublishingLoop) -> None:
    """Where a hub has attached its loop, threads and other loops publish on that one, and itself does so directly."""
    assert publishing_loop.is_attached()
    assert await publishing_loop.run(loop_of) is attached.loop
    assert await asyncio.to_thread(publishing_loop.run_from_thread, loop_of) is attached.loop
    assert await asyncio.to_thread(lambda: asyncio.run(publishing_loop.run(loop_of))) is attached.loop


async def test_detached_loop_is_not_used(attached: PublishingLoop) -> None:
    """When the hub ends, its loop is left alone."""
    publishing_loop.detach(attached)
    assert not publishing_loop.is_attached()
    assert await publishing_loop.run(loop_of) is not attached.loop
    assert await asyncio.to_thread(publishing_loop.run_from_thread, loop_of) is not attached.loop


def test_loop_that_ended_without_a_word_is_not_used() -> None:
    """A loop that stopped while it was attached costs nobody a message."""
    stopped: list[PublishingLoop] = []

    async def attach_and_end() -> None:
        stopped.append(PublishingLoop(asyncio.get_running_loop()))
        publishing_loop.attach(stopped[0])

    asyncio.run(attach_and_end())
    try:
        assert not publishing_loop.is_attached()
        assert publishing_loop.run_from_thread(loop_of) is not stopped[0].loop
    finally:
        publishing_loop.detach(stopped[0])


async def test_two_loops_each_use_their_own_directly(attached: PublishingLoop) -> None:
    """A second server's loop in the same process publishes on itself."""

    async def second() -> tuple[object, object]:
        publishing = PublishingLoop(asyncio.get_running_loop())
        publishing_loop.attach(publishing)
        try:
            return await publishing_loop.run(loop_of), publishing.loop
        finally:
            publishing_loop.detach(publishing)

    used, own = await asyncio.to_thread(asyncio.run, second())
    assert used is own
    assert await publishing_loop.run(loop_of) is attached.loop


async def test_errors_come_to_the_caller() -> None:
    """What fails on the loop for publishing fails in the thread or task that asked, with the same error."""

    async def fail(_: PublishingLoop) -> None:
        raise LookupError("as it is")

    with pytest.raises(LookupError, match=r"^as it is$"):
        await publishing_loop.run(fail)
    with pytest.raises(LookupError, match=r"^as it is$"):
        await asyncio.to_thread(publishing_loop.run_from_thread, fail)


async def test_error_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """An error that the caller was given is not logged by asyncio as well."""

    async def fail(_: PublishingLoop) -> None:
        raise LookupError("as it is")

    with contextlib.suppress(LookupError):
        await publishing_loop.run(fail)
    gc.collect()
    await asyncio.sleep(0)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_cancelling_the_caller_cancels_the_call() -> None:
    """Nothing goes on for a task that was cancelled."""
    began, cancelled = threading.Event(), threading.Event()

    async def wait(_: PublishingLoop) -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    task = asyncio.create_task(publishing_loop.run(wait))
    assert await asyncio.to_thread(began.wait, TIMEOUT)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(cancelled.wait, TIMEOUT)


def test_a_call_that_does_not_end_is_a_connection_error() -> None:
    """A thread waits for the timeout and no longer; what it waited for is cancelled."""
    cancelled = threading.Event()

    async def wait(_: PublishingLoop) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(redis.exceptions.ConnectionError) as raised:
        publishing_loop.run_from_thread(wait, timeout=0.05)
    assert str(raised.value) == "Publishing did not finish within 0.05 s."
    assert cancelled.wait(TIMEOUT)


async def test_an_async_call_that_does_not_end_is_a_connection_error() -> None:
    """A task waits for the timeout and no longer: a layer's client may have no timeout of its own."""

    async def wait(_: PublishingLoop) -> None:
        await asyncio.Event().wait()

    with pytest.raises(redis.exceptions.ConnectionError) as raised:
        await asyncio.wait_for(publishing_loop.run(wait, timeout=0.05), TIMEOUT)
    assert str(raised.value) == "Publishing did not finish within 0.05 s."


def test_a_timeout_of_the_call_itself_passes() -> None:
    """A TimeoutError that the call raises is not mistaken for the limit on waiting."""

    async def time_out(_: PublishingLoop) -> None:
        raise asyncio.TimeoutError("its own")

    with pytest.raises(asyncio.TimeoutError, match=r"^its own$"):
        publishing_loop.run_from_thread(time_out)


async def test_client_follows_the_setting_and_is_closed(redis_client: redis.Redis, settings: Any) -> None:
    """A loop has one client per setting, and closing the loop's state closes the connections of all of them."""
    publishing = PublishingLoop(asyncio.get_running_loop())
    for name in ("first", "second"):
        settings.WS4REDIS_CONNECTION = {"url": django_settings.REDIS_URL, "client_name": name}
        client = publishing.client
        assert publishing.client is client
        assert await client.ping()
        assert len(connections_named(redis_client, name)) == 1
    await publishing.aclose()
    for name in ("first", "second"):
        wait_until(lambda name=name: not connections_named(redis_client, name), f"{name} was not closed.")


def test_state_of_a_loop_does_not_outlive_it() -> None:
    """Loops that come and go leave nothing in the registry."""

    async def serve() -> None:
        publishing = PublishingLoop(asyncio.get_running_loop())
        publishing_loop.attach(publishing)
        await publishing_loop.run(ping)
        publishing_loop.detach(publishing)
        await publishing.aclose()

    asyncio.run(serve())
    gc.collect()
    before = sum(isinstance(each, PublishingLoop) for each in gc.get_objects())
    for _ in range(3):
        asyncio.run(serve())
    gc.collect()
    assert sum(isinstance(each, PublishingLoop) for each in gc.get_objects()) <= before


PUBLISH = """
import asyncio
from ws4channels.publisher import RedisPublisher
publisher = RedisPublisher(facility="news", broadcast=True)
"""


@pytest.mark.parametrize(
    ("backend", "code"),
    [
        (layers.PUBSUB, 'publisher.publish_message("main")'),
        (layers.PUBSUB, 'asyncio.run(publisher.apublish_message("loop"))'),
        (layers.CORE, 'publisher.publish_message("main")'),
        (layers.IN_MEMORY, 'asyncio.run(publisher.apublish_message("loop"))'),
    ],
)
def test_process_ends_at_once_and_without_a_word(redis_client: redis.Redis, backend: str, code: str) -> None:
    """At the end of the interpreter everything is closed: no warning, no traceback, no connection left."""
    before = len(redis_client.client_list())
    assert run_script(PUBLISH + code, CHANNEL_LAYERS=layers.one_layer(backend)) == ""
    wait_until(lambda: len(redis_client.client_list()) == before, "A connection was left.")


def test_publishing_while_the_process_ends_works(redis_client: redis.Redis) -> None:
    """An exit handler of a site that publishes neither hangs nor fails, though our loop has ended before."""
    code = 'import atexit\natexit.register(publisher.publish_message, "bye")\npublisher.publish_message("hello")\n'
    run_script(PUBLISH + code, CHANNEL_LAYERS=layers.one_layer(layers.CORE))
    assert redis_client.get("broadcast:news") == b"bye"


FORK = (
    PUBLISH
    + """
import os, sys, multiprocessing
def child(text, count=5):
    for number in range(count):
        publisher.publish_message(f"{text}-{number}")
    asyncio.run(publisher.apublish_message(f"{text}-async"))
"""
)
FORKS = {
    "multiprocessing": """
        publisher.publish_message("parent-before")
        process = multiprocessing.get_context("fork").Process(target=child, args=("child",))
        process.start()
        process.join()
        assert process.exitcode == 0
        publisher.publish_message("parent-after")
    """,
    "fork with exit handlers": """
        publisher.publish_message("parent-before")
        pid = os.fork()
        if pid == 0:
            child("child")
            sys.exit()
        assert os.waitpid(pid, 0)[1] == 0
        publisher.publish_message("parent-after")
    """,
    "fork before anything was published": """
        pid = os.fork()
        if pid == 0:
            child("child")
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        publisher.publish_message("parent-before")
        publisher.publish_message("parent-after")
    """,
}


@pytest.mark.parametrize(
    ("backend", "way"), [(layers.PUBSUB, "fork with exit handlers"), *((layers.CORE, way) for way in FORKS)]
)
def test_forked_worker_publishes(redis_client: redis.Redis, backend: str, way: str) -> None:
    """Parent and child publish, each over connections of its own, and everything is kept and arrives in order."""
    run_script(FORK + textwrap.dedent(FORKS[way]), CHANNEL_LAYERS=layers.one_layer(backend))
    assert redis_client.get("broadcast:news") == b"parent-after"


def test_all_that_forks_publish_arrives(redis_client: redis.Redis) -> None:
    """Nothing is lost, doubled or mixed up where parent and children publish at the same time."""
    code = """
    processes = [multiprocessing.get_context("fork").Process(target=child, args=(f"child{n}", 50)) for n in range(3)]
    publisher.publish_message("parent-first")
    for process in processes:
        process.start()
    child("parent", 50)
    for process in processes:
        process.join()
        assert process.exitcode == 0
    """
    channel = f"asgi__group__{group_name('broadcast', facility='news')}"
    with listening(redis_client, channel) as receiver:
        run_script(FORK + textwrap.dedent(code))
        bodies = arrived(redis_client, receiver)
    for origin in ("parent", "child0", "child1", "child2"):
        expected = [f"{origin}-{number}".encode() for number in range(50)]
        texts = [body.partition(b"\xa4text")[2][1:].partition(b"\xa7numbers")[0] for body in bodies]
        assert [text for text in texts if text in expected] == expected
    assert len(bodies) == 1 + 4 * 51


def test_fork_forgets_the_servers_loop(redis_client: redis.Redis) -> None:
    """A child does not wait for a loop that runs in its parent only."""
    code = """
    import os
    from ws4channels.transports import publishing_loop

    def fork_and_publish():
        pid = os.fork()
        if pid == 0:
            publisher.publish_message("child")
            os._exit(publishing_loop.is_attached())
        return os.waitpid(pid, 0)[1]

    async def serve():
        publishing = publishing_loop.PublishingLoop(asyncio.get_running_loop())
        publishing_loop.attach(publishing)
        assert await asyncio.to_thread(fork_and_publish) == 0
        assert publishing_loop.is_attached()
        publishing_loop.detach(publishing)
        await publishing.aclose()

    asyncio.run(serve())
    """
    run_script(PUBLISH + textwrap.dedent(code), CHANNEL_LAYERS=layers.one_layer(layers.CORE))
    assert redis_client.get("broadcast:news") == b"child"
