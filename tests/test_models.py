"""Tests of `ws4channels.models`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import Group, User
from django.contrib.auth.signals import user_logged_in
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from tests.people import request_of
from ws4channels import models
from ws4channels.audience import MEMBEROF, SELF
from ws4channels.publisher import RedisPublisher


@pytest.fixture
def john(db: None) -> User:
    """A user in two groups."""
    user = User.objects.create_user("john", password="secret")
    user.groups.set([Group.objects.create(name="chatters"), Group.objects.create(name="a:b")])
    return user


def test_login_stores_the_names_of_the_users_groups(john: User) -> None:
    """After a login the session remembers the groups, under the original's key."""
    client = Client()
    assert client.login(username="john", password="secret")
    assert MEMBEROF == "ws4redis:memberof"
    assert sorted(client.session["ws4redis:memberof"]) == ["a:b", "chatters"]


def test_user_without_groups_has_an_empty_list(db: None) -> None:
    """Who is in no group has that remembered as well."""
    User.objects.create_user("mary", password="secret")
    client = Client()
    assert client.login(username="mary", password="secret")
    assert client.session[MEMBEROF] == []


def test_groups_are_those_of_the_newest_login(john: User) -> None:
    """Another login in the same session replaces what an earlier one stored."""
    client = Client()
    client.force_login(john)
    john.groups.remove(Group.objects.get(name="a:b"))
    client.force_login(john)
    assert client.session[MEMBEROF] == ["chatters"]


def test_publisher_reads_what_login_stored(john: User) -> None:
    """``groups=[SELF]`` addresses the groups of the user who signed in."""
    request = request_of()
    login(request, authenticate(request, username="john", password="secret"))
    publisher = RedisPublisher(facility="f", request=request, groups=[SELF])
    assert publisher._publishers == {"group:chatters:f", "group:a%3Ab:f"}


@pytest.mark.parametrize("request_", [SimpleNamespace(), None], ids=["request without session", "no request"])
def test_login_without_a_session_stores_nothing(john: User, request_: Any) -> None:
    """A login that has no session to remember anything, such as one by token, is no error."""
    user_logged_in.send(sender=User, user=john, request=request_)
    assert not hasattr(request_, "session")


def test_user_model_without_groups_is_no_error() -> None:
    """A site's own user model need not have groups."""
    request = SimpleNamespace(session={})
    models.store_groups_in_session(sender=None, user=SimpleNamespace(), request=request)
    assert request.session == {}


def test_receiver_is_connected_once() -> None:
    """However often the module is imported, a login asks for the groups once."""
    receivers = [each for each in user_logged_in.receivers if each[0][0] == "ws4channels.store_groups_in_session"]
    assert len(receivers) == 1
    assert user_logged_in.disconnect(dispatch_uid="ws4channels.store_groups_in_session")
    try:
        assert not user_logged_in.disconnect(dispatch_uid="ws4channels.store_groups_in_session")
    finally:
        user_logged_in.connect(models.store_groups_in_session, dispatch_uid="ws4channels.store_groups_in_session")


def test_entry_of_the_admins_log_asks_for_no_table(db: None) -> None:
    """Pages that show the log look up what an entry is about; here that is nothing stored, and no failing query."""
    content_type = ContentType.objects.get_for_model(models.Websockets)
    with pytest.raises(models.Websockets.DoesNotExist):
        LogEntry(content_type=content_type, object_id="broadcast:news").get_edited_object()
