"""Tests of `ws4channels.delivery.gaps`: layers that lose, repeat and reorder messages, and faults of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis
from channels.layers import InMemoryChannelLayer

from example_project.redis_server import RedisServer
from tests import layers
from tests.inbox import Inbox
from tests.waiting import QUIET, eventually
from ws4channels.counters import counts
from ws4channels.delivery.hub import Hub
from ws4channels.delivery.welcome import Start
from ws4channels.transports import publishing
from ws4channels.transports.channel_layer import InMemoryTransport
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import EVENT_TYPE, Publication
from ws4channels.transports.numbers import extras_of

KEY = "broadcast:a"


class UnreliableLayer(InMemoryChannelLayer):
    """A layer that asks `way` what becomes of each message: the events that are sent in its place."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.way: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda event: [event]

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        for each in self.way(message) if message["type"] == EVENT_TYPE else [message]:
            await super().group_send(group, each)


@pytest.fixture
def layer(settings: Any) -> UnreliableLayer:
    """The layer of the hub; messages are logged."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{__name__}.UnreliableLayer", "CONFIG": {"capacity": 10_000}}}
    settings.WS4CHANNELS_HISTORY = 1000
    transport = get_transport()
    assert isinstance(transport, InMemoryTransport)
    layer: UnreliableLayer = transport._layer
    return layer


@pytest.fixture
async def hub(layer: UnreliableLayer) -> AsyncIterator[Hub]:
    """A hub that hears what the layer lets through."""
    hub = Hub(get_transport())
    yield hub
    await hub.aclose()


async def publish(*payloads: str, expire: int = 60) -> None:
    """Publish messages one after the other."""
    for payload in payloads:
        await publishing.apublish(Publication((KEY,), payload.encode(), expire))


def texts(count: int, start: int = 0) -> list[str]:
    """Return so many payloads."""
    return [f"{number}" for number in range(start, start + count)]


async def joined(hub: Hub) -> Inbox:
    """Return a socket that listens."""
    inbox = Inbox()
    await hub.join(inbox, (KEY,))
    return inbox


async def check_arrived(inbox: Inbox, payloads: list[str]) -> None:
    """Check that exactly these arrive."""
    await eventually(lambda: len(inbox.deliveries) >= len(payloads), "the messages arrive")
    await asyncio.sleep(QUIET)
    assert inbox.payloads == payloads


@pytest.mark.parametrize("kept_back", [2, 3, 7])
async def test_messages_that_overtake_each_other_arrive_in_order(
    layer: UnreliableLayer, hub: Hub, kept_back: int
) -> None:
    """Whatever order the layer delivers them in, each once."""
    waiting: list[dict[str, Any]] = []

    def reorder(event: dict[str, Any]) -> list[dict[str, Any]]:
        waiting.append(event)
        if len(waiting) < kept_back:
            return []
        events, waiting[:] = waiting[::-1], []
        return events

    inbox = await joined(hub)
    layer.way = reorder
    await publish(*texts(3 * kept_back))
    await check_arrived(inbox, texts(3 * kept_back))
    assert inbox.gaps == []


async def test_messages_that_are_dropped_are_read_from_the_log(layer: UnreliableLayer, hub: Hub) -> None:
    """Before what came after them; sockets that join meanwhile get each message once as well."""
    before = counts.copy()
    inboxes = [await joined(hub), await joined(hub)]
    layer.way = lambda event: [event] if int(event["text"]) % 10 in (0, 9) else []
    await publish(*texts(50))
    late = Inbox()
    welcome = await hub.join(late, (KEY,))
    await publish(*texts(50, 50))
    for inbox in inboxes:
        await check_arrived(inbox, texts(100))
        assert inbox.gaps == []
    first = welcome.seen[KEY]
    assert [each.payload for each in welcome.deliveries] == ["49"]
    assert [each.payload for each in late.deliveries if each.number > first] == texts(50, 50)
    assert counts["messages_recovered"] - before["messages_recovered"] == 80
    assert counts["gaps_unfilled"] == before["gaps_unfilled"]


async def test_message_that_comes_twice_is_delivered_once(layer: UnreliableLayer, hub: Hub) -> None:
    """Also if it comes again later."""
    seen: list[dict[str, Any]] = []

    def repeat(event: dict[str, Any]) -> list[dict[str, Any]]:
        seen.append(event)
        return [event, seen[0], event]

    inbox = await joined(hub)
    layer.way = repeat
    await publish(*texts(20))
    await check_arrived(inbox, texts(20))
    assert inbox.gaps == []


async def test_messages_without_numbers_are_delivered_as_they_come(layer: UnreliableLayer, hub: Hub) -> None:
    """They wait for no gap, and are none."""
    inbox = await joined(hub)
    layer.way = lambda event: [event] if event["text"] != "1" else []
    await publish("0", "1")
    await publish("typing", expire=0)
    await publish("2")
    await eventually(lambda: len(inbox.deliveries) == 4, "the messages arrive")
    assert [each for each in inbox.payloads if each != "typing"] == ["0", "1", "2"]


async def test_kept_message_fills_a_gap_of_one(layer: UnreliableLayer, hub: Hub, settings: Any) -> None:
    """Without a history, when what was delivered is compared with what Redis has."""
    settings.WS4CHANNELS_HISTORY = 0
    inbox = await joined(hub)
    layer.way = lambda event: [event] if event["text"] != "1" else []
    await publish("0", "1")
    assert hub._serving is not None
    assert await hub._serving.gaps.compare(hub.listening) == 1
    await publish("2")
    await check_arrived(inbox, ["0", "1", "2"])
    assert inbox.gaps == []


async def test_gap_without_history_is_told_once(
    layer: UnreliableLayer, hub: Hub, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Sockets are told, it is counted, and logged; what comes later is delivered."""
    settings.WS4CHANNELS_HISTORY = 0
    before = counts["gaps_unfilled"]
    inbox = await joined(hub)
    layer.way = lambda event: [event] if event["text"] not in "1256" else []
    await publish(*texts(4))
    await eventually(lambda: inbox.gaps == [KEY], "the gap is told")
    await publish(*texts(4, 4))
    await eventually(lambda: inbox.gaps == [KEY, KEY], "the second gap is told")
    await publish("8")
    await check_arrived(inbox, ["0", "3", "4", "7", "8"])
    assert counts["gaps_unfilled"] - before == 2
    assert [each for each in caplog.messages if each.startswith("Messages were lost")] == [
        "Messages were lost on their way here and cannot be read again. A longer WS4CHANNELS_HISTORY makes that "
        "possible."
    ]


async def test_expired_record_is_no_gap_on_an_uninterrupted_connection(
    layer: UnreliableLayer, hub: Hub, redis_client: redis.Redis
) -> None:
    """The sequence begins anew, and nobody is told anything."""
    inbox = await joined(hub)
    await publish("0", "1")
    redis_client.delete(KEY, *extras_of(KEY)[:2])
    await publish("2", "3")
    await check_arrived(inbox, ["0", "1", "2", "3"])
    assert inbox.gaps == []


async def test_key_that_nobody_listens_to_for_a_while_makes_no_gap(
    layer: UnreliableLayer, hub: Hub, settings: Any
) -> None:
    """What comes while the last socket has left and the next one is still joining is read by that one."""
    settings.WS4CHANNELS_HISTORY = 0
    before = counts["gaps_unfilled"]
    first, second = await joined(hub), Inbox()
    await publish("0")
    await eventually(lambda: first.payloads == ["0"], "the message arrives")
    hub._wanted.add(KEY, second)
    await hub.leave(first, (KEY,))
    await publish("1", "2", "3")
    await hub.catch_up()
    welcome = await hub.join(second, (KEY,))
    await publish("4")
    await check_arrived(second, ["4"])
    assert [each.payload for each in welcome.deliveries] == ["3"]
    assert (second.gaps, counts["gaps_unfilled"]) == ([], before)


async def test_socket_that_is_ahead_of_a_gap_is_not_told(layer: UnreliableLayer, hub: Hub, settings: Any) -> None:
    """It was sent the newest message when it connected, and has missed nothing since."""
    settings.WS4CHANNELS_HISTORY = 0
    inbox = await joined(hub)
    await publish("0")
    layer.way = lambda event: []
    await publish("1", "2")
    late = await joined(hub)
    layer.way = lambda event: [event]
    await publish("3")
    await check_arrived(late, ["3"])
    assert inbox.payloads == ["0", "3"]
    assert (inbox.gaps, late.gaps) == ([KEY], [])


# redis-py may leave a connection that Redis has killed to the garbage collector.
@pytest.mark.filterwarnings("ignore:.*StreamWriter.__del__:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.REDIS])
async def test_killed_connections_lose_nothing(backend: str, settings: Any, redis_client: redis.Redis) -> None:
    """While messages are published, the connection that receives is killed again and again."""
    layers.use(backend, settings)
    settings.WS4CHANNELS_HISTORY = 1000
    settings.WS4CHANNELS_PROBE_INTERVAL = 0.2
    hub = Hub(get_transport())
    inbox = await joined(hub)
    for number in range(400):
        if number % 80 == 40:
            await asyncio.to_thread(redis_client.client_kill_filter, _type="pubsub")
        await publish(f"{number}")
    await check_arrived(inbox, texts(400))
    assert inbox.gaps == []
    await hub.aclose()


async def test_redis_that_lost_its_data_is_told(settings: Any) -> None:
    """A restart without a file: nobody knows what was published before it ended."""
    with RedisServer() as own:
        layers.use(layers.REDIS, settings)
        settings.WS4REDIS_CONNECTION = {"url": own.url}
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.2
        hub = Hub(get_transport())
        inbox = await joined(hub)
        await publish("0")
        await eventually(lambda: inbox.payloads == ["0"], "the message arrives")
        await asyncio.to_thread(own.restart)
        await eventually(lambda: inbox.gaps == [KEY], "the gap is told")
        await publish("1", "2")
        await check_arrived(inbox, ["0", "1", "2"])
        assert inbox.gaps == [KEY]
        await hub.aclose()


async def test_messages_come_once_where_their_numbers_may_not_be_subscribed_to(settings: Any) -> None:
    """A user without rights on the channels of notes gets messages without numbers, and none of them again."""
    with RedisServer() as own, own.client() as admin:
        rights = ["+@all", "~*", "resetchannels", "&broadcast:*"]
        admin.execute_command("ACL SETUSER", "site", "on", ">secret", *rights)
        layers.use(layers.REDIS, settings)
        settings.WS4REDIS_CONNECTION = {"url": own.url, "username": "site", "password": "secret"}
        settings.WS4CHANNELS_HISTORY = 10
        hub = Hub(get_transport())
        inbox = await joined(hub)
        await hub.join(Inbox(), (KEY,), Start(resumes=True))
        await publish(*texts(3))
        await eventually(lambda: len(inbox.deliveries) == 3, "the messages arrive")
        assert hub._serving is not None
        assert await hub._serving.gaps.compare(hub.listening) == 0
        assert (inbox.payloads, inbox.gaps) == (texts(3), [])
        await hub.aclose()
