"""Who is here: the users whose websockets are subscribed, over all server processes.

>>> from ws4channels.presence import present
>>> [each.user for each in present(facility="chat", broadcast=True)]

``WS4CHANNELS_PRESENCE`` says for which facilities this is recorded. `client_joined` and `client_left` are Django
signals that the processes with the websockets send.
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.utils.asyncio import async_unsafe

from ws4channels import connections, settings
from ws4channels.access.presence import has_presence
from ws4channels.audience import facility_in
from ws4channels.exceptions import ConfigurationError
from ws4channels.presence.reading import Presence, Present, aread_present, read_present
from ws4channels.presence.signals import client_joined, client_left
from ws4channels.redis_store import RedisStore
from ws4channels.transports import publishing_loop
from ws4channels.transports.publishing_loop import PublishingLoop

__all__ = ["Presence", "Present", "apresent", "client_joined", "client_left", "present"]


@async_unsafe(
    "present() waits for Redis and must not be called in a thread that runs an event loop: await apresent() instead."
)
def present(**audiences: Any) -> Present:
    """Return who is subscribed to some audiences of a facility, over all server processes, in one round trip.

    Takes the arguments of `RedisPublisher`: facility, broadcast, users, groups, sessions, request. Who is subscribed to
    several of the audiences is listed once, with the websockets of that with the most in each process.

    Raises ConfigurationError where ``WS4CHANNELS_PRESENCE`` does not name the facility, what `RedisPublisher` raises
    for its arguments, and ``redis.exceptions.ConnectionError`` if Redis does not answer. Raises
    SynchronousOnlyOperation in a thread that runs an event loop: await `apresent` there.
    """
    keys = _keys_of(audiences)
    return read_present(connections.sync_client(), keys)


async def apresent(**audiences: Any) -> Present:
    """Do as `present`, from async code. Sessions and users of a request are looked up in a thread."""
    keys = await sync_to_async(_keys_of)(audiences)

    async def on_publishing_loop(publishing: PublishingLoop) -> Present:
        return await aread_present(publishing.client, keys)

    return await publishing_loop.run(on_publishing_loop)


def _keys_of(audiences: dict[str, Any]) -> list[str]:
    keys = RedisStore()._get_message_channels(**audiences)
    for key in keys:
        facility = facility_in(settings.WS4REDIS_PREFIX, key)
        if not has_presence(facility):
            raise ConfigurationError(
                f"WS4CHANNELS_PRESENCE is {settings.WS4CHANNELS_PRESENCE!r}, which has no pattern that matches the "
                f"facility {facility!r}: nobody's presence is recorded there."
            )
    return keys
