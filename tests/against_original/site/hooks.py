"""Functions that the settings WS4REDIS_ALLOWED_CHANNELS and WS4REDIS_PROCESS_REQUEST name."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from tests.against_original.site.records import record


def raise_permission_denied(channels: list[str]) -> list[str]:
    """Refuse."""
    raise PermissionDenied("not for you")


def raise_value_error(channels: list[str]) -> list[str]:
    """Fail as code with a bug does."""
    raise ValueError("a bug")


RULES = {
    "all": lambda channels: channels,
    "set": lambda channels: set(channels),
    "tuple": lambda channels: tuple(channels),
    "generator": lambda channels: (channel for channel in channels),
    "nothing": lambda channels: [],
    "none": lambda channels: None,
    "listen": lambda channels: [channel for channel in channels if channel.startswith("subscribe-")],
    "more": lambda channels: [*channels, "subscribe-broadcast"],
    "denied": raise_permission_denied,
    "bug": raise_value_error,
}


def allow_by_query(request: HttpRequest, channels: list[str]) -> Any:
    """Apply the rule that the query parameter `rule` names."""
    record("channels", list(channels))
    return RULES[request.GET.get("rule", "all")](channels)


def allow_signed_in(request: HttpRequest, channels: list[str]) -> list[str]:
    """Refuse visitors who are not signed in; asks the database."""
    if not request.user or not request.user.is_authenticated:
        raise PermissionDenied
    groups = set(request.user.groups.values_list("name", flat=True))
    record("groups", sorted(groups))
    return channels


def allow_nothing(request: HttpRequest, channels: list[str]) -> list[str]:
    """Allow no channel."""
    return []


def describe_request(request: HttpRequest, channels: list[str]) -> list[str]:
    """Record everything about the request that rules of real sites look at."""
    record(
        "request",
        {
            "path_info": request.path_info,
            "path": request.path,
            "GET": {name: request.GET.getlist(name) for name in request.GET},
            "HTTP_X_TOKEN": request.META.get("HTTP_X_TOKEN"),
            "cookie": request.COOKIES.get("flavour"),
            "session": request.session and request.session.session_key,
            "visited": request.session and request.session.get("visited"),
            "user": request.user and request.user.get_username(),
            "host": request.get_host(),
            "is_secure": request.is_secure(),
            "method": request.method,
        },
    )
    return channels


class TokenSession(dict):
    """A session that lives in a token: a dict with a key."""

    session_key: str = ""


def sign_in_by_token(request: HttpRequest) -> None:
    """Take the user's name from the query parameter `token`, as sites with JWT do; `denied` and `bug` fail."""
    token = request.GET.get("token", "")
    if token == "denied":
        raise PermissionDenied("bad token")
    if token == "bug":
        raise ValueError("a bug")
    request.session = TokenSession({"ws4redis:memberof": ["from-token"]})
    request.session.session_key = f"session-of-{token}"
    request.user = get_user_model().objects.get(username=token) if token else None
