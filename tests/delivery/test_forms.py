"""Tests of `ws4channels.delivery.forms`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ws4channels.delivery.forms import (
    MAX_POSITIONS,
    Form,
    FormedSubscriber,
    control_frame,
    position_of,
    read_positions,
)
from ws4channels.delivery.outbox import Outbox
from ws4channels.delivery.welcome import Welcome
from ws4channels.transports.messages import Delivery

A, B = "user:mary:news", "broadcast:news"
N = 1_700_000_000_000_002
PLAIN, RESUMING, BINARY, BOTH = Form(), Form(resumes=True), Form(is_binary=True), Form(True, True)
POSITION = position_of(A, N)


# --- frames -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "number", "payload", "frame"),
    [
        (PLAIN, N, "héllo", "héllo"),
        (PLAIN, N, b"\xff", b"\xff"),
        (RESUMING, N, "héllo", f"{POSITION}\nhéllo"),
        (RESUMING, N, "!\n", f"{POSITION}\n!\n"),
        (RESUMING, N, b"\xff", POSITION.encode() + b"\n\xff"),
        (RESUMING, 0, "héllo", "\nhéllo"),
        (RESUMING, 0, b"\xff", b"\n\xff"),
        (BINARY, N, "héllo", "héllo".encode()),
        (BINARY, N, b"\xff", b"\xff"),
        (BOTH, N, "héllo", f"{POSITION}\nhéllo".encode()),
        (BOTH, N, b"\xff", POSITION.encode() + b"\n\xff"),
        (BOTH, 0, "héllo", "\nhéllo".encode()),
    ],
)
def test_frame_looks_as_its_client_agreed(form: Form, number: int, payload: Any, frame: Any) -> None:
    """Text, bytes, with a position or without."""
    assert form.of(Delivery(payload, A, number)).payload == frame


def test_frame_is_built_once_for_all_sockets() -> None:
    """Each form once; plain frames are the delivery itself."""
    delivery = Delivery("hello", A, N, N - 2)
    assert PLAIN.of(delivery) is delivery
    assert delivery.forms is None
    assert RESUMING.of(delivery) is RESUMING.of(delivery)
    assert RESUMING.of(delivery) is not BOTH.of(delivery)
    assert (RESUMING.of(delivery).key, RESUMING.of(delivery).number) == (A, N)


def test_first_frame_of_a_resuming_client_says_how_it_went() -> None:
    """Then come the messages; other clients get only these."""
    welcome = Welcome([Delivery("hello", A, N)], {A: N}, {B: 7}, recovered=False)
    first, message = RESUMING.first(welcome, {"subscribe-user": "nobody is signed in"})
    assert message.payload == f"{POSITION}\nhello"
    assert json.loads(str(first.payload).removeprefix("!")) == {
        "recovered": False,
        "positions": [position_of(B, 7)],
        "dropped": {"subscribe-user": "nobody is signed in"},
    }
    assert [each.payload for each in BINARY.first(welcome, {})] == [b"hello"]


class Sent:
    """An outbox that notes what its server is given."""

    def __init__(self, form: Form, echo: bool = False) -> None:
        self.outbox = Outbox(self._send, echo=echo, on_overflow=lambda dropped: None)
        self.subscriber = FormedSubscriber(self.outbox, form)

    async def _send(self, event: dict[str, Any]) -> None:
        raise AssertionError("Nothing is sent here.")

    @property
    def payloads(self) -> list[Any]:
        """What waits for the client."""
        return [each.payload for each in self.outbox._queue]


async def test_own_message_that_is_withheld_moves_the_position() -> None:
    """Without an echo a resuming client is sent the position alone; one that does not resume nothing."""
    for form, frames in ((RESUMING, [f"{POSITION}\n"]), (BOTH, [f"{POSITION}\n".encode()]), (BINARY, [])):
        sent = Sent(form)
        assert sent.outbox.own is not None
        sent.outbox.own.add("mine", 1)
        sent.subscriber.put(Delivery("mine", A, N))
        assert sent.payloads == frames
    sent.subscriber.put(Delivery("another's", A, N))
    assert sent.payloads == [b"another's"]


async def test_own_message_without_a_number_is_withheld() -> None:
    """There is nothing to tell of it."""
    sent = Sent(RESUMING)
    assert sent.outbox.own is not None
    sent.outbox.own.add("mine", 1)
    sent.subscriber.put(Delivery("mine", A))
    assert sent.payloads == []


async def test_gap_is_told_to_those_who_resume() -> None:
    """With the position from which it goes on."""
    sent, other = Sent(RESUMING), Sent(BINARY)
    for each in (sent, other):
        each.subscriber.put_gap(A, N)
    assert sent.payloads == ["!" + json.dumps({"gap": True, "positions": [POSITION]})]
    assert other.payloads == []


async def test_heartbeat_is_bare() -> None:
    """In every form."""
    sent = Sent(BOTH)
    sent.subscriber.put_own(Delivery("--heartbeat--"))
    assert sent.payloads == ["--heartbeat--"]


def test_control_frame_is_one_line_of_json() -> None:
    """Whatever is in it."""
    assert control_frame({"dropped": {"é\n": "x"}}).payload == '!{"dropped": {"\\u00e9\\n": "x"}}'


# --- positions --------------------------------------------------------------------------------------------------------


def test_position_is_short_and_reveals_no_key() -> None:
    """ASCII, at most 32 characters, never beginning as a control frame does; the same for all who read the key."""
    assert re.fullmatch(r"k[A-Za-z0-9_-]{12}\.\d{16}", POSITION)
    assert len(POSITION) <= 32
    assert position_of(A, N) == POSITION
    assert position_of(B, N).partition(".")[0] != POSITION.partition(".")[0]
    assert re.fullmatch(r"k[A-Za-z0-9_-]{12}\.0{16}", position_of(A, 0))


def test_positions_are_read_as_they_were_given() -> None:
    """In any order."""
    assert read_positions(f"{position_of(B, 7)},{POSITION}", [A, B]) == {A: N, B: 7}


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "forged",
        "kAAAAAAAAAAAA.0000000000000001",
        POSITION[:-1],
        POSITION + "0",
        POSITION.replace(".", ""),
        POSITION.rpartition(".")[0] + ".-000000000000001",
        POSITION.rpartition(".")[0] + ".000000000000000²",
        POSITION.rpartition(".")[0] + "." + "٣" * 16,
        "é" * 100,
        "\0",
        "." * 4096,
        "9" * 100_000,
    ],
)
def test_position_that_means_nothing_is_ignored(text: str) -> None:
    """Forged, cut off, too long or no number: the others count."""
    assert read_positions(text, [A, B]) == {}
    assert read_positions(f"{position_of(B, 7)},{text}", [A, B]) == {B: 7}


def test_position_of_a_key_that_the_handshake_does_not_allow_is_ignored() -> None:
    """Nobody reads by position what he may not subscribe to."""
    assert read_positions(f"{POSITION},{position_of(B, 7)}", [B]) == {B: 7}


def test_more_than_four_kilobytes_are_not_read() -> None:
    """What stands behind them is ignored, also the one that is cut in two."""
    keys = [f"group:{number}:news" for number in range(200)]
    text = ",".join(position_of(key, N) for key in keys)
    found = read_positions(text, keys)
    assert len(found) == (MAX_POSITIONS + 1) // (len(POSITION) + 1)
    assert set(found.values()) == {N}


def test_position_outlives_a_secret_that_is_a_fallback(settings: Any) -> None:
    """As signatures do in Django; with another secret it means nothing."""
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["tests"]
    assert position_of(A, N) != POSITION
    assert read_positions(POSITION, [A]) == {A: N}
    assert read_positions(position_of(A, 4), [A]) == {A: 4}
    settings.SECRET_KEY_FALLBACKS = []
    assert read_positions(POSITION, [A]) == {}
