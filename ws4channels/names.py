"""The names in a publisher's audience arguments, and those that SELF stands for."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ws4channels.exceptions import AudienceTypeError

MEMBEROF = "ws4redis:memberof"
"""The session entry with the names of the signed-in user's groups, as in the original."""


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
    return [str(request.user.get_username())] if is_authenticated(request) else []


def groups_of(request: Any) -> list[str]:
    """Return the groups that the session remembers of a signed-in user."""
    if not is_authenticated(request) or not getattr(request, "session", None):
        return []
    return [str(name) for name in request.session.get(MEMBEROF) or ()]


def session_of(request: Any) -> list[str]:
    """Return the session's key in a list, or an empty list where there is no stored session."""
    session = getattr(request, "session", None)
    return [session.session_key] if session and session.session_key else []


_SELF_OF = {"users": user_of, "groups": groups_of, "sessions": session_of}


def resolve_names(argument: str, value: Any, request: Any) -> list[str]:
    """Return the names meant by an audience argument; each one once, in the order given."""
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
    if member is None:
        # What the original made of it, a key with the word "None", reached nobody or a user of that name.
        warnings.warn(f"{argument} holds None, which addresses nobody.", RuntimeWarning, stacklevel=5)
        return []
    return [member.decode("utf-8", "replace") if isinstance(member, bytes) else str(member)]
