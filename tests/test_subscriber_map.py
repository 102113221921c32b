"""Tests of `ws4channels.subscriber_map`."""

from __future__ import annotations

from ws4channels.messages import Delivery
from ws4channels.subscriber_map import SubscriberMap


class Inbox:
    """A subscriber, of which the map needs nothing."""

    def put(self, delivery: Delivery) -> None: ...

    def put_own(self, delivery: Delivery) -> None: ...

    def flush(self) -> None: ...


def test_map_knows_who_wants_what() -> None:
    """The map tells who wants a key, first come first, each once."""
    wanted, a, b = SubscriberMap(), Inbox(), Inbox()
    for key, subscriber in (("x", b), ("x", a), ("y", a), ("x", b)):
        wanted.add(key, subscriber)
    assert list(wanted.wanting("x")) == [b, a]
    assert list(wanted.wanting("y")) == [a]
    assert list(wanted.wanting("z")) == []
    assert ("x" in wanted, "z" in wanted, len(wanted)) == (True, False, 2)


def test_map_forgets_a_key_with_its_last_subscriber() -> None:
    """A key that nobody wants any more is gone, and removing twice or what never was does no harm."""
    wanted, a, b = SubscriberMap(), Inbox(), Inbox()
    wanted.add("x", a)
    wanted.add("x", b)
    wanted.remove("x", a)
    assert list(wanted.wanting("x")) == [b]
    wanted.remove("x", b)
    wanted.remove("x", b)
    wanted.remove("never", a)
    assert ("x" in wanted, list(wanted), len(wanted)) == (False, [], 0)
