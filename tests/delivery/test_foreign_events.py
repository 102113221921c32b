"""What others send to the groups of `ws4channels.delivery.hub`."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from channels.layers import get_channel_layer

from tests import layers
from tests.inbox import Inbox
from tests.waiting import eventually
from ws4channels.audience import group_of
from ws4channels.counters import counts
from ws4channels.delivery.hub import Hub
from ws4channels.publisher import RedisPublisher
from ws4channels.transports.configured import get_transport

KEY = "broadcast:f"


@pytest.mark.parametrize(
    "event",
    [
        {"type": "chat.typing", "user": "mary"},
        {"type": "ws4channels.message"},
        {"type": "ws4channels.message", "key": KEY},
        {"type": "ws4channels.message", "key": KEY, "text": None, "bytes": None},
        {"type": "ws4channels.probe"},
        {},
    ],
    ids=repr,
)
@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE, layers.IN_MEMORY], ids=["pubsub", "core", "memory"])
async def test_foreign_event_is_ignored(
    settings: Any, backend: str, event: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An event of the site's own harms nobody: the next message arrives, nothing counts as lost, one warning tells."""
    layers.use(backend, settings)
    hub, inbox, before = Hub(get_transport()), Inbox(), counts["gaps"]
    await hub.join(inbox, (KEY,))
    for _ in range(3):
        await get_channel_layer().group_send(group_of(KEY), dict(event))
    await RedisPublisher(facility="f", broadcast=True).apublish_message("next")
    await eventually(lambda: inbox.payloads == ["next"], "the next message arrives")
    assert counts["gaps"] == before
    warned = [message for message in caplog.messages if "Ignored what was sent to a group of ws4channels" in message]
    assert len(warned) == (event.get("type") != "ws4channels.probe")
    await hub.leave(inbox, (KEY,))
    await hub.aclose()


async def test_bytes_that_are_no_event_are_ignored(settings: Any, redis_client: redis.Redis) -> None:
    """What the layer's serializer does not read is nobody's message."""
    layers.use(layers.PUBSUB, settings)
    hub, inbox, before = Hub(get_transport()), Inbox(), counts["gaps"]
    await hub.join(inbox, (KEY,))
    redis_client.publish(f"asgi__group__{group_of(KEY)}", b"\xc1 garbage")
    await RedisPublisher(facility="f", broadcast=True).apublish_message("next")
    await eventually(lambda: inbox.payloads == ["next"], "the next message arrives")
    assert counts["gaps"] == before
    await hub.leave(inbox, (KEY,))
    await hub.aclose()


@pytest.mark.parametrize("backend", [layers.PUBSUB, layers.CORE], ids=["pubsub", "core"])
@pytest.mark.parametrize("message", [b"\xff\x00", "text"])
async def test_layer_that_carries_json_carries_bytes(settings: Any, backend: str, message: str | bytes) -> None:
    """Bytes travel as base64 where the layer's serializer takes none."""
    settings.CHANNEL_LAYERS = layers.one_layer(backend, serializer_format="json")
    hub, inbox = Hub(get_transport()), Inbox()
    await hub.join(inbox, (KEY,))
    await RedisPublisher(facility="f", broadcast=True).apublish_message(message)
    await eventually(lambda: inbox.payloads == [message], "the message arrives")
    await hub.leave(inbox, (KEY,))
    await hub.aclose()
