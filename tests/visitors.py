"""Who opens a websocket in tests that need no database: scopes as a site's middleware leaves them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.sessions.backends.cache import SessionStore

from ws4channels.audience import MEMBEROF


class Person:
    """A signed-in user, of no particular model."""

    is_authenticated = True

    def __init__(self, name: str) -> None:
        self._name = name

    def get_username(self) -> str:
        """Return the name, as Django's users do."""
        return self._name


def signed_in(name: str, groups: Iterable[Any] = ()) -> dict[str, Any]:
    """Return the scope's entries for a signed-in user with a stored session that remembers `groups`."""
    session = SessionStore()
    session[MEMBEROF] = list(groups)
    session.create()
    session.save()
    return {"user": Person(name), "session": session}
