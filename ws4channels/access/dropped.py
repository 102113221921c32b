"""Which of the channels that a client asked for it does not get, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ws4channels import settings
from ws4channels.audience import NAMED_AUDIENCES, groups_of, is_authenticated, session_of

NOT_ALLOWED = "WS4REDIS_ALLOWED_CHANNELS does not allow it"
NOT_SIGNED_IN = "nobody is signed in"
NO_GROUPS = "the session holds no groups of the user"
NO_SESSION = "no session is stored"
LEFT_OUT = "WS4REDIS_SUBSCRIBER leaves it out"


def dropped_channels(
    request: Any, asked: Iterable[str], allowed: Collection[str], keys: Mapping[str, Iterable[str]]
) -> dict[str, str]:
    """Return the reason for each channel of `asked` that is not granted.

    `allowed` are the channels that the site's rule allows; `keys` are the agreed keys, by ``"subscribe"`` and
    ``"publish"``. Channels that a site's own subscriber adds are known to be dropped only if the rule does so.
    """
    dropped = {}
    for channel in asked:
        reason = _reason(request, channel, keys) if channel in allowed else NOT_ALLOWED
        if reason is not None:
            dropped[channel] = reason
    return dropped


def _reason(request: Any, channel: str, keys: Mapping[str, Iterable[str]]) -> str | None:
    verb, _, audience = channel.partition("-")
    if audience not in NAMED_AUDIENCES or verb not in keys:
        return None
    lead = f"{settings.WS4REDIS_PREFIX}:{audience}:" if settings.WS4REDIS_PREFIX else f"{audience}:"
    if any(key.startswith(lead) for key in keys[verb]):
        return None
    if audience == "session":
        return LEFT_OUT if session_of(request) else NO_SESSION
    if not is_authenticated(request):
        return NOT_SIGNED_IN
    return NO_GROUPS if audience == "group" and not groups_of(request) else LEFT_OUT
