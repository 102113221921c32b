"""Tests of `ws4channels.access.clients`: what a client has in the hub is released, however far it came."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied

from tests.access.scopes import a_scope
from tests.inbox import Inbox
from ws4channels.access.clients import Client
from ws4channels.delivery.hub import get_hub
from ws4channels.transports.configured import get_transport


def refuse(request: Any, channels: Any) -> Any:
    raise PermissionDenied


async def test_refused_client_leaves_nothing(settings: Any) -> None:
    """An address that is refused a hundred times has no websocket."""
    settings.WS4REDIS_ALLOWED_CHANNELS = refuse
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 1
    for _ in range(3):
        client = Client(get_hub(get_transport()))
        with pytest.raises(PermissionDenied):
            await client.agree(a_scope("subscribe-broadcast"), print)
        await client.leave(None)


async def test_client_leaves_its_keys() -> None:
    """What was joined is left."""
    hub = get_hub(get_transport())
    client = Client(hub)
    await client.agree(a_scope("subscribe-broadcast"), print)
    await client.join(Inbox())
    assert hub.listening == ("broadcast:f",)
    await client.leave(None)
    assert hub.listening == ()
