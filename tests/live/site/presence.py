"""The site with presence: users whom the URL names, and receivers of signals that write them down in Redis."""

from __future__ import annotations

import json
from typing import Any

from django.apps import AppConfig
from django.core.exceptions import PermissionDenied

from tests.visitors import Person
from ws4channels.connections import sync_client
from ws4channels.presence import client_joined, client_left
from ws4channels.subscriber import facility_of

SIGNALS = "presence-signals"
"""The list in which the receivers write."""

SETTINGS = {
    "WS4CHANNELS_PRESENCE": ["seen-*"],
    "WS4REDIS_ALLOWED_CHANNELS": "tests.live.site.presence.allow_channels",
    "WS4REDIS_PROCESS_REQUEST": "tests.live.site.presence.sign_in",
}


class Config(AppConfig):
    """An app whose receivers write down what they are sent."""

    name = "tests.live.site.presence"

    def ready(self) -> None:
        """Connect the receivers."""
        client_joined.connect(fail)
        client_joined.connect(write_down_joined)
        client_left.connect(write_down_left)


def sign_in(request: Any) -> None:
    """Take the client for the user whom its URL names, if any."""
    name = request.GET.get("name")
    if name is not None:
        request.user = Person(name)
        request.ws4channels_groups = request.GET.getlist("member")


def allow_channels(request: Any, channels: list[str]) -> list[str]:
    """Allow all, but for ``blind`` clients to see who is here, and refuse what begins with ``forbidden``."""
    if facility_of(request).startswith("forbidden"):
        raise PermissionDenied
    return [channel for channel in channels if channel != "presence" or "blind" not in request.GET]


def fail(sender: str, **_: Any) -> None:
    """Fail, as a site's receiver may."""
    raise LookupError("The receiver failed.")


def write_down_joined(sender: str, user: str | None, session: str | None, **_: Any) -> None:
    """Write down who has come."""
    sync_client().rpush(f"{SIGNALS}:{sender}", json.dumps(["joined", user, session]))


def write_down_left(sender: str, user: str | None, session: str | None, **_: Any) -> None:
    """Write down who has left."""
    sync_client().rpush(f"{SIGNALS}:{sender}", json.dumps(["left", user, session]))
