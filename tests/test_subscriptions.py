"""Tests of `ws4channels.subscriptions`. What holds for every layer is in test_hub.py."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.layers import CORE, IN_MEMORY, PUBSUB, one_layer
from tests.waiting import TIMEOUT
from ws4channels import subscriptions
from ws4channels.transports import get_transport


@pytest.mark.parametrize("backend", [PUBSUB, CORE, IN_MEMORY], ids=["pubsub", "core", "in-memory"])
async def test_catching_up_without_a_receiver_ends(
    settings: Any, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    """A probe that does not come back is a timeout, and is forgotten."""
    monkeypatch.setattr(subscriptions, "_PROBE_TIMEOUT", 0.1)
    settings.CHANNEL_LAYERS = one_layer(backend)
    subscription = await get_transport().subscribe()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(subscription.catch_up(), TIMEOUT)
    assert subscription._probes == {}


@pytest.mark.parametrize(
    ("backend", "config", "interval"),
    [(PUBSUB, {}, None), (CORE, {"group_expiry": 60}, 30), (IN_MEMORY, {"group_expiry": 10}, 5)],
    ids=["pubsub", "core", "in-memory"],
)
async def test_membership_is_renewed_before_the_layer_forgets_it(
    settings: Any, backend: str, config: dict[str, Any], interval: float | None
) -> None:
    """Layers that forget members after a time are told again after half of it."""
    settings.CHANNEL_LAYERS = one_layer(backend, **config)
    subscription = await get_transport().subscribe()
    assert subscription.renewal_interval == interval
