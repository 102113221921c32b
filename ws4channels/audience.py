"""Redis keys and channel-layer groups of audiences. Pure functions; different audiences have different keys and groups.

A key reads ``[PREFIX:]broadcast:FACILITY`` or ``[PREFIX:]AUDIENCE:NAME:FACILITY`` with the audience one of
``user``, ``group`` and ``session``. It is byte-identical to the original's, except where the original's is
ambiguous: a name that holds a colon is percent-encoded.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, Final

from ws4channels import settings
from ws4channels.exceptions import AudienceTypeError, AudienceValueError

__all__ = ["MEMBEROF", "SELF", "group_name", "group_of"]

BROADCAST = "broadcast"
NAMED_AUDIENCES = ("session", "user", "group")
AUDIENCES = (*NAMED_AUDIENCES, BROADCAST)
"""All audiences, in the order in which ``fetch_message(…, "any")`` looks for a kept message."""

GROUP_PREFIX = "ws4channels."

_OURS = "ws4channels:"
_CLOSE_COMMANDS = f"{_OURS}close"
_TICKETS = f"{_OURS}ticket"
_PRESENCE = f"{_OURS}here"
_PROCESSES = f"{_OURS}processes"
_ANSWERS = f"{_OURS}answers"

# A colon, or what encoding a colon any number of times gives. Encoding the second kind as well is what keeps
# two different names apart: without it "a:b" and "a%3Ab" would share a key.
_NEEDS_ENCODING = re.compile(r":|%(?:25)*3A")


def encode_name(name: str) -> str:
    """Return `name` as it stands in keys: without colons, and different for different names."""
    if ":" not in name and "%" not in name:
        return name
    if _NEEDS_ENCODING.search(name) is None:
        return name
    return name.replace("%", "%25").replace(":", "%3A")


def decode_name(encoded: str) -> str:
    """Undo `encode_name`."""
    if _NEEDS_ENCODING.search(encoded) is None:
        return encoded
    return encoded.replace("%3A", ":").replace("%25", "%")


def _lead(prefix: str | None) -> str:
    """Return what stands before every key of a site."""
    return f"{prefix}:" if prefix else ""


def build_key(prefix: str | None, audience: str, name: object, facility: str) -> str:
    """Return the Redis key of one audience of one facility.

    `name` is the user's, group's or session's, see `name_of`; ``broadcast`` has none. Raises AudienceValueError for an
    unknown audience.
    """
    lead = _lead(prefix)
    if audience == BROADCAST:
        return f"{lead}{BROADCAST}:{facility}"
    if audience not in NAMED_AUDIENCES:
        raise AudienceValueError(f"audience is {audience!r}; it must be one of {', '.join(map(repr, AUDIENCES))}.")
    return f"{lead}{audience}:{encode_name(name_of(audience, name))}:{facility}"


def facility_in(prefix: str | None, key: str) -> str:
    """Return the facility in a key; empty for a key that `build_key` did not make."""
    audience, _, rest = key.removeprefix(_lead(prefix)).partition(":")
    if audience == BROADCAST:
        return rest
    return rest.partition(":")[2] if audience in NAMED_AUDIENCES else ""


def shared_audience_in(prefix: str | None, key: str) -> tuple[str, str] | None:
    """Return ``("broadcast", "")`` or ``("group", NAME)`` for a key that several users share; None for others."""
    audience, _, rest = key.removeprefix(_lead(prefix)).partition(":")
    if audience == BROADCAST:
        return BROADCAST, ""
    return (audience, decode_name(rest.partition(":")[0])) if audience == "group" else None


def name_of(audience: str, member: object) -> str:
    """Return the name of a user, group or session: of a user object its ``get_username()``, of a session its key.

    Everything else is formatted with ``str()``. A user's ``str()`` may be any text; websockets know users by
    ``get_username()``.
    """
    if audience == "user" and hasattr(member, "get_username"):
        return str(member.get_username())
    if audience == "session" and hasattr(member, "session_key"):
        return member.session_key or ""
    return str(member)


def is_ours(prefix: str | None, key: str) -> bool:
    """Tell whether a key is one of those that this package needs beside the messages: all that follow, and more."""
    # Without the prefix, too: what stands beside a key may begin with ours (`transports.numbers`).
    return key.startswith((_OURS, f"{prefix}:{_OURS}"))


def close_commands_key(prefix: str | None) -> str:
    """Return the key that all server processes of a site listen to, and no client.

    It begins with the name of no audience, so `build_key` never gives it.
    """
    return _lead(prefix) + _CLOSE_COMMANDS


def presence_key(prefix: str | None) -> str:
    """Return the key on which server processes tell each other that somebody has come or gone. No client has it."""
    return _lead(prefix) + _PRESENCE


def processes_key(prefix: str | None) -> str:
    """Return the key of the list in which server processes write records of themselves. It is no audience's."""
    return _lead(prefix) + _PROCESSES


def answers_key(prefix: str | None, number: str) -> str:
    """Return the key of the list in which server processes answer a question. It is no audience's."""
    return f"{_lead(prefix)}{_ANSWERS}:{number}"


def facility_roll_key(prefix: str | None, facility: str) -> str:
    """Return the key under which all clients of a facility are listed, whatever they subscribed to. No client has it.

    It begins with the name of no audience, so `build_key` never gives it.
    """
    return f"{_lead(prefix)}facility:{facility}"


def ticket_key(prefix: str | None, number: str) -> str:
    """Return the key by which a used ticket is remembered. As that of close commands, it is no audience's."""
    return f"{_lead(prefix)}{_TICKETS}:{number}"


def group_of(key: str) -> str:
    """Return the channel-layer group of a key.

    Channels allows groups fewer than 100 characters out of ASCII letters, digits, ``-``, ``_`` and ``.``; keys
    hold anything, so the group is a digest of the key (160 bits).
    """
    return GROUP_PREFIX + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


def group_name(audience: str, name: object = "", *, facility: str) -> str:
    """Return the channel-layer group in which a site's own consumers receive what is published to an audience.

    >>> await channel_layer.group_add(group_name("user", "mary", facility="chat"), self.channel_name)

    `name` is a name, a user or a session.

    The consumer gets each message in its method ``ws4channels_message(self, event)``.
    """
    return group_of(build_key(settings.WS4REDIS_PREFIX, audience, name, facility))


MEMBEROF = "ws4redis:memberof"
"""The session entry with the names of the signed-in user's groups, as in the original."""


STORED_GROUPS = "ws4channels:memberof"
"""The session entry with the names that were stored in MEMBEROF at the sign-in: equal unless the site wrote its own."""


class _Self:
    """The type of SELF."""

    def __repr__(self) -> str:
        return "SELF"

    def __reduce__(self) -> str:
        # Copied or pickled, it is still the one SELF of this module.
        return "SELF"


SELF: Final = _Self()
"""Stands in ``users``, ``groups`` or ``sessions`` for those of the request given to the publisher."""


def is_authenticated(request: Any) -> bool:
    """Tell whether `request` (or None) comes from a signed-in user."""
    user = getattr(request, "user", None)
    return bool(user and user.is_authenticated)


def user_of(request: Any) -> list[str]:
    """Return the signed-in user's name in a list, or an empty list."""
    return [name_of("user", request.user)] if is_authenticated(request) else []


def groups_of(request: Any) -> list[str]:
    """Return the groups of a signed-in user: those that the handshake looked up, otherwise those of the sign-in."""
    looked_up: list[str] | None = getattr(request, "ws4channels_groups", None)
    if looked_up is not None:
        return looked_up
    if not is_authenticated(request) or not getattr(request, "session", None):
        return []
    return [str(name) for name in request.session.get(MEMBEROF) or ()]


def session_of(request: Any) -> list[str]:
    """Return the session's key in a list, or an empty list where there is no stored session."""
    session = getattr(request, "session", None)
    return [session.session_key] if session and session.session_key else []


_SELF_OF = {"users": user_of, "groups": groups_of, "sessions": session_of}


def resolve_names(argument: str, value: Any, request: Any) -> list[str]:
    """Return the names meant by an audience argument; each one once, in the order given.

    Members are names, users, sessions, or SELF for those of `request`. Anonymous users and sessions that are not stored
    have no name.
    """
    if value is False:
        return []
    if value is True:
        warnings.warn(f"{argument}=True is deprecated; write {argument}=[SELF].", DeprecationWarning, stacklevel=4)
        value = [SELF]
    elif isinstance(value, str):
        warnings.warn(
            f"{argument}={value!r} is deprecated; write {argument}=[{value!r}].", DeprecationWarning, stacklevel=4
        )
        value = [value]
    elif value is SELF or isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise AudienceTypeError(
            f"{argument} is {value!r}; it must be a list, tuple or other iterable of names, which may hold SELF."
        )
    names: dict[str, None] = {}
    for member in value:
        names.update(dict.fromkeys(_names_of_member(argument, member, request)))
    return list(names)


def _names_of_member(argument: str, member: Any, request: Any) -> list[str]:
    if member is SELF:
        return _SELF_OF[argument](request)
    if argument == "users" and not getattr(member, "is_authenticated", True):
        return []
    if argument == "sessions" and getattr(member, "session_key", "") is None:
        return []
    if member is None:
        # The original makes the key of a user named "None".
        warnings.warn(f"{argument} holds None, which addresses nobody.", RuntimeWarning, stacklevel=5)
        return []
    return [
        member.decode("utf-8", "replace") if isinstance(member, bytes) else name_of(argument.removesuffix("s"), member)
    ]
