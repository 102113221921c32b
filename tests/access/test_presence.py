"""Tests of `ws4channels.access.presence`, and of what the handshake makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.scopes import a_scope, agree
from tests.visitors import signed_in
from ws4channels.access.dropped import NOT_ALLOWED
from ws4channels.access.presence import (
    NO_PATTERN,
    NO_RESUME,
    NO_RULE,
    NOBODY_TO_SEE,
    Terms,
    has_presence,
    terms_of,
)

ASKED = "subscribe-broadcast&presence&resume"


@pytest.fixture(autouse=True)
def presence(settings: Any) -> None:
    """Presence on one facility, and a rule that allows everything."""
    settings.WS4CHANNELS_PRESENCE = ["f"]
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: channels


@pytest.mark.parametrize(("facility", "has"), [("chat-1", True), ("lobby", True), ("chat", False), ("Lobby", False)])
def test_patterns_name_facilities(settings: Any, facility: str, has: bool) -> None:
    """As those of shells, with upper and lower case apart."""
    settings.WS4CHANNELS_PRESENCE = ["chat-*", "lobby"]
    assert has_presence(facility) is has
    settings.WS4CHANNELS_PRESENCE = []
    assert not has_presence(facility)


@pytest.mark.parametrize("prefix", [None, "site"])
def test_client_is_listed_under_all_keys_and_told_of_those_that_are_shared(settings: Any, prefix: str | None) -> None:
    """Keys of a single user or session, and of other facilities, are not shown."""
    settings.WS4REDIS_PREFIX = prefix
    lead = f"{prefix}:" if prefix else ""
    keys = [f"{lead}{key}" for key in ("broadcast:f", "user:mary:f", "session:abc:f", "group:a:f")]
    foreign = [f"{lead}broadcast:g", "something:else"]
    assert terms_of("f", [*keys, *foreign], is_shown=True) == Terms(tuple(keys), (keys[0], keys[3]))
    assert terms_of("f", keys, is_shown=False) == Terms(tuple(keys), ())
    assert terms_of("g", keys, is_shown=True) is None


async def test_client_whom_the_rule_allows_sees() -> None:
    """The rule is asked for presence as for any channel."""
    agreement, _ = await agree(a_scope(ASKED))
    assert (agreement.presence, agreement.dropped) == (Terms(("broadcast:f",), ("broadcast:f",)), {})


@pytest.mark.parametrize("query", ["subscribe-broadcast", "subscribe-broadcast&resume"])
async def test_client_that_does_not_ask_is_listed_and_told_nothing(settings: Any, query: str) -> None:
    """Even if the rule allows presence to everybody."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: [*channels, "presence"]
    agreement, _ = await agree(a_scope(query))
    assert (agreement.presence, agreement.dropped) == (Terms(("broadcast:f",), ()), {})


async def test_without_a_rule_nobody_sees(settings: Any) -> None:
    """Presence is off until a rule allows it."""
    settings.WS4REDIS_ALLOWED_CHANNELS = None
    agreement, _ = await agree(a_scope(ASKED))
    assert (agreement.presence, agreement.dropped) == (Terms(("broadcast:f",), ()), {"presence": NO_RULE})


async def test_rule_that_leaves_presence_out_withholds_it(settings: Any) -> None:
    """The client is told why."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: ["subscribe-broadcast"]
    agreement, _ = await agree(a_scope(ASKED))
    assert (agreement.presence, agreement.dropped) == (Terms(("broadcast:f",), ()), {"presence": NOT_ALLOWED})


async def test_rule_that_fails_refuses(settings: Any) -> None:
    """Nobody is let in by mistake."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: 1 / 0
    with pytest.raises(ZeroDivisionError):
        await agree(a_scope(ASKED))


@pytest.mark.parametrize(
    ("query", "path", "reason"),
    [
        ("subscribe-broadcast&presence", "/ws/f", NO_RESUME),
        ("subscribe-session&presence&resume", "/ws/f", NOBODY_TO_SEE),
        (ASKED, "/ws/other", NO_PATTERN),
    ],
)
async def test_presence_that_makes_no_sense_is_withheld(query: str, path: str, reason: str) -> None:
    """With a reason that says what is missing."""
    agreement, _ = await agree(a_scope(query, path))
    assert agreement.dropped["presence"] == reason
    assert agreement.presence is None or agreement.presence.shown == ()


async def test_user_is_looked_up_where_there_is_presence() -> None:
    """Also if no channel needs it."""
    agreement, _ = await agree(a_scope("subscribe-broadcast", **signed_in("mary")))
    assert agreement.user == "mary"
    agreement, _ = await agree(a_scope("subscribe-broadcast", "/ws/other", **signed_in("mary")))
    assert agreement.presence is None


async def test_site_s_rule_is_not_asked_for_presence_elsewhere(settings: Any) -> None:
    """A parameter of this name means nothing on facilities without presence."""
    asked: list[str] = []
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: asked.extend(channels) or channels
    await agree(a_scope(ASKED, "/ws/other"))
    assert asked == ["subscribe-broadcast"]
