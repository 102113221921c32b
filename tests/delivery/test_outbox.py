"""Tests of `ws4channels.delivery.outbox`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels.delivery.outbox import Outbox
from ws4channels.transports.messages import Delivery


class Server:
    """The server's side of one websocket: notes what it is given to send, while the client reads."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.is_gone = False
        self.closes = True

    async def send(self, event: dict[str, Any]) -> None:
        if event["type"] != "websocket.close" or not self.closes:
            await self.reads.wait()
        if self.is_gone:
            raise ConnectionError("The client has gone.")
        self.events.append(event)

    @property
    def texts(self) -> list[str]:
        return [event["text"] for event in self.events if "text" in event]

    @property
    def codes(self) -> list[int]:
        return [event["code"] for event in self.events if event["type"] == "websocket.close"]


class Overflows(list[int]):
    """Takes note of how many messages were dropped each time that an outbox gave up."""


@asynccontextmanager
async def an_outbox(*, echo: bool = False) -> AsyncIterator[tuple[Outbox, Server, Overflows]]:
    server, overflows = Server(), Overflows()
    outbox = Outbox(server.send, echo=echo, on_overflow=overflows.append)
    try:
        yield outbox, server, overflows
    finally:
        await outbox.aclose()


def text(payload: str, key: str = "") -> Delivery:
    return Delivery(payload, key)


def send(outbox: Outbox, *payloads: str) -> None:
    """Put messages in as the hub does: all of them, then a flush."""
    for payload in payloads:
        outbox.put(text(payload))
    outbox.flush()


async def give_way() -> None:
    """Let everything happen that only waits for its turn."""
    for _ in range(20):
        await asyncio.sleep(0)


def closing(code: int) -> Delivery:
    return Delivery.closing({"type": "websocket.close", "code": code})


async def test_everything_is_sent_in_the_order_it_was_put() -> None:
    """Messages leave in the order in which they came, whoever put them in."""
    async with an_outbox() as (outbox, server, _):
        outbox.open()
        outbox.put(text("1"))
        outbox.put_own(text("2"))
        outbox.flush()
        await outbox.put_waiting(text("3"))
        await eventually(lambda: len(server.events) == 3, "three messages are sent")
        assert server.texts == ["1", "2", "3"]


async def test_server_gets_the_event_that_all_sockets_share() -> None:
    """The very event of a delivery reaches the server's send; it is not copied for each socket."""
    async with an_outbox() as (one, one_server, _), an_outbox() as (other, other_server, _):
        delivery = text("shared")
        for outbox in (one, other):
            outbox.open()
            outbox.put(delivery)
            outbox.flush()
        await eventually(lambda: one_server.events and other_server.events, "both are sent the message")
        assert one_server.events[0] is other_server.events[0] is delivery.message


async def test_nothing_is_sent_before_it_is_opened() -> None:
    """What arrives during the handshake waits, and the kept messages go first."""
    async with an_outbox() as (outbox, server, _):
        send(outbox, "live")
        await give_way()
        assert server.events == []
        outbox.open([text("kept 1"), text("kept 2")])
        await eventually(lambda: len(server.events) == 3, "all is sent")
        assert server.texts == ["kept 1", "kept 2", "live"]


async def test_kept_message_that_arrived_as_well_is_sent_once_in_its_place() -> None:
    """A kept message that is also among those that arrived is sent once, after those that came before it."""
    async with an_outbox() as (outbox, server, _):
        for payload in ("1", "2", "3"):
            outbox.put(text(payload, "broadcast:a"))
        outbox.open([text("2", "broadcast:a"), text("2", "user:b:a")])
        await eventually(lambda: len(server.events) == 4, "all is sent")
        assert server.texts == ["2", "1", "2", "3"]


async def test_own_last_message_is_left_out() -> None:
    """Without echo, a message that equals the last one of this client is not sent to it, and every other one is."""
    async with an_outbox() as (outbox, server, _):
        outbox.open()
        outbox.own.add("mine", 0)
        send(outbox, "mine", "other", "mine")
        outbox.put(Delivery(b"\xff"))
        outbox.own.add(b"\xff", 0)
        outbox.put(Delivery(b"\xff"))
        send(outbox, "mine")
        await eventually(lambda: "mine" in server.texts, "the last message is sent")
        assert [event.get("text", event.get("bytes")) for event in server.events] == ["other", b"\xff", "mine"]


async def test_echo_sends_own_messages_too() -> None:
    """With echo, nothing is left out."""
    async with an_outbox(echo=True) as (outbox, server, _):
        outbox.open()
        assert outbox.own is None
        send(outbox, "mine")
        await eventually(lambda: server.texts == ["mine"], "the client's own message is sent")


async def test_heartbeat_that_equals_the_last_message_is_sent() -> None:
    """What is for this socket in any case does not count as an echo."""
    async with an_outbox() as (outbox, server, _):
        outbox.open()
        outbox.own.add("--beat--", 0)
        outbox.put_own(text("--beat--"))
        outbox.flush()
        await eventually(lambda: server.texts == ["--beat--"], "the heartbeat is sent")


async def test_too_many_messages_give_up_once(settings: Any) -> None:
    """When more messages wait than may, the owner is told once how many are dropped, and no more are sent."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 3
    async with an_outbox() as (outbox, server, overflows):
        server.reads.clear()
        outbox.open()
        send(outbox, "under way")
        await give_way()
        send(outbox, "a", "b", "c")
        assert overflows == []
        send(outbox, "d")
        assert overflows == [4]
        send(outbox, "e")
        server.reads.set()
        await eventually(lambda: server.texts, "the message under way is sent")
        assert (overflows, server.texts) == ([4], ["under way"])


@pytest.mark.parametrize("payload", ["x" * 60, "ü" * 30, b"\xff" * 60], ids=["ascii", "unicode", "binary"])
async def test_too_many_bytes_give_up(settings: Any, payload: str | bytes) -> None:
    """The bound in bytes holds too, whatever the payload is made of."""
    settings.WS4CHANNELS_OUTBOX_BYTES = 100
    async with an_outbox() as (outbox, _, overflows):
        outbox.put(Delivery(payload))
        outbox.put(Delivery(payload))
        outbox.open()
        assert overflows == [2]


async def test_one_message_may_be_larger_than_the_bound(settings: Any) -> None:
    """A single message above the bound is sent to a client that reads."""
    settings.WS4CHANNELS_OUTBOX_BYTES = 10
    async with an_outbox() as (outbox, server, overflows):
        outbox.open()
        for payload in ("x" * 1000, "y" * 1000):
            send(outbox, payload)
            await eventually(lambda payload=payload: payload in server.texts, "the large message is sent")
        assert overflows == []


async def test_bytes_that_were_sent_do_not_count(settings: Any) -> None:
    """However much has passed through, only what waits counts."""
    settings.WS4CHANNELS_OUTBOX_BYTES = 100
    async with an_outbox() as (outbox, server, overflows):
        outbox.open([text("k" * 90)])
        for number in range(20):
            await eventually(lambda number=number: len(server.events) == number + 1, "what waits is sent")
            send(outbox, "x" * 90)
        assert overflows == []


async def test_own_send_waits_for_room(settings: Any) -> None:
    """What the site's consumer sends waits while the outbox is full, instead of closing the socket."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 2
    async with an_outbox() as (outbox, server, overflows):
        server.reads.clear()
        outbox.open()
        sender = asyncio.create_task(_send_all(outbox, [str(number) for number in range(10)]))
        await give_way()
        assert not sender.done()
        server.reads.set()
        await asyncio.wait_for(sender, TIMEOUT)
        await eventually(lambda: len(server.events) == 10, "all is sent")
        assert server.texts == [str(number) for number in range(10)]
        assert overflows == []


async def _send_all(outbox: Outbox, payloads: list[str]) -> None:
    for payload in payloads:
        await outbox.put_waiting(text(payload))


@pytest.mark.parametrize(
    "end",
    [
        "overflow",
        "close_now",
        "aclose",
    ],
)
async def test_own_send_that_waits_ends_with_the_outbox(settings: Any, end: str) -> None:
    """Nobody waits for room in an outbox that has ended."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 1
    async with an_outbox() as (outbox, server, _):
        server.reads.clear()
        outbox.open()
        sender = asyncio.create_task(_send_all(outbox, ["1", "2", "3"]))
        await give_way()
        assert not sender.done()
        if end == "overflow":
            send(outbox, "fits", "one too many")
        elif end == "close_now":
            outbox.close_now(4000)
        else:
            await outbox.aclose()
        await _assert_ends(sender)


async def test_own_send_that_waits_ends_when_the_client_has_gone(settings: Any) -> None:
    """A consumer that waits for room is let go when the server says that its client has gone."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 1
    async with an_outbox() as (outbox, server, _):
        server.reads.clear()
        outbox.open()
        sender = asyncio.create_task(_send_all(outbox, ["1", "2", "3"]))
        await give_way()
        assert not sender.done()
        server.is_gone = True
        server.reads.set()
        await _assert_ends(sender)


async def _assert_ends(task: asyncio.Task[None]) -> None:
    await asyncio.wait([task], timeout=TIMEOUT / 10)
    is_done = task.done()
    task.cancel()
    await asyncio.wait([task])
    assert is_done, "the sender still waits for room"


async def test_closing_goes_after_all_that_waits() -> None:
    """A closing is sent last, and what is put in after it is not sent."""
    async with an_outbox() as (outbox, server, _):
        send(outbox, "before")
        outbox.put_last(closing(4001))
        send(outbox, "after")
        outbox.put_last(closing(4002))
        outbox.open()
        await eventually(lambda: server.codes, "the socket is closed")
        assert (server.texts, server.codes) == (["before"], [4001])


async def test_closing_finds_room_in_a_full_outbox(settings: Any) -> None:
    """A full outbox still takes the closing, with the code that was asked for."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 1
    async with an_outbox() as (outbox, server, overflows):
        send(outbox, "waits")
        outbox.put_last(closing(1009))
        outbox.open()
        await eventually(lambda: server.codes, "the socket is closed")
        assert (server.texts, server.codes, overflows) == (["waits"], [1009], [])


async def test_closing_now_overtakes_what_waits() -> None:
    """A client that does not read is closed without being sent what waits."""
    async with an_outbox() as (outbox, server, _):
        server.reads.clear()
        outbox.open()
        send(outbox, "a", "b", "c")
        await give_way()
        outbox.close_now(4008)
        await eventually(lambda: server.codes, "the socket is closed")
        assert (server.texts, server.codes) == ([], [4008])


async def test_closing_for_a_restart_takes_its_time(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until a moment that chance chooses, the socket is sent what comes; then it is closed with 1012, once."""
    settings.WS4CHANNELS_SHUTDOWN_SPREAD = QUIET
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    async with an_outbox() as (outbox, server, _):
        outbox.open()
        outbox.close_for_restart()
        outbox.close_for_restart()
        send(outbox, "still")
        await give_way()
        assert (server.texts, server.codes) == (["still"], [])
        assert outbox.will_close_for_restart
        await eventually(lambda: server.codes, "the socket is closed")
        assert not outbox.will_close_for_restart
        send(outbox, "too late")
        await asyncio.sleep(2 * QUIET)
        assert (server.texts, server.codes) == (["still"], [1012])


async def test_closing_for_a_restart_adds_nothing_to_another(settings: Any) -> None:
    """A socket that was closed for another reason is not closed again."""
    settings.WS4CHANNELS_SHUTDOWN_SPREAD = 0
    async with an_outbox() as (outbox, server, _):
        outbox.open()
        outbox.close_for_restart()
        outbox.close_now(4008)
        await asyncio.sleep(QUIET)
        assert server.codes == [4008]


async def test_nothing_is_sent_after_giving_up_before_it_was_opened(settings: Any) -> None:
    """An outbox that overflows during the handshake says so when it is opened, and sends nothing."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 1
    async with an_outbox() as (outbox, server, overflows):
        send(outbox, "1", "2")
        assert overflows == []
        outbox.open([text("kept")])
        await give_way()
        assert (overflows, server.texts) == ([2], [])


async def test_socket_that_cannot_be_closed_ends_its_consumer(settings: Any) -> None:
    """If the server does not even take the closing, the task that serves the socket is cancelled, and knows why."""
    settings.WS4CHANNELS_CLOSE_TIMEOUT = 0.05
    outboxes: list[Outbox] = []

    async def serve() -> None:
        server = Server()
        server.reads.clear()
        server.closes = False
        outbox = Outbox(server.send, echo=False, on_overflow=lambda dropped: None)
        outboxes.append(outbox)
        outbox.open()
        outbox.close_now(4008)
        await asyncio.get_running_loop().create_future()

    serving = asyncio.create_task(serve())
    await asyncio.wait([serving], timeout=TIMEOUT)
    assert serving.cancelled()
    assert outboxes[0].is_abandoned
    await outboxes[0].aclose()


async def test_code_that_the_server_refuses_is_sent_as_a_private_one() -> None:
    """Where the server lets applications choose private codes only, 1009 becomes 4009."""
    codes: list[int] = []

    async def send_private_codes(event: dict[str, Any]) -> None:
        codes.append(event["code"])
        if event["code"] < 3000:
            raise ValueError("invalid close code")

    outbox = Outbox(send_private_codes, echo=False, on_overflow=lambda dropped: None)
    outbox.open()
    outbox.put_last(closing(1009))
    await eventually(lambda: len(codes) == 2, "the closing is sent again")
    assert codes == [1009, 4009]
    await outbox.aclose()


async def test_client_that_has_gone_is_sent_nothing_more() -> None:
    """When the server's send fails, it is not called again, and nobody hears of it but the debug log."""
    calls: list[dict[str, Any]] = []

    async def send_fails(event: dict[str, Any]) -> None:
        calls.append(event)
        raise ConnectionError("The client has gone.")

    overflows = Overflows()
    outbox = Outbox(send_fails, echo=False, on_overflow=overflows.append)
    outbox.open()
    send(outbox, "lost", "also lost")
    await eventually(lambda: calls, "the server has been called")
    send(outbox, *map(str, range(2000)))
    await give_way()
    assert (len(calls), overflows) == (1, [])
    await outbox.aclose()


@pytest.mark.parametrize("reads", [True, False])
async def test_ending_leaves_no_task_behind(reads: bool) -> None:
    """Writer and closer end with the outbox, whether or not the client reads."""
    before = asyncio.all_tasks()
    async with an_outbox() as (outbox, server, _):
        if not reads:
            server.reads.clear()
        outbox.open()
        send(outbox, "x")
        await give_way()
        assert len(asyncio.all_tasks() - before) == 1
        outbox.close_now(4000)
    assert asyncio.all_tasks() == before


async def test_burst_reaches_a_client_that_reads_a_little_slower(settings: Any) -> None:
    """A server whose send gives way once per message still sends a burst as large as the bound, in order."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 1000
    sent: list[str] = []

    async def give_way_and_send(event: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        sent.append(event["text"])

    outbox = Outbox(
        give_way_and_send, echo=False, on_overflow=lambda dropped: pytest.fail(f"{dropped} messages were dropped")
    )
    outbox.open()
    expected = [str(number) for number in range(1000)]
    send(outbox, *expected)
    await eventually(lambda: len(sent) == 1000, "the burst is sent")
    assert sent == expected
    await outbox.aclose()
