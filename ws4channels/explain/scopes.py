"""The scope of a handshake that nobody has begun: what a server makes of a client's URL, cookie and headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote, urlsplit

from django.conf import settings as django_settings
from django.contrib.auth import get_user_model

from ws4channels.access.observers import OBSERVER, Observer
from ws4channels.access.tickets import empty_session

_SCHEMES = {"": "ws", "ws": "ws", "http": "ws", "wss": "wss", "https": "wss"}
_PATH = "/%:@!$&'()*+,;=~"
_QUERY = f"{_PATH}?[]"


def build_scope(observer: Observer, url: str, session: str | None, origin: str | None, host: str | None) -> Any:
    """Return the scope; raise ValueError if `url` is neither a path nor the address of a websocket."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.path.startswith("/"):
        raise ValueError(
            "The URL must be a path, such as '/ws/news?subscribe-broadcast', or begin with 'ws://' or 'wss://'."
        )
    raw_path = quote(parts.path, _PATH, errors="surrogateescape")
    headers = {"host": host or parts.netloc or _own_host(), "origin": origin}
    if session is not None:
        headers["cookie"] = f"{django_settings.SESSION_COOKIE_NAME}={session}"
    return {
        "type": "websocket",
        "scheme": _SCHEMES[parts.scheme],
        "path": unquote(raw_path),
        "raw_path": raw_path.encode("ascii"),
        "query_string": quote(parts.query, _QUERY, errors="surrogateescape").encode("ascii"),
        "root_path": "",
        "headers": [(name.encode(), value.encode("utf-8")) for name, value in headers.items() if value is not None],
        "client": None,
        "server": None,
        "subprotocols": [],
        "extensions": {},
        OBSERVER: observer,
    }


def _own_host() -> str:
    """Return a host that the site has, for hooks that ask the request for it."""
    return next((host for host in django_settings.ALLOWED_HOSTS if not host.startswith((".", "*"))), "localhost")


def identity_of(user: str | None, session: str | None) -> dict[str, Any]:
    """Return the scope's entries for a user of that name, who is looked up; raise LookupError if there is none.

    Without `session` the user has one that is not stored, as with a ticket.
    """
    if user is None:
        return {}
    model = get_user_model()
    field = str(model.USERNAME_FIELD)
    found = model._default_manager.filter(**{field: user}).first()
    if found is None:
        raise LookupError(f"There is no {model._meta.label} with the {field} {user!r}.")
    return {"user": found} if session is not None else {"user": found, "session": empty_session()}
