"""Channel layers of other libraries, with `ws4channels.transports.channel_layer`."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import InMemoryChannelLayer
from django.core.exceptions import SynchronousOnlyOperation

from tests.inbox import Inbox
from tests.sockets import Socket, connected
from tests.waiting import TIMEOUT, eventually
from ws4channels.delivery.hub import Hub, get_hub
from ws4channels.publisher import RedisPublisher
from ws4channels.transports.channel_layer import ChannelLayerTransport
from ws4channels.transports.configured import get_transport

HERE = "tests.transports.test_foreign_layers"


class ForeignLayer:
    """A layer that nobody here knows: Channels' in-memory one behind another class."""

    extensions = ("groups",)

    def __init__(self, **config: Any) -> None:
        self._layer = InMemoryChannelLayer(**config)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._layer, name)


class LateLayer(ForeignLayer):
    """Loses the first messages, as one whose listener is not ready."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.lost = 0

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        self.lost += 1
        if self.lost > 4:
            await self._layer.group_send(group, message)


class DatabaseError(Exception):
    """An error of a library that ws4channels does not know."""


class FailingLayer(ForeignLayer):
    """Cannot join groups of websockets."""

    async def group_add(self, group: str, channel: str) -> None:
        if group.startswith("ws4channels."):
            raise DatabaseError("relation does not exist")
        await self._layer.group_add(group, channel)


@pytest.fixture
def layer(settings: Any, request: pytest.FixtureRequest) -> None:
    """Use one of these layers."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": f"{HERE}.{request.param}"}}


@pytest.mark.parametrize("layer", ["ForeignLayer"], indirect=True)
async def test_foreign_layer_carries_messages(layer: None) -> None:
    """What is published from sync and async code arrives."""
    assert type(get_transport()) is ChannelLayerTransport
    publisher = RedisPublisher(facility="f", broadcast=True)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await sync_to_async(publisher.publish_message, thread_sensitive=False)("sync")
        await publisher.apublish_message("async")
        assert await socket.take(2) == ["sync", "async"]


@pytest.mark.parametrize("layer", ["ForeignLayer"], indirect=True)
async def test_sync_call_that_would_wait_for_its_own_loop_is_refused(
    layer: None, monkeypatch: pytest.MonkeyPatch, redis_client: redis.Redis
) -> None:
    """Even where Django allows it; the error names the async twin, and nothing is written."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    hub, inbox = get_hub(get_transport()), Inbox()
    await hub.join(inbox, ("broadcast:f",))
    publisher = RedisPublisher(facility="f", broadcast=True)
    with pytest.raises(SynchronousOnlyOperation, match=r"await apublish_message\(\)"):
        publisher.publish_message("hello")
    assert redis_client.get("broadcast:f") is None
    await hub.leave(inbox, ("broadcast:f",))


@pytest.mark.parametrize("layer", ["LateLayer"], indirect=True)
async def test_probes_are_repeated_until_one_arrives(layer: None) -> None:
    """A layer that is not ready yet when the first websocket opens turns no client away."""
    hub, inbox = Hub(get_transport()), Inbox()
    await asyncio.wait_for(hub.join(inbox, ("broadcast:f",)), TIMEOUT)
    await RedisPublisher(facility="f", broadcast=True).apublish_message("hello")
    await eventually(lambda: inbox.payloads == ["hello"], "the message arrives")
    await hub.aclose()


@pytest.mark.parametrize("layer", ["FailingLayer"], indirect=True)
async def test_error_of_an_unknown_library_is_logged_and_closes_with_1013(
    layer: None, caplog: pytest.LogCaptureFixture
) -> None:
    """The client is told to try again later, and the log has the traceback."""
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    assert await socket.close_code() == 1013
    await socket.leave(1013)
    [record] = [record for record in caplog.records if record.getMessage() == "The channel layer failed."]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], DatabaseError)
