"""Tests of `ws4channels.flushing`."""

from __future__ import annotations

import pytest

from tests.inbox import Inbox
from ws4channels.flushing import flush_each
from ws4channels.messages import Delivery


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
