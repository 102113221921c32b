"""Tests of `ws4channels.transports.messages`."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ws4channels.transports.messages import Delivery, ForeignEvent, Payload, Publication, build_event, to_payload


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8")))
def test_payload_stands_for_the_same_bytes(raw: bytes) -> None:
    """Text is what is valid UTF-8 and bytes is what is not; neither loses anything."""
    payload = to_payload(raw)
    assert (payload.encode("utf-8") if isinstance(payload, str) else payload) == raw
    if isinstance(payload, bytes):
        with pytest.raises(UnicodeDecodeError):
            payload.decode("utf-8")


@pytest.mark.parametrize(
    ("raw", "payload"),
    [
        (b"", ""),
        (b"hello", "hello"),
        ("grüße \U0001f600".encode(), "grüße \U0001f600"),
        (b"\x00", "\x00"),
        (b"\xff\x00", b"\xff\x00"),
        (b"\xed\xa0\x80", b"\xed\xa0\x80"),  # a surrogate, which UTF-8 does not have
        (b"\xc0\x80", b"\xc0\x80"),  # an overlong form
        (b"\xef\xbb\xbfbom", "\ufeffbom"),
    ],
)
def test_valid_utf8_is_text(raw: bytes, payload: Payload) -> None:
    """What RFC 6455 lets into a text frame is text, all else is binary."""
    assert to_payload(raw) == payload


def test_event_carries_text_or_bytes() -> None:
    """An event tells its key, and has either text or bytes."""
    assert build_event("k", "hello") == {"type": "ws4channels.message", "key": "k", "text": "hello"}
    assert build_event("k", b"\xff") == {"type": "ws4channels.message", "key": "k", "bytes": b"\xff"}


def test_publication_makes_one_event_per_key() -> None:
    """Each key has its event, in the order of the keys."""
    publication, numbers = Publication(("a", "b"), b"hello", 60), f"{'1' * 16}{'0' * 16}:0"
    assert publication.events(["", numbers]) == [
        ("a", build_event("a", "hello")),
        ("b", build_event("b", "hello", numbers)),
    ]


def test_publication_cannot_change_on_its_way() -> None:
    """A publication is a value: who got it can rely on it."""
    publication = Publication(("a",), b"hello", 60)
    assert publication == Publication(("a",), b"hello", 60)
    with pytest.raises(AttributeError):
        publication.raw = b"other"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("hello", {"type": "websocket.send", "text": "hello"}),
        (b"\xff", {"type": "websocket.send", "bytes": b"\xff"}),
    ],
)
def test_delivery_survives_the_way_through_a_layer(payload: Payload, message: dict[str, object]) -> None:
    """An event becomes the ASGI event that the server is given, and keeps its key."""
    delivery = Delivery.from_event(build_event("k", payload), 0)
    assert (delivery.key, delivery.payload, delivery.message) == ("k", payload, message)
    assert (delivery.number, delivery.previous) == (0, 0)
    assert not delivery.is_closing


@pytest.mark.parametrize(("database", "expected"), [(0, (1234567890123456, 1234567890123454)), (1, (0, 0))])
def test_numbers_count_in_their_own_database(database: int, expected: tuple[int, int]) -> None:
    """Pub/sub ignores databases, and the keys of another one have numbers of their own."""
    delivery = Delivery.from_event(build_event("k", "x", "12345678901234561234567890123454:0"), database)
    assert (delivery.number, delivery.previous) == expected


@pytest.mark.parametrize("numbers", ["1:0", "12345678901234561234567890123454", f"{'x' * 32}:0", 5])
def test_event_with_malformed_numbers_is_foreign(numbers: Any) -> None:
    """What no publisher of ours can have sent is no message."""
    with pytest.raises(ForeignEvent):
        Delivery.from_event({**build_event("k", "x"), "numbers": numbers}, 0)


def test_empty_text_is_not_taken_for_missing() -> None:
    """An event with an empty text makes a text delivery."""
    assert Delivery.from_event(build_event("k", ""), 0).message == {"type": "websocket.send", "text": ""}


@given(st.text() | st.binary())
def test_size_is_the_bytes_of_a_payload(payload: Payload) -> None:
    """The size is that of the payload in a frame."""
    assert Delivery(payload).size == len(payload.encode("utf-8") if isinstance(payload, str) else payload)


def test_closing_is_the_last_delivery() -> None:
    """A closing carries the server's event unchanged and says that it is one."""
    message = {"type": "websocket.close", "code": 1013, "reason": "later"}
    closing = Delivery.closing(message)
    assert closing.message == message
    assert closing.is_closing
