"""Tests of `ws4channels.delivery.hub`: a contract that holds over every channel layer, and what the hub is made of.

Two hubs stand for two processes: over Redis each has a layer instance of its own, in memory they share the one.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import redis
from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer

from tests import layers
from tests.inbox import Inbox
from tests.layers import CORE, IN_MEMORY, one_layer
from tests.waiting import TIMEOUT, eventually, wait_until
from ws4channels.audience import group_of
from ws4channels.counters import counts
from ws4channels.delivery import hub as hub_module
from ws4channels.delivery.hub import Hub, get_hub
from ws4channels.delivery.outbox import Outbox
from ws4channels.redis_store import RedisStore
from ws4channels.transports import publishing
from ws4channels.transports.channel_layer import ChannelLayerTransport
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Publication, without_repeats


class Client:
    """A socket as the consumer makes it, on a hub alone: an outbox whose server notes what it sends."""

    def __init__(self, hub: Hub, key: str) -> None:
        self.hub, self.keys = hub, (key,)
        self.numbers: list[int] = []
        self.dropped: list[int] = []
        self._outbox = Outbox(self._send, echo=False, on_overflow=self.dropped.append)

    async def _send(self, event: dict[str, Any]) -> None:
        self.numbers.append(int(event["text"]))

    async def connect(self) -> None:
        welcome = await self.hub.join(self._outbox, self.keys)
        self._outbox.open(welcome.deliveries, welcome.seen)

    async def receive_until(self, is_enough: Callable[[list[int]], bool]) -> None:
        """Wait until the numbers received are enough."""
        await eventually(lambda: is_enough(self.numbers), "the numbers arrive")

    async def disconnect(self) -> None:
        await self._outbox.aclose()
        await self.hub.leave(self._outbox, self.keys)


class Membership:
    """What the hubs of one test joined and left in their layers, in order."""

    def __init__(self) -> None:
        self.joined: list[str] = []
        self.left: list[str] = []

    def watch(self, transport: ChannelLayerTransport) -> None:
        journal = self

        class Watched(transport.receiver_class):  # type: ignore[name-defined,misc]
            async def join(self, keys: Any) -> None:
                journal.joined.extend(keys)
                await super().join(keys)

            async def leave(self, key: str) -> None:
                journal.left.append(key)
                await super().leave(key)

        transport.receiver_class = Watched


@pytest.fixture(params=layers.ALL.values(), ids=layers.ALL)
def backend(request: pytest.FixtureRequest, settings: Any) -> str:
    """Each of the layers that Channels sites use, and Redis itself, in turn."""
    layers.use(request.param, settings)
    return str(request.param)


@pytest.fixture
def hubs(backend: str) -> tuple[Hub, Hub]:
    """Two hubs that hear the same messages."""
    here, there = layers.two_transports(backend)
    return Hub(here), Hub(there)


async def publish(key: str, *payloads: str | bytes, expire: int = 0) -> None:
    """Publish messages one after the other to one key."""
    for payload in payloads:
        raw = payload.encode() if isinstance(payload, str) else payload
        await publishing.apublish(Publication((key,), raw, expire))


async def arrived(inbox: Inbox, *payloads: str | bytes) -> None:
    """Wait until an inbox holds as many messages; they must be these."""
    await eventually(lambda: len(inbox.deliveries) >= len(payloads), f"{payloads!r} arrive")
    assert inbox.payloads == list(payloads)


async def group_size(backend: str, key: str, client: redis.Redis) -> int:
    """Return how many channels (pub/sub: connections) this key's messages are sent to."""
    if backend in layers.EXACT:
        [(_, count)] = client.pubsub_numsub(key if backend == layers.REDIS else f"asgi__group__{group_of(key)}")
        return int(count)
    if backend == CORE:
        return int(client.zcard(f"asgi:group:{group_of(key)}"))
    from_layer: dict[str, Any] = get_transport()._layer.groups.get(group_of(key), {})
    return len(from_layer)


# --- the contract: membership -----------------------------------------------------------------------------------------


async def test_key_is_joined_once_however_many_sockets_want_it(hubs: tuple[Hub, Hub]) -> None:
    """Twenty sockets that want a key at the same moment, and twenty later, cost one join."""
    membership = Membership()
    membership.watch(hubs[0]._transport)
    inboxes = [Inbox() for _ in range(40)]
    await asyncio.gather(*(hubs[0].join(inbox, ("broadcast:a",)) for inbox in inboxes[:20]))
    for inbox in inboxes[20:]:
        await hubs[0].join(inbox, ("broadcast:a",))
    assert membership.joined == ["broadcast:a"]
    await publish("broadcast:a", "x")
    for inbox in inboxes:
        await arrived(inbox, "x")


async def test_last_socket_leaves_the_key(backend: str, hubs: tuple[Hub, Hub], redis_client: redis.Redis) -> None:
    """A key is left when the last of its sockets leaves, and not before."""
    membership = Membership()
    membership.watch(hubs[0]._transport)
    first, last = Inbox(), Inbox()
    for inbox in (first, last):
        await hubs[0].join(inbox, ("broadcast:a",))
    await hubs[0].leave(first, ("broadcast:a",))
    await publish("broadcast:a", "x")
    await arrived(last, "x")
    assert (first.deliveries, membership.left) == ([], [])
    await hubs[0].leave(last, ("broadcast:a",))
    assert membership.left == ["broadcast:a"]
    for _ in range(1000):
        if not await group_size(backend, "broadcast:a", redis_client):
            break
        await asyncio.sleep(0.01)
    assert await group_size(backend, "broadcast:a", redis_client) == 0


async def test_other_hub_keeps_what_one_leaves(hubs: tuple[Hub, Hub]) -> None:
    """That one process leaves a key takes nothing from the sockets of another."""
    here, there = Inbox(), Inbox()
    await hubs[0].join(here, ("broadcast:a",))
    await hubs[1].join(there, ("broadcast:a",))
    await hubs[0].leave(here, ("broadcast:a",))
    await publish("broadcast:a", "x")
    await arrived(there, "x")
    assert here.deliveries == []


async def test_socket_gets_the_messages_of_its_keys_alone(hubs: tuple[Hub, Hub]) -> None:
    """Each socket of each hub hears its own keys, and not those of others."""
    a, b, both = Inbox(), Inbox(), Inbox()
    await hubs[0].join(a, ("user:a:f",))
    await hubs[0].join(b, ("user:b:f",))
    await hubs[1].join(both, ("user:a:f", "user:b:f"))
    await publish("user:a:f", "for a")
    await publish("user:b:f", "for b")
    await arrived(a, "for a")
    await arrived(b, "for b")
    await eventually(lambda: len(both.deliveries) == 2, "both arrive")
    assert sorted(map(str, both.payloads)) == ["for a", "for b"]


async def test_socket_without_keys_joins_nothing(hubs: tuple[Hub, Hub]) -> None:
    """A socket that subscribes to nothing is a valid one."""
    membership = Membership()
    membership.watch(hubs[0]._transport)
    assert (await hubs[0].join(Inbox(), ())).deliveries == []
    assert membership.joined == []


@pytest.mark.parametrize("head_start", range(6))
async def test_socket_that_comes_while_the_last_one_leaves_misses_nothing(
    hubs: tuple[Hub, Hub], head_start: int
) -> None:
    """Wherever a join meets the leave of the same key, what is published after the join arrives, once."""
    leaver, comer = Inbox(), Inbox()
    await hubs[0].join(leaver, ("broadcast:a",))
    leaving = asyncio.create_task(hubs[0].leave(leaver, ("broadcast:a",)))
    await give_way(head_start)
    await hubs[0].join(comer, ("broadcast:a",))
    await publish("broadcast:a", "x", "y")
    await leaving
    await arrived(comer, "x", "y")
    assert leaver.deliveries == []


@pytest.mark.parametrize("head_start", range(6))
async def test_socket_that_leaves_while_it_joins_is_gone(
    backend: str, hubs: tuple[Hub, Hub], redis_client: redis.Redis, head_start: int
) -> None:
    """Wherever a leave interrupts the join of the same socket, the key is left in the end and nothing is delivered."""
    inbox, witness = Inbox(), Inbox()
    await hubs[1].join(witness, ("broadcast:a",))
    joining = asyncio.create_task(hubs[0].join(inbox, ("broadcast:a",)))
    await give_way(head_start)
    joining.cancel()
    with suppress(asyncio.CancelledError):
        await joining
    await hubs[0].leave(inbox, ("broadcast:a",))
    for _ in range(1000):
        if await group_size(backend, "broadcast:a", redis_client) == 1:
            break
        await asyncio.sleep(0.01)
    assert await group_size(backend, "broadcast:a", redis_client) == 1
    await publish("broadcast:a", "x")
    await arrived(witness, "x")
    assert inbox.deliveries == []


async def test_many_that_come_and_go_at_once_end_up_where_they_should(hubs: tuple[Hub, Hub]) -> None:
    """After a crowd has joined and left several keys in all orders, exactly those who stayed are delivered to."""
    keys = [f"broadcast:{letter}" for letter in "abc"]

    async def come_and_go(hub: Hub, inbox: Inbox, key: str, rounds: int) -> None:
        for _ in range(rounds):
            await hub.join(inbox, (key,))
            await hub.leave(inbox, (key,))
        await hub.join(inbox, (key,))

    crowd = [(hub, Inbox(), key, rounds) for hub in hubs for key in keys for rounds in (0, 1, 2, 5)]
    await asyncio.gather(*(come_and_go(*member) for member in crowd))
    leavers = crowd[::2]
    await asyncio.gather(*(hub.leave(inbox, (key,)) for hub, inbox, key, _ in leavers))
    for _, inbox, _, _ in crowd:
        inbox.deliveries.clear()
    for key in keys:
        await publish(key, f"to {key}")
    for _, inbox, key, _ in crowd[1::2]:
        await arrived(inbox, f"to {key}")
    assert all(inbox.deliveries == [] for _, inbox, _, _ in leavers)


# --- the contract: delivery -------------------------------------------------------------------------------------------


async def test_order_of_a_key_is_that_of_publishing(hubs: tuple[Hub, Hub]) -> None:
    """Every hub delivers the messages of a key in the order in which they were published."""
    inboxes = [Inbox(), Inbox()]
    for hub, inbox in zip(hubs, inboxes, strict=True):
        await hub.join(inbox, ("broadcast:a", "broadcast:b"))
    expected = [str(number) for number in range(200)]
    for payload in expected:
        await publish("broadcast:a", payload)
        await publish("broadcast:b", payload)
    for inbox in inboxes:
        await eventually(lambda inbox=inbox: len(inbox.deliveries) == 400, "all messages arrive")
        for key in ("broadcast:a", "broadcast:b"):
            assert [each.payload for each in inbox.deliveries if each.key == key] == expected


@pytest.mark.parametrize(
    "payload",
    ["text", "Grüße, 世界 🙂", b"\xff\x00\xfe", " ", "x" * 100_000, "a\r\nb\x00"],
    ids=["text", "unicode", "binary", "space", "large", "control"],
)
async def test_payload_arrives_unchanged(hubs: tuple[Hub, Hub], payload: str | bytes) -> None:
    """Text stays text and bytes stay bytes, character for character."""
    inboxes = [Inbox(), Inbox()]
    for hub, inbox in zip(hubs, inboxes, strict=True):
        await hub.join(inbox, ("broadcast:a",))
    await publish("broadcast:a", payload)
    for inbox in inboxes:
        await arrived(inbox, payload)


async def test_all_sockets_share_one_delivery(hubs: tuple[Hub, Hub]) -> None:
    """An event is built once, and every socket of the hub is given that same object."""
    inboxes = [Inbox() for _ in range(10)]
    for inbox in inboxes:
        await hubs[0].join(inbox, ("broadcast:a",))
    await publish("broadcast:a", "x")
    for inbox in inboxes:
        await arrived(inbox, "x")
    assert len({id(inbox.deliveries[0]) for inbox in inboxes}) == 1


async def test_whatever_is_put_is_flushed(hubs: tuple[Hub, Hub]) -> None:
    """No message stays unsent until the next one comes."""
    inboxes = [Inbox() for _ in range(3)]
    for inbox in inboxes:
        await hubs[0].join(inbox, ("broadcast:a",))
    for number in range(5):
        await publish("broadcast:a", str(number))
        await eventually(
            lambda: all(len(inbox.deliveries) == number + 1 and not inbox.unsent for inbox in inboxes),  # noqa: B023
            "the message is put and flushed",
        )


async def test_socket_that_cannot_be_sent_to_harms_nobody(
    hubs: tuple[Hub, Hub], caplog: pytest.LogCaptureFixture
) -> None:
    """If sending to one socket fails, the others are sent their message, and the log has the error."""

    class Broken(Inbox):
        def flush(self) -> None:
            raise RuntimeError("broken")

    broken, inbox = Broken(), Inbox()
    await hubs[0].join(broken, ("broadcast:a",))
    await hubs[0].join(inbox, ("broadcast:a",))
    await publish("broadcast:a", "hello")
    await arrived(inbox, "hello")
    await eventually(lambda: inbox.unsent == 0, "the other socket is flushed")
    assert "Could not send to a websocket." in caplog.messages


async def test_burst_arrives_whole_and_in_order(hubs: tuple[Hub, Hub]) -> None:
    """A burst larger than an outbox reaches all sockets that read: every message, in order, none twice."""
    clients = [Client(hub, "broadcast:a") for hub in hubs for _ in range(3)]
    for client in clients:
        await client.connect()
    await asyncio.to_thread(publish_numbers, "broadcast:a", 1100, 0)
    for client in clients:
        await eventually(lambda client=client: len(client.numbers) >= 1100 or client.dropped, "the burst arrives")
        assert (client.numbers, client.dropped) == (list(range(1, 1101)), [])
        await client.disconnect()


def publish_numbers(key: str, last: int, expire: int) -> None:
    """Publish 1, 2, … to `last` from a thread, as a WSGI process would."""
    store = RedisStore()
    store._publishers = {key}
    for number in range(1, last + 1):
        store.publish_message(str(number), expire=expire)


# --- the contract: kept messages --------------------------------------------------------------------------------------


async def test_join_returns_the_kept_messages(hubs: tuple[Hub, Hub], redis_client: redis.Redis) -> None:
    """Kept messages are returned in the order of the keys, whoever wrote them; where none is kept, none is returned."""
    await publish("broadcast:f", "published", expire=60)
    redis_client.set("user:a:f", b"\xff\xfe")
    redis_client.set("session:s:f", "by hand")
    redis_client.set("group:empty:f", "")
    welcome = await hubs[0].join(Inbox(), ("user:a:f", "group:g:f", "group:empty:f", "broadcast:f", "session:s:f"))
    assert [(each.key, each.payload) for each in welcome.deliveries] == [
        ("user:a:f", b"\xff\xfe"),
        ("broadcast:f", "published"),
        ("session:s:f", "by hand"),
    ]


async def test_what_was_published_before_is_kept_and_not_delivered(hubs: tuple[Hub, Hub]) -> None:
    """A message that was there before the join is returned, and does not arrive as well."""
    await hubs[1].join(Inbox(), ("broadcast:a",))
    await publish("broadcast:a", "before", expire=60)
    inbox = Inbox()
    welcome = await hubs[0].join(inbox, ("broadcast:a",))
    await publish("broadcast:a", "after")
    await arrived(inbox, "after")
    assert [each.payload for each in welcome.deliveries] == ["before"]


async def test_nothing_that_join_returned_is_to_be_sent_again(hubs: tuple[Hub, Hub]) -> None:
    """What is delivered beside or after the kept message is newer, or its number says that it is not."""
    await hubs[0].join(Inbox(), ("broadcast:a",))
    for number in range(30):
        inbox = Inbox()
        joining = asyncio.create_task(hubs[0].join(inbox, ("broadcast:a",)))
        await asyncio.sleep(0)
        await publish("broadcast:a", f"{number}", expire=60)
        welcome = await joining
        await publish("broadcast:a", "later", expire=60)
        await eventually(lambda inbox=inbox: "later" in inbox.payloads, "the later message is delivered")
        first, later = without_repeats(welcome.deliveries, inbox.deliveries, welcome.seen)
        payloads = [each.payload for each in (*first, *later)]
        assert payloads[-2:] == [f"{number}", "later"]
        assert payloads.count("later") == (1 if len(payloads) == 2 else 2)


@pytest.mark.parametrize("backend", layers.EXACT, ids=["pubsub", "redis"], indirect=True)
async def test_socket_hears_nothing_of_an_earlier_subscription(hubs: tuple[Hub, Hub]) -> None:
    """Where a key is left and joined anew, the newcomer's messages still have no gap and keep their order.

    Numbers are published at different moments of the leaving and the joining, and once more when all is done.
    """
    hub = hubs[0]
    for waits in itertools.product(range(6), range(2), range(3)):
        key = f"broadcast:{waits}"
        leaver, comer = Client(hub, key), Client(hub, key)
        await leaver.connect()
        leaving = asyncio.create_task(hub.leave(leaver._outbox, leaver.keys))
        await give_way(waits[0])
        publish_at_once(key, 1)
        await give_way(waits[1])
        joining = asyncio.create_task(comer.connect())
        await give_way(waits[2])
        publish_at_once(key, 2)
        await asyncio.gather(leaving, joining)
        publish_at_once(key, 3)
        await eventually(lambda comer=comer: 3 in comer.numbers, "the last message arrives")
        assert comer.numbers in ([1, 2, 3], [2, 3]), waits
        await leaver.disconnect()
        await comer.disconnect()


def publish_at_once(key: str, number: int) -> None:
    """Publish as another process would, before this event loop does anything else."""
    store = RedisStore()
    store._publishers = {key}
    thread = threading.Thread(target=store.publish_message, args=(str(number), 60))
    thread.start()
    thread.join()


async def give_way(times: int) -> None:
    """Let other tasks run so many times."""
    for _ in range(times):
        await asyncio.sleep(0)


async def test_socket_that_connects_during_publishing_gets_each_message_once(hubs: tuple[Hub, Hub]) -> None:
    """Sockets that connect while a publisher counts receive every number from their first one on, once and in order."""
    clients, last = await connect_while_counting(hubs, stays=True)
    for client in clients:
        assert client.numbers == list(range(client.numbers[0], last + 1))
        await client.disconnect()


@pytest.mark.parametrize("backend", layers.EXACT, ids=["pubsub", "redis"], indirect=True)
async def test_socket_that_joins_and_leaves_a_key_of_its_own_gets_each_message_once(hubs: tuple[Hub, Hub]) -> None:
    """The same holds where each socket is the only one of its key, so that the key is joined and left all the time."""
    clients, _ = await connect_while_counting(hubs, stays=False)
    for client in clients:
        assert client.numbers == list(range(client.numbers[0], client.numbers[-1] + 1))


async def connect_while_counting(hubs: tuple[Hub, Hub], stays: bool) -> tuple[list[Client], int]:
    """Connect five clients to each hub while a thread publishes 1, 2, …; return them and the last number."""
    clients: list[Client] = []
    connected = threading.Event()

    async def connect_clients(hub: Hub) -> None:
        for _ in range(5):
            client = Client(hub, "broadcast:count")
            clients.append(client)
            await client.connect()
            await client.receive_until(lambda numbers: len(numbers) >= 3)
            if not stays:
                await client.disconnect()

    publishing = asyncio.create_task(asyncio.to_thread(count_until, connected, "broadcast:count"))
    try:
        await asyncio.gather(*map(connect_clients, hubs))
    finally:
        connected.set()
        last = await publishing
    if stays:
        for client in clients:
            await client.receive_until(lambda numbers: last in numbers)
    return clients, last


def count_until(stopped: threading.Event, key: str) -> int:
    """Publish 1, 2, … from a thread until `stopped` is set; return the last number."""
    store = RedisStore()
    store._publishers = {key}
    for number in itertools.count(1):
        store.publish_message(str(number), expire=60)
        if stopped.wait(0.001):
            break
    return number


# --- the contract: what is left ---------------------------------------------------------------------------------------


async def test_nothing_is_left_after_everybody_has_left(hubs: tuple[Hub, Hub]) -> None:
    """When all sockets have left, the hub has as many tasks as after its first one, and remembers no key."""
    hub = hubs[0]
    first = Inbox()
    await hub.join(first, ("broadcast:a",))
    await hub.leave(first, ("broadcast:a",))
    await eventually(lambda: hub._serving and hub._serving.membership._batches._runner is None, "the hub has settled")
    before = len(asyncio.all_tasks())
    inboxes = [Inbox() for _ in range(50)]
    await asyncio.gather(*(hub.join(inbox, (f"broadcast:{n}", "broadcast:a")) for n, inbox in enumerate(inboxes)))
    await asyncio.gather(*(hub.leave(inbox, (f"broadcast:{n}", "broadcast:a")) for n, inbox in enumerate(inboxes)))
    await eventually(lambda: len(asyncio.all_tasks()) <= before, "all tasks have ended")
    assert len(hub._wanted) == 0
    assert hub._serving is not None
    assert hub._serving.membership._joined == set()
    assert hub._serving.gaps.last == {}


async def test_join_that_fails_can_be_undone_and_repeated(
    backend: str, settings: Any, redis_client: redis.Redis
) -> None:
    """After a join that Redis did not answer, leaving works, and the next join does, too."""
    hub, inbox = Hub(layers.two_transports(backend)[0]), Inbox()
    good = settings.WS4REDIS_CONNECTION
    settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": 1, "socket_connect_timeout": 1}
    with pytest.raises(redis.exceptions.ConnectionError):
        await hub.join(inbox, ("broadcast:a",))
    await hub.leave(inbox, ("broadcast:a",))
    assert len(hub._wanted) == 0
    settings.WS4REDIS_CONNECTION = good
    redis_client.set("broadcast:a", "kept")
    assert [each.payload for each in (await hub.join(inbox, ("broadcast:a",))).deliveries] == ["kept"]


# --- layers that are busy or forgetful --------------------------------------------------------------------------------


class BusyLayer(InMemoryChannelLayer):
    """A layer that is full when the hub first sends to it, and has room a moment later."""

    refusals = 1

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise ChannelFull(channel)
        await super().send(channel, message)


async def test_layer_that_is_full_for_a_moment_refuses_nobody(settings: Any) -> None:
    """A layer that holds as many messages as it may takes the hub's probe a moment later; the join waits for that."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.delivery.test_hub.BusyLayer"}}
    hub, inbox = Hub(get_transport()), Inbox()
    assert (await hub.join(inbox, ("broadcast:a",))).deliveries == []


@pytest.mark.parametrize("backend", [CORE, IN_MEMORY], ids=["core", "in-memory"], indirect=True)
async def test_socket_outlives_the_expiry_of_groups(backend: str, settings: Any, redis_client: redis.Redis) -> None:
    """A socket that stays open longer than a layer remembers group members goes on being delivered to."""
    settings.CHANNEL_LAYERS = one_layer(backend, group_expiry=1)
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, ("broadcast:a",))
    expired = time.monotonic() + 2.5
    await eventually(lambda: time.monotonic() > expired, "the time in which layers forget has passed")
    await publish("broadcast:a", "still there?")
    await eventually(lambda: inbox.payloads == ["still there?"], "the message arrives", timeout=TIMEOUT / 10)


class FailingLayer(InMemoryChannelLayer):
    """A layer whose connection breaks once while the hub receives."""

    failures = 1

    async def receive(self, channel: str) -> dict[str, Any]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("The connection broke.")
        event: dict[str, Any] = await super().receive(channel)
        return event


async def test_hub_receives_again_after_a_failure(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A failure while receiving is logged when it begins and when it is over, and the hub goes on."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.delivery.test_hub.FailingLayer"}}
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, ("broadcast:a",))
    await publish("broadcast:a", "x")
    await arrived(inbox, "x")
    await eventually(lambda: len(caplog.messages) >= 2, "both are logged")
    lost, found = caplog.messages
    assert lost == (
        "Messages from FailingLayer may be lost: receiving failed (ConnectionError: The connection broke.). "
        "Joining again."
    )
    assert found.startswith("Receiving from FailingLayer again after ")
    assert found.endswith("; 0 messages that were missing were read and sent.")


class ForgetfulLayer(InMemoryChannelLayer):
    """A layer that forgets all groups without a sign when it is told to."""

    def forget(self) -> None:
        self.groups.clear()


async def test_loss_without_a_sign_is_noticed_and_made_up_for(
    settings: Any, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """When the hub does not hear itself, it joins again and sends the kept messages that changed, and those alone."""
    settings.WS4CHANNELS_PROBE_INTERVAL = 0.05
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.delivery.test_hub.ForgetfulLayer"}}
    gaps, resent = counts["gaps"], counts["resent"]
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, ("broadcast:same", "broadcast:changed", "broadcast:passing"))
    await publish("broadcast:same", "same", expire=60)
    await publish("broadcast:changed", "old", expire=60)
    await publish("broadcast:passing", "kept", expire=60)
    await publish("broadcast:passing", "not kept")
    await arrived(inbox, "same", "old", "kept", "not kept")
    get_transport()._layer.forget()
    redis_client.set("broadcast:changed", "new", ex=60)
    await arrived(inbox, "same", "old", "kept", "not kept", "new")
    await eventually(lambda: any("again after" in line for line in caplog.messages), "the end is logged")
    assert caplog.messages[-1].endswith("; 1 messages that were missing were read and sent.")
    await publish("broadcast:same", "on it goes")
    await arrived(inbox, "same", "old", "kept", "not kept", "new", "on it goes")
    assert (counts["gaps"], counts["resent"]) == (gaps + 1, resent + 1)


async def test_kept_message_that_changed_while_redis_was_lost_is_sent(
    settings: Any, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """The same over the redis transport, which does not tell of a message whether it is kept."""
    settings.WS4CHANNELS_PROBE_INTERVAL = 0.05
    layers.use(layers.REDIS, settings)
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, ("broadcast:changed", "broadcast:passing"))
    await publish("broadcast:changed", "old", expire=60)
    await publish("broadcast:passing", "kept", expire=60)
    await publish("broadcast:passing", "not kept")
    await arrived(inbox, "old", "kept", "not kept")
    redis_client.set("broadcast:changed", "new", ex=60)
    redis_client.client_kill_filter(_type="pubsub")
    await arrived(inbox, "old", "kept", "not kept", "new")
    await eventually(lambda: any("again after" in line for line in caplog.messages), "the end is logged")
    assert caplog.messages[-1].endswith("; 1 messages that were missing were read and sent.")
    assert len(caplog.messages) == 2


async def test_socket_that_came_in_the_gap_gets_nothing_twice(settings: Any) -> None:
    """Who connects after a message was lost and before that is noticed has it, and is not sent it again."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.delivery.test_hub.ForgetfulLayer"}}
    hub, before, after = Hub(get_transport()), Inbox(), Inbox()
    await hub.join(before, ("broadcast:a",))
    await publish("broadcast:a", "old", expire=60)
    await arrived(before, "old")
    get_transport()._layer.forget()
    await publish("broadcast:a", "new", expire=60)
    assert hub._serving is not None
    await hub._serving.receiver.restore()
    assert [each.payload for each in (await hub.join(after, ("broadcast:a",))).deliveries] == ["new"]
    assert await hub._serving._recover() == 1
    assert (before.payloads, after.payloads) == (["old", "new"], [])
    await publish("broadcast:a", "next", expire=60)
    await arrived(before, "old", "new", "next")
    assert after.payloads == ["next"]


async def test_message_that_comes_while_others_are_read_is_delivered_after_them(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes before the missing message has been read from Redis waits for that."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "tests.delivery.test_hub.ForgetfulLayer"}}
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, ("broadcast:a",))
    await publish("broadcast:a", "first", expire=60)
    await arrived(inbox, "first")
    get_transport()._layer.forget()
    await publish("broadcast:a", "missed", expire=60)
    assert hub._serving is not None
    await hub._serving.receiver.restore()
    read = hub._serving.kept.read

    async def read_and_be_overtaken(wanted: Any) -> Any:
        found = await read(wanted)
        monkeypatch.undo()
        await publish("broadcast:a", "newest", expire=60)
        await asyncio.sleep(0)
        return found

    monkeypatch.setattr(hub._serving.kept, "read", read_and_be_overtaken)
    assert await hub._serving._recover() == 1
    await arrived(inbox, "first", "missed", "newest")
    assert inbox.gaps == []


# --- one hub per event loop -------------------------------------------------------------------------------------------


async def test_one_hub_serves_an_event_loop() -> None:
    """The same loop and transport have the same hub."""
    assert get_hub(get_transport()) is get_hub(get_transport())


def test_hub_ends_with_its_event_loop(redis_client: redis.Redis) -> None:
    """Another loop has another hub, and the first one's leaves no connection and no entry."""
    gc.collect()
    before = len(hub_module._hubs)
    connections = len(redis_client.client_list())

    async def use_a_hub() -> None:
        hub = get_hub(get_transport())
        await hub.join(Inbox(), ("broadcast:a",))
        assert len(hub_module._hubs) == before + 1
        assert len(redis_client.client_list()) > connections

    for _ in range(2):
        asyncio.run(use_a_hub())
        assert len(hub_module._hubs) == before
        wait_until(lambda: len(redis_client.client_list()) <= connections, "its connections are closed")


async def test_hub_ends_when_it_is_told_to(hubs: tuple[Hub, Hub]) -> None:
    """A hub that was closed receives no more and has no task left; one that never started may be closed as well."""
    first, second = hubs
    inbox = Inbox()
    await first.join(inbox, ("k",))
    await publish("k", "heard")
    await arrived(inbox, "heard")
    await first.leave(inbox, ("k",))
    for hub in (first, first, second):
        await hub.aclose()
    assert not [task for task in asyncio.all_tasks() if task.get_coro().__qualname__.startswith(("Hub.", "Watch."))]  # type: ignore[union-attr]
