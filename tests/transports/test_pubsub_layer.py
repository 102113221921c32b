"""Tests of `ws4channels.transports.pubsub_layer`. What holds for every layer is in test_hub.py."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any

import pytest
from channels_redis import pubsub

from example_project.redis_server import RedisServer
from tests.inbox import Inbox
from tests.layers import PUBSUB, one_layer
from tests.waiting import eventually
from ws4channels.delivery.hub import Hub
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Publication
from ws4channels.transports.publishing import apublish
from ws4channels.transports.pubsub_layer import FirstTraceback, find_numbers


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


@pytest.mark.parametrize("database", [0, 9, 150])
async def test_numbers_are_put_into_what_the_layer_sends(settings: Any, database: int) -> None:
    """By the script that gives them, whatever database the keys are in."""
    with RedisServer(config={"databases": 200}) as server:
        settings.WS4REDIS_CONNECTION = {"url": f"{server.url}/{database}"}
        hosts = [{"address": server.url, "socket_timeout": None}]
        settings.CHANNEL_LAYERS = one_layer(PUBSUB, hosts=hosts)
        hub, inbox = Hub(get_transport()), Inbox()
        await hub.join(inbox, ("broadcast:f",))
        for _ in range(2):
            await apublish(Publication(("broadcast:f",), b"hello", 60))
        await eventually(lambda: len(inbox.deliveries) == 2, "the messages arrive")
        first, second = inbox.deliveries
        assert (first.payload, first.previous, second.previous) == ("hello", 0, first.number)
        assert first.number > 10**15
        await hub.aclose()


def test_serializer_without_a_fixed_place_for_numbers_is_noticed() -> None:
    """One that encrypts, or mixes anything in; then numbers are given first, and the message is sent afterwards."""
    assert find_numbers(lambda event: json.dumps(event).encode()) < 0
    assert find_numbers(lambda event: uuid.uuid4().bytes + json.dumps(event).encode()) == 0
    assert find_numbers(lambda event: json.dumps(event).encode()[::-1]) == 0
    assert find_numbers(lambda event: json.dumps({"numbers": "", **event, "x": event["text"]}).encode()) == 0
