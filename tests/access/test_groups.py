"""Tests of `ws4channels.access.groups`."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from tests.people import request_of
from ws4channels.access.groups import current_groups
from ws4channels.audience import MEMBEROF, STORED_GROUPS
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import FacilityCommunicator

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mary() -> User:
    """A member of two groups."""
    user = User.objects.create_user("mary")
    for name in ("news", "sports"):
        user.groups.add(Group.objects.create(name=name))
    return user


def request_after_sign_in(user: User) -> HttpRequest:
    """Return a request whose session is as the sign-in leaves it."""
    request = HttpRequest()
    request.session, request.user = SessionStore(), user
    user_logged_in.send(User, request=request, user=user)
    return request


def test_groups_are_those_of_the_moment(mary: User) -> None:
    """A group that the user has left since the sign-in is gone, and a new one is there."""
    request = request_after_sign_in(mary)
    assert current_groups(request) == ["news", "sports"]
    mary.groups.remove(Group.objects.get(name="sports"))
    mary.groups.add(Group.objects.create(name="weather"))
    assert current_groups(request) == ["news", "weather"]


def test_list_of_the_site_s_own_stays(mary: User) -> None:
    """Names that are no groups of Django's stay; no group is added, and one that the user is not in is left out."""
    Group.objects.create(name="admins")
    request = request_after_sign_in(mary)
    request.session[MEMBEROF] = ["room 7", "sports", "admins"]
    assert current_groups(request) == ["room 7", "sports"]


def test_session_of_the_original_is_served(mary: User) -> None:
    """A session that django-websocket-redis wrote has the list alone."""
    request = request_after_sign_in(mary)
    del request.session[STORED_GROUPS]
    mary.groups.clear()
    assert current_groups(request) == []


def test_user_without_groups_has_what_the_session_says() -> None:
    """A user model may have no groups at all."""
    assert current_groups(request_of("john", ["chatters"])) == ["chatters"]


async def test_user_who_was_removed_from_a_group_receives_nothing_of_it(mary: User, settings: Any) -> None:
    """The next websocket of the same session is not subscribed to it."""
    audience = {"facility": "f", "groups": ["news", "sports"]}
    async with FacilityCommunicator("f", "subscribe-group", user=mary, groups=["news", "sports"]) as client:
        await RedisPublisher(**audience).apublish_message("both", expire=0)
        assert [await client.receive_from() for _ in range(2)] == ["both", "both"]
    await sync_to_async(mary.groups.remove)(await Group.objects.aget(name="sports"))
    async with FacilityCommunicator("f", "subscribe-group", user=mary, groups=["news", "sports"]) as client:
        await RedisPublisher(**audience).apublish_message("one", expire=0)
        await RedisPublisher(facility="f", groups=["news"]).apublish_message("end", expire=0)
        assert [await client.receive_from() for _ in range(2)] == ["one", "end"]
