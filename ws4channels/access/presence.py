"""Whose presence is recorded, and which clients are told who is here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import NamedTuple

from ws4channels import settings
from ws4channels.audience import facility_in, shared_audience_in
from ws4channels.connections.remembered import Remembered

PRESENCE = "presence"
"""The word in a websocket's URL, and what ``WS4REDIS_ALLOWED_CHANNELS`` is asked for."""

NO_PATTERN = "WS4CHANNELS_PRESENCE has no pattern that matches the facility"
NO_RULE = "there is no WS4REDIS_ALLOWED_CHANNELS that allows it"
NO_RESUME = "it needs &resume, without which frames could not be told from messages"
NOBODY_TO_SEE = "it needs subscribe-broadcast or subscribe-group"


class Terms(NamedTuple):
    """What one websocket has to do with presence."""

    keys: tuple[str, ...]
    """Those under which its client is listed."""
    shown: tuple[str, ...]
    """Those of which its client is told who is here."""


NO_TERMS = Terms((), ())


def has_presence(facility: str) -> bool:
    """Tell whether a pattern of ``WS4CHANNELS_PRESENCE`` matches a facility."""
    patterns = settings.WS4CHANNELS_PRESENCE
    return bool(patterns) and _lookup.get(patterns)(facility)


def _build_lookup(patterns: Collection[str]) -> Callable[[str], bool]:
    @lru_cache(maxsize=4096)
    def lookup(facility: str) -> bool:
        return any(fnmatchcase(facility, pattern) for pattern in patterns)

    return lookup


_lookup = Remembered(_build_lookup)


def terms_of(facility: str, keys: Iterable[str], is_shown: bool) -> Terms | None:
    """Return the terms of a websocket that subscribed to `keys`, or None where its facility has no presence.

    `is_shown` says whether its client is told who is here; it is notified of broadcast and of groups.
    """
    if not has_presence(facility):
        return None
    prefix = settings.WS4REDIS_PREFIX
    listed = tuple(key for key in keys if facility_in(prefix, key) == facility)
    return Terms(listed, tuple(key for key in listed if is_shown and shared_audience_in(prefix, key)))


def withheld_presence(
    words: Collection[str], facility: str, keys: Iterable[str], allowed: Collection[str], has_rule: bool
) -> dict[str, str]:
    """Return the reason why a client that asked for presence does not get it, by the name of the channel.

    `words` are those of its URL, `keys` what it subscribed to, `allowed` the channels that the site's rule allows.
    """
    if PRESENCE not in words:
        return {}
    prefix = settings.WS4REDIS_PREFIX
    if not has_presence(facility):
        return {PRESENCE: NO_PATTERN}
    if not has_rule:
        return {PRESENCE: NO_RULE}
    if "resume" not in words:
        return {PRESENCE: NO_RESUME}
    if PRESENCE in allowed and not any(shared_audience_in(prefix, key) for key in keys):
        return {PRESENCE: NOBODY_TO_SEE}
    return {}
