"""Tests of `ws4channels.presence.attendance`, with websockets at ASGI level, and of `ws4channels.presence`."""

from __future__ import annotations

import asyncio
import json
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.core.exceptions import SynchronousOnlyOperation

from example_project.redis_server import RedisServer
from tests.layers import ALL, REDIS, use
from tests.sockets import Socket, connected
from tests.topologies import cluster_of_three
from tests.visitors import signed_in
from tests.waiting import QUIET, eventually
from ws4channels.audience import presence_key
from ws4channels.consumers import FacilityConsumer
from ws4channels.delivery.hub import get_hub
from ws4channels.exceptions import AudienceTypeError, ConfigurationError
from ws4channels.presence import apresent, present
from ws4channels.presence.attendance import get_attendance
from ws4channels.presence.rolls import GRACE
from ws4channels.testing import capture_published
from ws4channels.transports.configured import get_transport

PATH = "/ws/chat?subscribe-broadcast&presence&resume"


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[RedisServer]]:
    """A cluster."""
    with cluster_of_three() as nodes:
        yield nodes


@pytest.fixture(autouse=True)
def presence(settings: Any) -> None:
    """Presence on one facility, and a rule that allows everything."""
    settings.WS4CHANNELS_PRESENCE = ["chat"]
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: channels


async def told(socket: Socket) -> dict[str, Any]:
    """Return what a websocket is told next of presence."""
    while True:
        frame = str(await socket.next())
        assert frame.startswith("!")
        if "presence" in (content := json.loads(frame[1:])):
            return dict(content["presence"])


async def leave_all(*sockets: Socket) -> None:
    """Close websockets, and wait until nothing of them is left."""
    running = get_attendance(get_hub(get_transport())).running
    assert running is not None
    for socket in sockets:
        await socket.leave()
    await asyncio.wait_for(asyncio.shield(running), GRACE + 10)


@pytest.mark.parametrize("backend", sorted(ALL))
async def test_websockets_are_told_of_each_other(settings: Any, backend: str) -> None:
    """Over each transport; also of anonymous ones."""
    use(ALL[backend], settings)
    mary = await Socket(PATH, **signed_in("mary")).open()
    assert await told(mary) == {"audience": "broadcast", "now": ["mary"], "anonymous": 0}
    john = await Socket(PATH, **signed_in("john")).open()
    assert await told(john) == {"audience": "broadcast", "now": ["john", "mary"], "anonymous": 0}
    assert await told(mary) == {"audience": "broadcast", "joined": ["john"], "left": [], "anonymous": 0}
    async with connected("/ws/chat?subscribe-broadcast"):
        assert await told(mary) == {"audience": "broadcast", "joined": [], "left": [], "anonymous": 1}
    await leave_all(mary, john)


async def test_websockets_of_a_cluster_are_told_of_each_other(settings: Any, nodes: list[RedisServer]) -> None:
    """Whatever nodes the keys are on."""
    use(REDIS, settings)
    settings.WS4REDIS_CONNECTION = {"cluster": True, "startup_nodes": [("127.0.0.1", node.port) for node in nodes]}
    path = "/ws/chat?subscribe-broadcast&subscribe-group&subscribe-user&presence&resume"
    mary = await Socket(path, **signed_in("mary", ["a", "b", "c{d"])).open()
    assert {(await told(mary)).get("name") for _ in range(4)} == {None, "a", "b", "c{d"}
    people = await apresent(facility="chat", broadcast=True, groups=["a", "b", "c{d"], users=["mary"])
    assert [(each.user, each.sockets) for each in people] == [("mary", 1)]
    assert await sync_to_async(present)(facility="chat", groups=["a", "b"]) == people
    await leave_all(mary)


async def test_group_has_its_name_in_the_frame() -> None:
    """A client in several groups is notified of each."""
    path = "/ws/chat?subscribe-group&presence&resume"
    async with connected(path, **signed_in("mary", ["a:b", "staff"])) as mary:
        assert sorted([(await told(mary))["name"], (await told(mary))["name"]]) == ["a:b", "staff"]


async def test_nothing_is_left_when_all_have_left(redis_client: redis.Redis) -> None:
    """Neither in Redis nor in the process, whose task ends; who comes later begins anew."""
    mary = await Socket(PATH, **signed_in("mary")).open()
    await told(mary)
    attendance = weakref.ref(get_attendance(get_hub(get_transport())))
    assert list(redis_client.scan_iter("ws4channels:here:*")) == [b"ws4channels:here:{broadcast:chat}"]
    await leave_all(mary)
    assert list(redis_client.scan_iter("ws4channels:here:*")) == []
    again = await Socket(PATH, **signed_in("mary")).open()
    assert (await told(again))["now"] == ["mary"]
    assert get_attendance(get_hub(get_transport())) is not attendance()
    await leave_all(again)


async def test_facility_without_presence_starts_nothing(redis_client: redis.Redis) -> None:
    """Sites that do not use it do not pay for it."""
    async with connected("/ws/other?subscribe-broadcast&presence&resume", **signed_in("mary")) as socket:
        await socket.next()
        assert await socket.receive_nothing(QUIET)
        assert list(redis_client.scan_iter("ws4channels:here:*")) == []


async def test_what_others_publish_to_the_key_of_presence_breaks_nothing(
    redis_client: redis.Redis, settings: Any
) -> None:
    """Anybody who reaches Redis can: a note only says what to read."""
    use(REDIS, settings)
    async with connected(PATH, **signed_in("mary")) as mary:
        await told(mary)
        for payload in ("", "x", "5", "[1, 2]", '["p", ["broadcast:chat", "other", 5]]', b"\xff"):
            redis_client.publish(presence_key(None), payload)
        async with connected(PATH, **signed_in("john")):
            assert (await told(mary))["joined"] == ["john"]


async def test_note_of_another_process_is_read_soon(redis_client: redis.Redis, settings: Any) -> None:
    """What another process wrote is told without waiting for the next round."""
    use(REDIS, settings)
    async with connected(PATH, **signed_in("mary")) as mary:
        await told(mary)
        seconds, _ = redis_client.time()
        field = f"{seconds}000000{0:016}" + '[{"ann":[1,0]},2]'
        redis_client.hset("ws4channels:here:{broadcast:chat}", "elsewhere", field)
        began = asyncio.get_running_loop().time()
        redis_client.publish(presence_key(None), json.dumps(["elsewhere", ["broadcast:chat"]]))
        assert await told(mary) == {"audience": "broadcast", "joined": ["ann"], "left": [], "anonymous": 2}
        assert asyncio.get_running_loop().time() - began < 2


async def test_redis_that_refuses_is_logged_once_and_closes_no_websocket(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """Presence begins when Redis allows it."""
    redis_client.execute_command("ACL", "SETUSER", "default", "-hset")
    try:
        async with connected(PATH, **signed_in("mary")) as mary:
            await eventually(lambda: "Presence is not written" in caplog.text, "it is logged")
            redis_client.execute_command("ACL", "SETUSER", "default", "+hset")
            assert (await told(mary))["now"] == ["mary"]
    finally:
        redis_client.execute_command("ACL", "SETUSER", "default", "+hset")
    assert caplog.text.count("Presence is not written") == 1


async def test_notes_are_not_captured_as_published() -> None:
    """A site's tests see the site's messages."""
    with capture_published() as published:
        async with connected(PATH, **signed_in("mary")) as mary:
            assert (await told(mary))["now"] == ["mary"]
    assert list(published) == []


# Before each event of a subclass, Channels visits a thread to close database connections that have gone stale.
@pytest.mark.django_db(transaction=True)
async def test_subclass_of_the_consumer_is_listed_as_well(settings: Any) -> None:
    """Its own `connect` calls its parent's."""

    class Consumer(FacilityConsumer):
        async def connect(self) -> None:
            await super().connect()

    async with connected("/ws/chat?subscribe-broadcast", Consumer.as_asgi(), **signed_in("mary")):
        for _ in range(100):
            if people := await apresent(facility="chat", broadcast=True):
                break
            await asyncio.sleep(0.02)
        assert [each.user for each in people] == ["mary"]
        assert await sync_to_async(present)(facility="chat", broadcast=True) == people


async def test_present_in_async_code_names_its_twin() -> None:
    """It would hold up the event loop."""
    with pytest.raises(SynchronousOnlyOperation, match="await apresent"):
        present(facility="chat", broadcast=True)


def test_present_of_a_facility_without_presence_is_an_error() -> None:
    """An empty list would be a lie."""
    with pytest.raises(ConfigurationError) as caught:
        present(facility="news", broadcast=True)
    assert str(caught.value) == (
        "WS4CHANNELS_PRESENCE is ['chat'], which has no pattern that matches the facility 'news': nobody's presence is "
        "recorded there."
    )
    with pytest.raises(AudienceTypeError):
        present(facility="chat", everybody=True)
    assert present(facility="chat") == []
