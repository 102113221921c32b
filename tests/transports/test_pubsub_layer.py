"""Tests of `ws4channels.transports.pubsub_layer`. What holds for every layer is in test_hub.py."""

from __future__ import annotations

import logging
from typing import Any

from channels_redis import pubsub

from tests.layers import PUBSUB, one_layer
from ws4channels.transports.configured import get_transport
from ws4channels.transports.pubsub_layer import FirstTraceback


def test_traceback_of_an_outage_is_logged_once() -> None:
    """The layer's traceback of every second passes once; whatever else it logs always passes."""
    first = FirstTraceback()

    def passes(message: str) -> bool:
        return first.filter(logging.LogRecord("layer", logging.ERROR, __file__, 1, message, None, None))

    assert [passes("Unexpected exception in receive task") for _ in range(60)] == [True] + [False] * 59
    assert passes("Something else")


async def test_filter_is_added_once(settings: Any) -> None:
    """However many receivers are opened, the layer's logger has one filter."""
    settings.CHANNEL_LAYERS = one_layer(PUBSUB)
    for _ in range(2):
        await (await get_transport().open_receiver()).aclose()
    assert sum(isinstance(each, FirstTraceback) for each in logging.getLogger(pubsub.__name__).filters) == 1
