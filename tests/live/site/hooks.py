"""The site's rules: what the facility's first word makes them do."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import PermissionDenied

from ws4channels.publisher import RedisPublisher
from ws4channels.subscriber import RedisSubscriber, facility_of

SECRET = "the database password is hunter2"
"""What the exceptions of these rules say, and no client may see."""


def allow_channels(request: Any, channels: Iterable[str]) -> list[str]:
    """Refuse ``forbidden…``, fail for ``broken…``, and tell sockets of ``whoami…`` what their request looks like."""
    facility = facility_of(request)
    if facility.startswith("forbidden"):
        raise PermissionDenied(SECRET)
    if facility.startswith("broken"):
        raise LookupError(SECRET)
    if facility.startswith("whoami"):
        _tell(facility, request)
    return list(channels)


def _tell(facility: str, request: Any) -> None:
    # As the facility's kept message, it is the first thing that the socket is sent.
    seen = {
        "address": request.META.get("REMOTE_ADDR"),
        "host": request.get_host(),
        "is_secure": request.is_secure(),
        "user": request.user.get_username(),
    }
    RedisPublisher(facility=facility, broadcast=True).publish_message(json.dumps(seen))


class FailingSubscriber(RedisSubscriber):
    """Fails when a client publishes ``explode``."""

    def publish_message(self, message: Any, expire: Any = None) -> None:
        """Publish, or fail."""
        if message == b"explode":
            raise LookupError(SECRET)
        super().publish_message(message, expire)
