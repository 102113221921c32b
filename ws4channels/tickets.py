"""Tickets: short signed texts by which clients without cookies open websockets as a user.

>>> from ws4channels.tickets import create_ticket
>>> create_ticket(request.user, facility="news", session=request.session)
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model

from ws4channels.access.hooks import load_subscriber_class
from ws4channels.access.presence import PRESENCE
from ws4channels.access.tickets import Ticket, password_marks, primary_key_of
from ws4channels.audience import name_of
from ws4channels.closing import session_mark
from ws4channels.exceptions import TicketTypeError, TicketValueError

__all__ = ["create_ticket"]


def create_ticket(
    user: Any,
    facility: str | None = None,
    channels: Iterable[str] | None = None,
    seconds: int = 60,
    *,
    once: bool = False,
    session: Any = None,
) -> str:
    """Return a ticket: who presents it within `seconds` opens websockets as `user`, with ``once=True`` a single one.

    `facility` is what follows ``WEBSOCKET_URL``, None for any. `channels` are names such as ``subscribe-user``, the
    only ones that a client gets; None for all. The site's rules decide as well. `session` is the session, or its key,
    with which the ticket's websockets close; without one, they close when the user signs out anywhere.

    Raises TicketTypeError (a TypeError) or TicketValueError (a ValueError) for arguments that cannot be meant.
    """
    _check_user(user)
    _check_limits(facility, seconds)
    return Ticket(
        user=primary_key_of(user),
        lapses_at=int(time.time()) + seconds,
        password=password_marks(user)[0],
        facility=facility,
        channels=None if channels is None else _checked(channels),
        session=_mark_of(session),
        number=secrets.token_urlsafe(9) if once else None,
    ).sign()


def _check_user(user: Any) -> None:
    model = get_user_model()
    if not isinstance(user, model):
        raise TicketTypeError(f"user is {user!r}; it must be a signed-in user, of the model {model._meta.label}.")
    if user.pk is None:
        raise TicketValueError(f"user is {user!r}, which is not saved; tickets name users by their primary key.")


def _check_limits(facility: Any, seconds: Any) -> None:
    if facility is not None and not isinstance(facility, str):
        raise TicketTypeError(f"facility is {facility!r}; it must be a str, or None for any.")
    if not isinstance(seconds, int) or isinstance(seconds, bool):
        raise TicketTypeError(f"seconds is {seconds!r}; it must be a whole number.")
    if seconds < 1:
        raise TicketValueError(f"seconds is {seconds!r}; it must be at least 1.")


def _mark_of(session: Any) -> str | None:
    if session is None:
        return None
    if not isinstance(session, str) and not hasattr(session, "session_key"):
        raise TicketTypeError(f"session is {session!r}; it must be a session, its key, or None.")
    key = name_of("session", session)
    return session_mark(key) if key else None


def _checked(channels: Any) -> list[str]:
    if isinstance(channels, (str, bytes)) or not isinstance(channels, Iterable):
        raise TicketTypeError(f"channels is {channels!r}; it must be a list of names, or None for all.")
    names = list(channels)
    subscriber_class = load_subscriber_class()
    valid = [*subscriber_class.subscription_channels, *subscriber_class.publish_channels, PRESENCE]
    unknown = [name for name in names if name not in valid]
    if unknown:
        raise TicketValueError(f"channels holds {unknown[0]!r}; valid are {', '.join(map(repr, valid))}.")
    return names
