"""What the pages show of keys: names of sessions only in part, because a session's key signs its owner in."""

from __future__ import annotations

from ws4channels import settings
from ws4channels.audience import BROADCAST, decode_name
from ws4channels.shown import on_one_line

SESSION = "session"
_SHOWN = 4


def shown_session(session_key: str) -> str:
    """Return the beginning of a session's key."""
    return on_one_line(f"{session_key[:_SHOWN]}…")


def shown_key(key: str) -> str:
    """Return a key of messages as the pages show it, on one line."""
    lead, audience, name, facility = _parts_of(key)
    return on_one_line(f"{lead}{audience}:{name[:_SHOWN]}…:{facility}" if audience == SESSION else key)


def audience_in(key: str) -> tuple[str, str]:
    """Return the audience and the name in a key of messages; everybody has no name."""
    _, audience, name, _ = _parts_of(key)
    return (audience, "") if audience == BROADCAST else (audience, decode_name(name))


def _parts_of(key: str) -> tuple[str, str, str, str]:
    """Return what stands before the audience, the audience, and what follows it in two parts."""
    lead = f"{settings.WS4REDIS_PREFIX}:" if settings.WS4REDIS_PREFIX else ""
    audience, _, rest = key.removeprefix(lead).partition(":")
    name, _, facility = rest.partition(":")
    return lead, audience, name, facility
