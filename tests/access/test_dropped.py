"""Tests of `ws4channels.access.dropped`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.people import request_of
from ws4channels.access.dropped import (
    LEFT_OUT,
    NO_GROUPS,
    NO_SESSION,
    NOT_ALLOWED,
    NOT_SIGNED_IN,
    dropped_channels,
)

NAMED = ["subscribe-user", "subscribe-group", "subscribe-session", "publish-user", "publish-group", "publish-session"]
NO_KEYS: dict[str, list[str]] = {"subscribe": [], "publish": []}


@pytest.mark.parametrize("request_", [request_of(session=False), SimpleNamespace(user=None, session=None)])
def test_visitor_gets_no_channel_of_a_user_or_session(request_: Any) -> None:
    """Who is not signed in and has no stored session is told so for each channel."""
    users_and_groups = {channel: NOT_SIGNED_IN for channel in NAMED if not channel.endswith("-session")}
    sessions = {"subscribe-session": NO_SESSION, "publish-session": NO_SESSION}
    assert dropped_channels(request_, NAMED, NAMED, NO_KEYS) == {**users_and_groups, **sessions}


def test_user_without_groups_gets_no_group_channel() -> None:
    """A signed-in user whose session remembers no groups is told so."""
    keys = {"subscribe": ["user:john:f", "session:abc:f"], "publish": []}
    asked = ["subscribe-user", "subscribe-group", "subscribe-session", "subscribe-broadcast"]
    assert dropped_channels(request_of("john"), asked, asked, keys) == {"subscribe-group": NO_GROUPS}


def test_channel_that_the_rule_does_not_allow_is_named() -> None:
    """The rule's answer is the reason, whatever the client would have been given without it."""
    asked = ["publish-broadcast", "subscribe-user", "subscribe-broadcast"]
    keys = {"subscribe": ["broadcast:f"], "publish": []}
    assert dropped_channels(request_of(), asked, ["subscribe-broadcast"], keys) == {
        "publish-broadcast": NOT_ALLOWED,
        "subscribe-user": NOT_ALLOWED,
    }


@pytest.mark.parametrize("prefix", [None, "", "site"])
def test_granted_channel_is_not_named(settings: Any, prefix: str | None) -> None:
    """What has a key is granted; subscribing and publishing are two things."""
    settings.WS4REDIS_PREFIX = prefix
    lead = f"{prefix}:" if prefix else ""
    keys = {"subscribe": [f"{lead}user:john:f"], "publish": [f"{lead}group:staff:f"]}
    asked = ["subscribe-user", "publish-group", "publish-user"]
    assert dropped_channels(request_of("john"), asked, asked, keys) == {"publish-user": LEFT_OUT}


def test_channel_of_the_site_s_own_is_not_judged() -> None:
    """Which keys a subscriber's own channels stand for is its own affair."""
    asked = ["subscribe-room", "listen", "join-user"]
    assert dropped_channels(request_of(), asked, asked, NO_KEYS) == {}


def test_subscriber_may_leave_channels_out() -> None:
    """A client that has all that it needs, and is not granted the channel, is refused it by the site's subscriber."""
    asked = ["subscribe-user", "subscribe-group", "subscribe-session"]
    assert dropped_channels(request_of("john", ["staff"]), asked, asked, NO_KEYS) == dict.fromkeys(asked, LEFT_OUT)
