"""Tests of `ws4channels.audience`."""

from __future__ import annotations

import copy
import pickle
import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, Group
from django.contrib.sessions.backends.cache import SessionStore
from django.contrib.sessions.models import Session
from django.db import models
from django.utils.functional import SimpleLazyObject
from hypothesis import given
from hypothesis import strategies as st

from tests.people import request_of
from ws4channels.audience import (
    AUDIENCES,
    BROADCAST,
    SELF,
    build_key,
    encode_name,
    group_name,
    group_of,
    groups_of,
    is_authenticated,
    resolve_names,
    session_of,
    user_of,
)
from ws4channels.exceptions import AudienceValueError

# Any text, and texts made of what keys are made of: these are where two triples would share a key.
telling = st.lists(
    st.sampled_from(["a", ":", "%", "25", "3A", "3a", "broadcast", "user", "group", "session", "\ud800", "ü"]),
    max_size=6,
).map("".join)
texts = st.text() | telling
prefixes = st.none() | telling
addresses = st.tuples(st.sampled_from(AUDIENCES), texts, texts).map(
    # Everybody has no name.
    lambda triple: (triple[0], "" if triple[0] == BROADCAST else triple[1], triple[2])
)


@pytest.mark.parametrize(
    ("prefix", "audience", "name", "facility", "key"),
    [
        (None, "broadcast", "", "news", "broadcast:news"),
        (None, "broadcast", "ignored", "news", "broadcast:news"),
        ("", "broadcast", "", "news", "broadcast:news"),
        ("ws", "broadcast", "", "a:b/c#d", "ws:broadcast:a:b/c#d"),
        ("a:b", "broadcast", "", "news", "a:b:broadcast:news"),
        (None, "user", "john@example.com", "news", "user:john@example.com:news"),
        (None, "user", "ünï cöde", "news", "user:ünï cöde:news"),
        (None, "user", "", "news", "user::news"),
        ("ws", "group", "50%", "", "ws:group:50%:"),
        (None, "group", "100%25", "f", "group:100%25:f"),
        (None, "group", "a%3ab", "c", "group:a%3ab:c"),
        (None, "session", "abc", "ünï", "session:abc:ünï"),
        (None, "group", "a:b", "c", "group:a%3Ab:c"),
        (None, "group", "a%3Ab", "c", "group:a%253Ab:c"),
        (None, "group", "a%253Ab", "c", "group:a%25253Ab:c"),
    ],
)
def test_key_is_the_originals(prefix: str | None, audience: str, name: str, facility: str, key: str) -> None:
    """Keys are those of the original, except that colons in names are encoded."""
    assert build_key(prefix, audience, name, facility) == key


@given(texts, texts)
def test_different_names_are_encoded_differently(one: str, other: str) -> None:
    """Encoding is injective, and leaves no colon."""
    assert (encode_name(one) == encode_name(other)) == (one == other)
    assert ":" not in encode_name(one)


@given(st.text().filter(lambda name: ":" not in name and "%" not in name))
def test_ordinary_name_is_left_alone(name: str) -> None:
    """A name without colon and percent sign stands in the key as it is."""
    assert encode_name(name) == name


@given(prefixes, addresses, addresses)
def test_different_addresses_have_different_keys_and_groups(
    prefix: str | None, one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """Two different triples of audience, name and facility share neither key nor group, whatever the prefix."""
    keys = build_key(prefix, *one), build_key(prefix, *other)
    assert (keys[0] == keys[1]) == (one == other)
    assert (group_of(keys[0]) == group_of(keys[1])) == (one == other)


@given(telling, addresses)
def test_prefix_changes_nothing_else(prefix: str, address: tuple[str, str, str]) -> None:
    """A prefix and its colon stand before the key that there would be without it."""
    lead = f"{prefix}:" if prefix else ""
    assert build_key(prefix, *address) == lead + build_key(None, *address)


@given(texts)
def test_group_is_valid_for_channels(key: str) -> None:
    """A group has fewer than 100 characters that Channels allows, whatever the key."""
    assert re.fullmatch(r"[a-zA-Z0-9\-_.]{1,99}", group_of(key))


def test_group_of_a_long_key_is_short() -> None:
    """The length of a key does not matter, nor do characters that UTF-8 lacks."""
    assert len(group_of("x" * 10_000 + "\ud800")) == len(group_of("")) < 100


def test_group_stays_the_same_between_versions() -> None:
    """Servers of two versions understand each other during a rolling upgrade, so groups are fixed for good."""
    assert group_of("broadcast:news") == "ws4channels.9b2430355b14b1fcfa98b4d45c96ec011305e04d"


def test_unknown_audience_is_refused() -> None:
    """An audience that there is not gets a text that lists those that there are."""
    with pytest.raises(AudienceValueError) as refused:
        build_key(None, "everyone", "", "news")
    assert str(refused.value) == ("audience is 'everyone'; it must be one of 'session', 'user', 'group', 'broadcast'.")


def test_group_name_is_that_of_the_sites_key(settings: Any) -> None:
    """A site's own consumers find the group of an audience, with the site's prefix."""
    settings.WS4REDIS_PREFIX = "site"
    assert group_name("user", "mary", facility="chat") == group_of("site:user:mary:chat")
    assert group_name("broadcast", facility="chat") == group_of("site:broadcast:chat")


def test_self_shows_its_name() -> None:
    """SELF is readable in errors."""
    assert repr(SELF) == "SELF"


@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_self_stays_itself(travel: Any) -> None:
    """SELF in arguments that are copied or queued is still SELF, never a name in a key."""
    assert travel(SELF) is SELF


class Member(AbstractBaseUser):
    """A user whose text is not the username."""

    email = models.EmailField(unique=True)
    USERNAME_FIELD = "email"

    class Meta:
        app_label = "tests"

    def __str__(self) -> str:
        return "Mary Smith"


MARY = Member(email="mary@example.com")


@pytest.mark.parametrize(
    "users",
    [
        [MARY],
        (each for each in [MARY]),
        [SimpleLazyObject(lambda: MARY)],
        [MARY, "mary@example.com", SELF],
    ],
    ids=["list", "iterator", "lazy", "both"],
)
def test_user_is_known_by_the_username(users: Any) -> None:
    """A user object means `get_username()`, whatever its text; websockets know their users by that."""
    request = SimpleNamespace(user=MARY)
    assert resolve_names("users", users, request) == user_of(request) == ["mary@example.com"]


def test_queryset_of_users_is_a_list_of_usernames(monkeypatch: pytest.MonkeyPatch) -> None:
    """The users of a queryset are known by their usernames."""
    queryset: Any = models.QuerySet(Member)
    queryset._result_cache = [MARY, Member(email="john@example.com")]
    assert resolve_names("users", queryset, None) == ["mary@example.com", "john@example.com"]


def test_group_of_a_user_is_that_of_the_username() -> None:
    """`group_name` takes users, too."""
    assert group_name("user", MARY, facility="chat") == group_name("user", "mary@example.com", facility="chat")


def test_session_is_known_by_its_key() -> None:
    """A session object means its key; one that is not stored has none."""
    stored, new = SessionStore("abcdefgh"), SessionStore()
    assert resolve_names("sessions", [stored, Session(session_key="def"), new], None) == ["abcdefgh", "def"]
    assert group_name("session", stored, facility="f") == group_name("session", "abcdefgh", facility="f")


def test_anonymous_user_has_no_name() -> None:
    """Nobody anonymous shares a key with another."""
    assert resolve_names("users", [AnonymousUser(), SimpleLazyObject(AnonymousUser)], None) == []


def test_other_objects_are_their_text() -> None:
    """Primary keys, and objects that are no users, are formatted with `str()`."""
    assert resolve_names("users", [7, b"mary", SimpleNamespace(a=1)], None) == ["7", "mary", "namespace(a=1)"]
    assert resolve_names("groups", [Group(name="staff"), MARY], None) == ["staff", "Mary Smith"]


def test_who_somebody_is() -> None:
    """A signed-in user has a name, groups and a session."""
    request = request_of("john", ["chatters", 7])
    assert is_authenticated(request)
    assert user_of(request) == ["john"]
    assert groups_of(request) == ["chatters", "7"]
    assert session_of(request) == [request.session.session_key]


@pytest.mark.parametrize(
    "request_",
    [
        None,
        SimpleNamespace(),
        SimpleNamespace(user=None, session=None),
        request_of(None, ["chatters"], session=False),
    ],
    ids=["no request", "no user and session", "neither", "anonymous"],
)
def test_who_nobody_is(request_: Any) -> None:
    """Who is not signed in has no name, no groups (whatever the session says) and no session without a key."""
    assert not is_authenticated(request_)
    assert (user_of(request_), groups_of(request_), session_of(request_)) == ([], [], [])


@pytest.mark.parametrize("groups", [None, [], ()])
def test_session_may_remember_no_groups(groups: Any) -> None:
    """A session without the list, or with an empty one, is of somebody without groups."""
    assert groups_of(request_of("john", groups)) == []
