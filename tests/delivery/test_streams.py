"""Tests of `ws4channels.delivery.streams` and `ws4channels.delivery.events`: what an event stream is sent.

`tests.live.test_streams` and `tests.faults.test_streams` read it from real servers.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest

from tests.waiting import eventually
from ws4channels.delivery.events import fields_of, of_control_frame
from ws4channels.delivery.forms import control_frame, position_of
from ws4channels.delivery.servers.http import make_stream_outbox
from ws4channels.delivery.streams import StreamOutbox, StreamSubscriber
from ws4channels.delivery.welcome import Welcome
from ws4channels.transports.messages import Delivery

ONE, TWO = 1_700_000_000_000_002, 1_700_000_000_000_004


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("a", "data: a\n"),
        ("a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n"),
        ("\n", "data: \ndata: \n"),
        (" a", "data:  a\n"),
        ("ü\x85\u2028x\x0b", "data: ü\x85\u2028x\x0b\n"),
    ],
)
def test_each_line_is_a_field(text: str, fields: str) -> None:
    """Lines end where the standard says, and nowhere else."""
    assert fields_of(Delivery(text), False) == (fields.encode(), b"")


def test_fields_are_built_once() -> None:
    """All streams that a message goes to share the bytes."""
    delivery = Delivery("a", "k", ONE)
    assert fields_of(delivery, False) is fields_of(delivery, False)
    assert fields_of(delivery, True) == (b"event: binary\ndata: YQ==\n", position_of("k", ONE).encode())


class Sent:
    """What an outbox gave to ASGI's ``send``."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        self.messages.append(message)

    @property
    def text(self) -> str:
        return b"".join(message["body"] for message in self.messages).decode()

    @property
    def ids(self) -> list[str]:
        return re.findall("^id: (.*)$", self.text, re.M)


def begun(sent: Sent, welcome: Welcome, dropped: list[int] | None = None) -> StreamOutbox:
    """Return an outbox that has begun to send."""
    outbox = make_stream_outbox(sent.send, is_binary=False, on_overflow=(dropped or []).append)
    outbox.begin(welcome, {})
    return outbox


async def test_ids_hold_the_positions_of_all_keys() -> None:
    """Clients come back with the last id only, so each has the newest position of each key."""
    sent = Sent()
    outbox = begun(sent, Welcome(positions={"a": ONE, "b": ONE}))
    subscriber = StreamSubscriber(outbox)
    subscriber.put(Delivery("text", "b", TWO, ONE))
    subscriber.put(Delivery("not kept", "b"))
    subscriber.put_own(Delivery("heartbeat"))
    subscriber.flush()
    await eventually(lambda: ":\n\n" in sent.text, "there is no heartbeat")
    a, b, later = position_of("a", ONE), position_of("b", ONE), position_of("b", TWO)
    assert sent.ids == [f"{a},{b}", f"{a},{later}"]
    await outbox.aclose()


async def test_gap_is_told_with_the_new_position() -> None:
    """A client knows that messages are lost, and comes back behind them."""
    sent = Sent()
    outbox = begun(sent, Welcome(positions={"a": ONE}))
    subscriber = StreamSubscriber(outbox)
    subscriber.put_gap("a", TWO)
    subscriber.flush()
    await eventually(lambda: "gap" in sent.text, "there is no event")
    assert 'event: ws4channels\ndata: {"gap": true}\nid: ' in sent.text
    assert sent.ids[-1] == position_of("a", TWO)
    await outbox.aclose()


async def test_client_is_told_how_often_its_posts_come_back() -> None:
    """One that does not want its own messages leaves so many out."""
    sent = Sent()
    outbox = make_stream_outbox(sent.send, is_binary=False, on_overflow=lambda dropped: None)
    outbox.begin(Welcome(), {}, 2)
    await eventually(lambda: '{"recovered": null, "dropped": {}, "copies": 2}' in sent.text, "it is not told")
    await outbox.aclose()


async def test_control_frames_are_events_that_are_built_once() -> None:
    """What resuming websockets are told, streams are, too."""
    frame = control_frame({"presence": {"now": ["jöhn"]}})
    sent = [Sent(), Sent()]
    outboxes = [begun(each, Welcome()) for each in sent]
    for outbox in outboxes:
        subscriber = StreamSubscriber(outbox)
        subscriber.put_own(frame)
        subscriber.flush()
    event = 'event: ws4channels\ndata: {"presence": {"now": ["j\\u00f6hn"]}}\n\n'
    for each in sent:
        await eventually(lambda each=each: event in each.text, "it is not told")
    assert of_control_frame(frame) is frame
    for outbox in outboxes:
        await outbox.aclose()


async def test_heartbeats_are_events_for_those_who_ask() -> None:
    """Scripts in browsers do not see comments."""
    sent = Sent()
    outbox = begun(sent, Welcome())
    subscriber = StreamSubscriber(outbox, shows_heartbeats=True)
    subscriber.put_own(Delivery("--heartbeat--"))
    subscriber.flush()
    await eventually(lambda: 'event: ws4channels\ndata: {"heartbeat": true}\n\n' in sent.text, "there is none")
    await outbox.aclose()


async def test_message_that_looks_like_the_first_event_suppresses_nothing() -> None:
    """What tells the client about its stream is no message."""
    sent = Sent()
    outbox = make_stream_outbox(sent.send, is_binary=False, on_overflow=lambda dropped: None)
    text = json.dumps({"recovered": None, "dropped": {}})
    outbox.put_own(Delivery(text, "a"))
    outbox.begin(Welcome(), {})
    await eventually(lambda: sent.text.count(text) == 2, "one is missing")
    await outbox.aclose()


async def test_close_is_the_last_event() -> None:
    """The client is told the close code and when to come back, and the response ends."""
    sent = Sent()
    outbox = begun(sent, Welcome())
    outbox.close_now(4401)
    await eventually(lambda: sent.messages and not sent.messages[-1]["more_body"], "it does not end")
    assert sent.text.endswith("\n\n")
    assert re.search(r'event: ws4channels\ndata: {"close": 4401}\nretry: \d+\n\n$', sent.text)
    await outbox.aclose()


async def test_too_much_is_an_overflow(settings: Any) -> None:
    """The bounds of websockets hold for streams."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 3
    sent, dropped = Sent(), []
    sent.reads.clear()
    outbox = make_stream_outbox(sent.send, is_binary=False, on_overflow=dropped.append)
    outbox.begin(Welcome(), {})
    for number in range(10):
        outbox.put_own(Delivery(str(number), "a"))
    assert dropped == [5]
    await outbox.aclose()
