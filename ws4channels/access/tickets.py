"""Tickets at the handshake: who a client is without a cookie. ``ws4channels.tickets`` makes them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from importlib import import_module
from typing import Any, NamedTuple

from django.conf import settings as django_settings
from django.contrib.auth import get_user, get_user_model
from django.core.exceptions import PermissionDenied
from django.core.signing import BadSignature, Signer
from django.utils.crypto import constant_time_compare
from redis.exceptions import ResponseError

from ws4channels import connections, settings
from ws4channels.access.requests import TICKET_SUBPROTOCOL, offered_subprotocols
from ws4channels.audience import MEMBEROF, STORED_GROUPS, ticket_key
from ws4channels.closing import session_mark
from ws4channels.exceptions import RedisRefusal
from ws4channels.subscriber import facility_of

NOT_NAMED = "the ticket does not name it"

_PARAMETER = "ticket"
_SCHEME = "ticket"
_CLOCK_SECONDS = 60
"""How long a used ticket is remembered after it has lapsed, for servers whose clocks are behind."""


def _signer() -> Signer:
    # Of what is in a signed text, only Signer's own colon may not stand in a subprotocol (RFC 6455, 4.1).
    return Signer(salt="ws4channels.tickets", sep=".")


class Ticket(NamedTuple):
    """What a ticket says. It stands in URLs, so it is short: a list without names."""

    user: str
    """The primary key."""
    lapses_at: int
    """Unix time."""
    password: str
    """The first of the user's `password_marks`."""
    facility: str | None = None
    channels: list[str] | None = None
    session: str | None = None
    """The `session_mark` of the session that it was made in."""
    number: str | None = None
    """Of a ticket for one use: different for each."""

    def sign(self) -> str:
        """Return the ticket's text: letters, digits, ``-``, ``_`` and one dot."""
        fields: list[Any] = list(self)
        while fields[-1] is None:
            fields.pop()
        return _signer().sign_object(fields)

    @property
    def mark(self) -> str:
        """What close commands know websockets of this ticket by, as they know others by their `session_mark`."""
        return self.session or tickets_mark(self.user)


def primary_key_of(user: Any) -> str:
    """Return a user's primary key as text, as Django writes it into sessions."""
    return str(user._meta.pk.value_to_string(user))


def tickets_mark(primary_key: str) -> str:
    """Return what stands in close commands for all of a user's tickets that name no session."""
    # Not a session_mark: a client that makes up a session key must not get the mark of somebody's tickets.
    return blake2b(primary_key.encode("utf-8"), digest_size=16, person=b"ticket").hexdigest()


def password_marks(user: Any) -> list[str]:
    """Return what changes with the user's password, by the present SECRET_KEY and then by each former one.

    These are digests of the hashes that Django compares with those in sessions.
    """
    if not hasattr(user, "get_session_auth_hash"):
        return [""]
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return [blake2b(each.encode("utf-8"), digest_size=8).hexdigest() for each in hashes]


def given_ticket(request: Any) -> str | None:
    """Return the text of the ticket that a client presents, or None; raise PermissionDenied for more than one."""
    texts = set(_given_tickets(request))
    if len(texts) > 1:
        raise PermissionDenied("There is more than one ticket.")
    return next(iter(texts), None)


def _given_tickets(request: Any) -> Iterator[str]:
    for parameter, values in request.GET.lists():
        if parameter.strip().lower() == _PARAMETER:
            yield from values
    scheme, _, credentials = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() == _SCHEME:
        yield credentials.strip()
    for name in offered_subprotocols(request.scope):
        if name.startswith(TICKET_SUBPROTOCOL):
            yield name.removeprefix(TICKET_SUBPROTOCOL)


def read_ticket(text: str) -> Ticket:
    """Return what a ticket says; raise PermissionDenied if this site did not sign it."""
    try:
        return Ticket(*_signer().unsign_object(text))
    except (BadSignature, TypeError):
        # TypeError: a ticket of another version of this package.
        raise PermissionDenied("The ticket is not valid.") from None


def redeem(request: Any, text: str, uses_up: bool = True) -> Ticket:
    """Return the ticket; the request gets its user, and an empty session unless it has one that is the user's.

    `uses_up` says whether a ticket for one use is good for nothing afterwards. Looks into the database. Raises
    PermissionDenied, whose text says why and holds nothing of the ticket's text.
    """
    ticket = read_ticket(text)
    if time.time() >= ticket.lapses_at:
        raise PermissionDenied("The ticket has lapsed.")
    if ticket.facility not in (None, facility_of(request)):
        raise PermissionDenied(f"The ticket is for the facility {ticket.facility!r}.")
    user = _look_up_user(ticket)
    if ticket.number is not None:
        _use_up(ticket, uses_up)
    if not _has_session_of(request, user, ticket):
        request.session = empty_session()
    request.user = user
    return ticket


def _look_up_user(ticket: Ticket) -> Any:
    user = get_user_model()._default_manager.filter(pk=ticket.user).first()
    if user is None or not getattr(user, "is_active", True):
        raise PermissionDenied("The ticket's user is gone or not active.")
    if not any(constant_time_compare(ticket.password, mark) for mark in password_marks(user)):
        raise PermissionDenied("The password of the ticket's user has changed.")
    return user


def _use_up(ticket: Ticket, uses_up: bool) -> None:
    key = ticket_key(settings.WS4REDIS_PREFIX, str(ticket.number))
    remembered = ticket.lapses_at - int(time.time()) + _CLOCK_SECONDS
    try:
        client = connections.sync_client()
        is_unused = client.set(key, b"used", nx=True, ex=remembered) if uses_up else not client.exists(key)
    except ResponseError as error:
        raise RedisRefusal.of("SET", [key], error) from error
    if not is_unused:
        raise PermissionDenied("The ticket was used before.")


def _has_session_of(request: Any, user: Any, ticket: Ticket) -> bool:
    """Tell whether the client also sent the cookie of a session of `user`, and of no other than the ticket names."""
    key = request.session and request.session.session_key
    if not key or ticket.session not in (None, session_mark(key)):
        return False
    return bool(get_user(request).pk == user.pk)


def empty_session() -> Any:
    """Return a session that is not stored, of a user without groups."""
    session = import_module(django_settings.SESSION_ENGINE).SessionStore()
    # As after the sign-in of a user without groups. The handshake replaces these by the groups of the moment.
    session[MEMBEROF] = session[STORED_GROUPS] = []
    return session


def limited(ticket: Ticket | None, channels: Iterable[str]) -> list[str]:
    """Return the channels that a ticket does not withhold; without a ticket, all."""
    named = None if ticket is None else ticket.channels
    return [channel for channel in channels if named is None or channel in named]


def withheld(ticket: Ticket | None, channels: Iterable[str]) -> dict[str, str]:
    """Return the reason for each channel that a ticket withholds."""
    channels = list(channels)
    return dict.fromkeys(set(channels).difference(limited(ticket, channels)), NOT_NAMED)
