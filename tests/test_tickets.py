"""Tests of `ws4channels.tickets`: what tickets look like, and which arguments make none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.cache import SessionStore
from django.utils.functional import SimpleLazyObject

from ws4channels.access.tickets import read_ticket
from ws4channels.closing import session_mark
from ws4channels.exceptions import TicketTypeError, TicketValueError, Ws4ChannelsError
from ws4channels.tickets import create_ticket

ANONYMOUS = AnonymousUser()
MARY = User(pk=1, username="mary", password="!")


@pytest.mark.parametrize(
    "options",
    [{}, {"facility": "ü:/?", "channels": ["subscribe-user", "publish-user"], "once": True, "session": "key"}],
)
def test_ticket_may_stand_in_a_url_a_header_and_a_subprotocol(options: dict[str, Any]) -> None:
    """It needs no quoting anywhere, and shows nothing of the user's name, password or session."""
    ticket = create_ticket(MARY, **options)
    assert re.fullmatch(r"[\w-]+\.[\w-]+", ticket, re.ASCII)
    said = repr(read_ticket(ticket))
    for secret in ("mary", MARY.get_session_auth_hash(), "'key'"):
        assert secret not in said


def test_ticket_is_short() -> None:
    """A hundred characters or so, whatever it takes to sign them."""
    assert len(create_ticket(MARY, "news")) <= 110


def test_ticket_says_what_it_was_made_for() -> None:
    """Facility, channels and the session's digest; a number only where it is for one use."""
    session = SessionStore()
    session.create()
    ticket = read_ticket(create_ticket(MARY, "news", ("subscribe-user",), session=session))
    assert (ticket.user, ticket.facility, ticket.channels, ticket.number) == ("1", "news", ["subscribe-user"], None)
    assert ticket.session == session_mark(str(session.session_key))
    numbers = {read_ticket(create_ticket(MARY, once=True)).number for _ in range(3)}
    assert len(numbers) == 3
    assert None not in numbers


def test_user_of_a_request_is_a_user() -> None:
    """Django's middleware gives requests a lazy object."""
    assert read_ticket(create_ticket(SimpleLazyObject(lambda: MARY))).user == "1"


def test_session_that_is_not_stored_is_none() -> None:
    """It has no key by which it could end."""
    assert read_ticket(create_ticket(MARY, session=SessionStore())).session is None


VALID = (
    "'subscribe-session', 'subscribe-group', 'subscribe-user', 'subscribe-broadcast', 'publish-session', "
    "'publish-group', 'publish-user', 'publish-broadcast', 'presence'"
)
WRONG = [
    ({"user": "mary"}, TypeError, "user is 'mary'; it must be a signed-in user, of the model auth.User."),
    (
        {"user": ANONYMOUS},
        TypeError,
        f"user is {ANONYMOUS!r}; it must be a signed-in user, of the model auth.User.",
    ),
    (
        {"user": User(username="new")},
        ValueError,
        "user is <User: new>, which is not saved; tickets name users by their primary key.",
    ),
    ({"facility": 5}, TypeError, "facility is 5; it must be a str, or None for any."),
    (
        {"channels": "subscribe-user"},
        TypeError,
        "channels is 'subscribe-user'; it must be a list of names, or None for all.",
    ),
    ({"channels": True}, TypeError, "channels is True; it must be a list of names, or None for all."),
    ({"channels": ["subscribe_user"]}, ValueError, f"channels holds 'subscribe_user'; valid are {VALID}."),
    ({"channels": [None]}, ValueError, f"channels holds None; valid are {VALID}."),
    ({"session": 5}, TypeError, "session is 5; it must be a session, its key, or None."),
    ({"seconds": "60"}, TypeError, "seconds is '60'; it must be a whole number."),
    ({"seconds": 0.5}, TypeError, "seconds is 0.5; it must be a whole number."),
    ({"seconds": True}, TypeError, "seconds is True; it must be a whole number."),
    ({"seconds": 0}, ValueError, "seconds is 0; it must be at least 1."),
]


@pytest.mark.parametrize(("arguments", "kind", "text"), WRONG)
def test_argument_that_cannot_be_meant_is_named(arguments: dict[str, Any], kind: type[Exception], text: str) -> None:
    """The error names the argument and shows its value."""
    with pytest.raises(kind) as caught:
        create_ticket(**{"user": MARY, **arguments})
    assert str(caught.value) == text
    assert isinstance(caught.value, (TicketTypeError, TicketValueError))
    assert isinstance(caught.value, Ws4ChannelsError)


def test_channels_of_the_site_s_own_subscriber_are_valid(settings: Any) -> None:
    """A class may have channels that others do not have."""
    settings.WS4REDIS_SUBSCRIBER = "tests.legacy_subscribers.OwnChannelNames"
    create_ticket(MARY, channels=["subscribe-room"])
