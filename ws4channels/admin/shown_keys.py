"""What the pages show of keys: names of sessions only in part, because a session's key signs its owner in."""

from __future__ import annotations

from ws4channels import settings
from ws4channels.shown import on_one_line

_SHOWN = 4


def shown_session(session_key: str) -> str:
    """Return the beginning of a session's key."""
    return on_one_line(f"{session_key[:_SHOWN]}…")


def shown_key(key: str) -> str:
    """Return a key of messages as the pages show it, on one line."""
    lead, session, facility = _session_in(key)
    return on_one_line(f"{lead}{session[:_SHOWN]}…:{facility}" if session else key)


def names_a_session(key: str) -> bool:
    """Tell whether who knows a key knows how to sign in as somebody."""
    return bool(_session_in(key)[1])


def _session_in(key: str) -> tuple[str, str, str]:
    prefix = settings.WS4REDIS_PREFIX
    lead = f"{prefix}:session:" if prefix else "session:"
    session, _, facility = key[len(lead) :].partition(":")
    return (lead, session, facility) if key.startswith(lead) else (lead, "", "")
