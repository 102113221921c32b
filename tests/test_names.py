"""Tests of `ws4channels.names`."""

from __future__ import annotations

import copy
import pickle
from types import SimpleNamespace
from typing import Any

import pytest

from tests.people import request_of
from ws4channels.names import SELF, groups_of, is_authenticated, session_of, user_of


def test_self_shows_its_name() -> None:
    """SELF is readable in errors."""
    assert repr(SELF) == "SELF"


@pytest.mark.parametrize("travel", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_self_stays_itself(travel: Any) -> None:
    """SELF in arguments that are copied or queued is still SELF, never a name in a key."""
    assert travel(SELF) is SELF


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
