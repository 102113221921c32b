"""A facility of its own, on which staff see in Django's admin what passes on a key: who may, and what they get.

    /ws/ws4channels-live?key=broadcast:news&resume&ticket=…

The site's hooks, its subscriber and its rules have no say here: the permissions do, and the AdminSite, which gives the
page its ticket. A cookie is not enough: other pages can have a browser send it, and an AdminSite may ask for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import PermissionDenied

from ws4channels import settings
from ws4channels.access.handshake import Agreement, Negotiation
from ws4channels.access.requests import build_request
from ws4channels.audience import facility_in, is_authenticated
from ws4channels.subscriber import RedisSubscriber, facility_of

WATCHING = "ws4channels-live"
"""The facility."""

KEY = "key"
"""The parameter of the URL."""

PERMISSIONS = ("ws4channels.view_websockets", "ws4channels.view_message_contents")


def begin(scope: Mapping[str, Any], load_user: bool) -> Negotiation:
    """Return the handshake of a websocket or event stream: of one that watches, or of any other."""
    return Watching(scope, load_user) if is_for_watching(scope) else Negotiation(scope, load_user)


def is_for_watching(scope: Mapping[str, Any]) -> bool:
    """Tell whether a handshake is that of somebody who wants to see what passes on a key."""
    # The path first: this is asked for each handshake.
    return WATCHING in scope["path"] and settings.WS4CHANNELS_ADMIN and facility_of(build_request(scope)) == WATCHING


def may_watch(user: Any) -> bool:
    """Tell whether a user may see the contents of all messages."""
    # Not has_perms(): a user model of the site's own need not have it, and the admin does not call it.
    return bool(getattr(user, "is_staff", False) and all(map(user.has_perm, PERMISSIONS)))


class Watching(Negotiation):
    """The handshake of somebody who wants to see what passes on a key."""

    def __init__(self, scope: Mapping[str, Any], load_user: bool) -> None:
        super().__init__(scope, load_user)
        self.subscriber_class = RedisSubscriber
        self.process_request = self.allow_channels = None

    def needs_thread(self) -> bool:
        """Permissions are in the database."""
        return True

    def run(self) -> Agreement:
        """Return what is agreed. Nobody is told that somebody watches."""
        return replace(super().run(), presence=None)

    def _identify(self) -> None:
        super()._identify()
        # Tickets of other pages are for other facilities, or for some channels only.
        if self.ticket is None or (self.ticket.facility, self.ticket.channels) != (WATCHING, []):
            raise PermissionDenied(
                "This facility is for the admin's page Live, which has a ticket for each connection."
            )
        if not is_authenticated(self.request) or not may_watch(self.request.user):
            raise PermissionDenied(f"Only staff with {' and '.join(PERMISSIONS)} may watch.")

    def _allowed(self) -> list[str]:
        return []

    def _choose_keys(self, subscriber: RedisSubscriber, allowed: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        key = self.request.GET.get(KEY, "")
        prefix = settings.WS4REDIS_PREFIX
        lead = f"{prefix}:" if prefix else ""
        if key.startswith(f"{lead}session:"):
            raise PermissionDenied("Keys of sessions cannot be watched.")  # nor logged
        if not key.startswith(lead) or not facility_in(prefix, key):
            raise PermissionDenied(f"{key!r} is no key of messages.")
        return (key,), ()
