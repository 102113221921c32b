"""Tests of `ws4channels.delivery.membership`. What holds over every layer is in test_hub.py."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from tests.inbox import Inbox
from tests.waiting import eventually
from ws4channels.delivery.membership import Membership
from ws4channels.delivery.subscriber_map import SubscriberMap

A, B = "broadcast:a", "broadcast:b"


class Journal:
    """A receiver that notes what is asked of it, and fails as long as it is `broken`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.broken = False
        self.is_slow = False

    async def join(self, keys: Iterable[str]) -> None:
        await self._do("join", *keys)

    async def leave(self, key: str) -> None:
        await self._do("leave", key)

    async def _do(self, *what: str) -> None:
        self.asked.append(what)
        await asyncio.sleep(0.01 if self.is_slow else 0)
        if self.broken:
            raise ConnectionError("The layer is gone.")


@pytest.fixture
def parts() -> tuple[SubscriberMap, Any, Membership]:
    """What is wanted, the journal, and the membership between them."""
    wanted, journal = SubscriberMap(), Journal()
    return wanted, journal, Membership(wanted.__contains__, journal)  # type: ignore[arg-type]


async def test_what_is_settled_asks_for_nothing(parts: tuple[SubscriberMap, Any, Membership]) -> None:
    """Keys that are joined and wanted cost nothing, however often they are settled."""
    wanted, journal, membership = parts
    wanted.add(A, Inbox())
    for _ in range(3):
        await membership.settle((A,))
    assert journal.asked == [("join", A)]


async def test_renewing_joins_what_is_wanted_again(parts: tuple[SubscriberMap, Any, Membership]) -> None:
    """All keys that are wanted are joined again, in one go."""
    wanted, journal, membership = parts
    for key in (A, B):
        wanted.add(key, Inbox())
    await membership.settle((A, B))
    journal.asked.clear()
    await membership.renew()
    [(what, *keys)] = journal.asked
    assert (what, sorted(keys)) == ("join", [A, B])


async def test_renewing_what_somebody_else_is_settling_is_not_forgotten(
    parts: tuple[SubscriberMap, Any, Membership],
) -> None:
    """A renewal that is asked for while a batch is under way joins everything after that batch."""
    wanted, journal, membership = parts
    wanted.add(A, Inbox())
    await membership.settle((A,))
    journal.is_slow = True
    wanted.add(B, Inbox())
    settling = asyncio.create_task(membership.settle((B,)))
    await eventually(lambda: len(journal.asked) == 2, "the batch is under way")
    await membership.renew()
    await settling
    assert journal.asked[:2] == [("join", A), ("join", B)]
    assert A in journal.asked[2]


async def leave_in_vain(wanted: SubscriberMap, journal: Any, membership: Membership) -> None:
    """Join a key, and leave it when the layer does not work."""
    inbox = Inbox()
    wanted.add(A, inbox)
    await membership.settle((A,))
    wanted.remove(A, inbox)
    journal.broken = True
    with pytest.raises(ConnectionError):
        await membership.settle((A,))
    journal.broken = False


async def test_key_that_could_not_be_left_is_left_when_renewed(
    parts: tuple[SubscriberMap, Any, Membership],
) -> None:
    """What a failing layer did not leave is left as soon as it works again, and once."""
    _, journal, membership = parts
    await leave_in_vain(*parts)
    journal.asked.clear()
    await membership.renew()
    await membership.renew()
    assert journal.asked == [("leave", A)]


async def test_key_that_could_not_be_left_is_joined_for_whoever_wants_it(
    parts: tuple[SubscriberMap, Any, Membership],
) -> None:
    """After a leave that failed nobody knows what holds: the next socket joins, and nothing is left later."""
    wanted, journal, membership = parts
    await leave_in_vain(*parts)
    wanted.add(A, Inbox())
    journal.asked.clear()
    await membership.settle((A,))
    await membership.renew()
    assert journal.asked == [("join", A), ("join", A)]
