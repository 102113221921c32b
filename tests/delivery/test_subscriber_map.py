"""Tests of `ws4channels.delivery.subscriber_map`."""

from __future__ import annotations

import pytest

from tests.inbox import Inbox
from ws4channels.delivery.subscriber_map import SubscriberMap, flush_each
from ws4channels.transports.messages import Delivery


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


class Broken(Inbox):
    """A socket that cannot be sent to."""

    def flush(self) -> None:
        raise RuntimeError("broken")


def test_all_are_flushed_whatever_happens_to_one(caplog: pytest.LogCaptureFixture) -> None:
    """A socket that fails is logged with its error, and the others are sent their messages."""
    inboxes = [Inbox(), Broken(), Inbox()]
    for inbox in inboxes:
        inbox.put(Delivery("x"))
    flush_each(inboxes)
    assert [inbox.unsent for inbox in inboxes] == [0, 1, 0]
    [record] = caplog.records
    assert record.getMessage() == "Could not send to a websocket."
    assert record.exc_info is not None
