"""Which browsers' pages may open a websocket: the check of the Origin header (RFC 6455, 10.2).

Browsers let any page open a websocket to any site and send that site's cookies along; the Origin header is how the
site tells. Clients that are no browsers send none and are let in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import DisallowedHost
from django.http.request import is_same_domain, split_domain_port  # type: ignore[attr-defined]

from ws4channels import settings
from ws4channels.access.observers import Observer, observer_of
from ws4channels.access.refusals import kind_of
from ws4channels.access.requests import build_request, with_actual_root_path
from ws4channels.counters import counts
from ws4channels.shown import on_one_line

__all__ = ["OriginCheck"]

logger = logging.getLogger(__name__)

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_MAX_PORT = 65535
_LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")

_OPAQUE = "null"  # RFC 6454, 6.2: of sandboxed frames, and of files in some browsers
_SCHEME = r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
_HOST = r"(?:\*?\.)?(?:\[[0-9a-f:.]+\]|[a-z0-9_.-]+)"
_WITH_HOST = re.compile(rf"(?:{_SCHEME})?(?P<host>{_HOST})(?::(?P<port>\d+))?/?", re.ASCII | re.IGNORECASE)
_WITHOUT_HOST = re.compile(rf"{_SCHEME}/?", re.ASCII | re.IGNORECASE)


def is_origin_allowed(origin: str, patterns: Iterable[str]) -> bool:
    """Tell whether `origin` matches one of `patterns`.

    A pattern is ``scheme://host[:port]``, which has to match as a whole, or ``host[:port]``, which matches any scheme,
    and without a port any port. A host may begin with ``*.`` or ``.`` for itself and all its subdomains. ``null``, and
    a scheme alone such as ``file://``, match the same origin.
    """
    origin = origin.lower()
    try:
        parts = urlsplit(origin)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return False
    if parts.scheme and parts.hostname:
        return any(_matches(parts, port, pattern.lower()) for pattern in patterns)
    if parts.scheme and origin in (f"{parts.scheme}://", f"{parts.scheme}:///"):
        return any(_scheme_alone(pattern) == parts.scheme for pattern in patterns)
    return origin == _OPAQUE and any(pattern.lower() == _OPAQUE for pattern in patterns)


def _matches(origin: SplitResult, port: int | None, pattern: str) -> bool:
    found = _WITH_HOST.fullmatch(pattern)
    if found is None or found["scheme"] not in (None, origin.scheme):
        return False
    if found["port"] is not None and int(found["port"]) != port:
        return False
    if found["port"] is None and found["scheme"] is not None and port != _DEFAULT_PORTS.get(origin.scheme):
        return False
    return bool(is_same_domain(_bracketed(origin), found["host"].removeprefix("*")))


def _scheme_alone(pattern: str) -> str | None:
    """Return the scheme of a pattern that has no host and needs none, such as ``file://``."""
    found = _WITHOUT_HOST.fullmatch(pattern.lower())
    return None if found is None or found["scheme"] in _DEFAULT_PORTS else found["scheme"]


def _bracketed(parts: SplitResult) -> str:
    """Return the host as ALLOWED_HOSTS spells it: IPv6 addresses in brackets."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def problem_with(pattern: str) -> str | None:
    """Return why `pattern`, of ``WS4CHANNELS_ALLOWED_ORIGINS``, matches nothing that browsers send; None if it does."""
    found = _WITH_HOST.fullmatch(pattern)
    if found is not None and (found["scheme"] or "").lower() in ("ws", "wss"):
        return "an origin is the address of the page, such as 'https://app.example.com', not that of the websocket"
    if found is not None:
        return "a port is at most 65535" if int(found["port"] or 0) > _MAX_PORT else None
    if pattern == "*" or _scheme_alone(pattern) is not None:
        return None
    if not pattern.isascii():
        return "browsers send such a host in its ASCII form, which begins with 'xn--'"
    return "it must be like 'https://app.example.com', 'https://*.example.com', 'app.example.com:3000' or 'file://'"


class OriginCheck:
    """ASGI middleware that refuses websockets from pages of foreign origins with status 403 and a log line.

    Allowed are the request's own host, ``ALLOWED_HOSTS``, ``CSRF_TRUSTED_ORIGINS`` and ``WS4CHANNELS_ALLOWED_ORIGINS``.
    ``"*"`` in ``ALLOWED_HOSTS`` is about the names of this site, so here it stands for the request's own host alone.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the websocket on or refuse it."""
        if is_refused(scope):
            await receive()
            await send({"type": "websocket.close"})
        else:
            await self.application(with_actual_root_path(scope), receive, send)


def origin_of(scope: Any) -> str | None:
    """Return the origin of the page that a request comes from, or None if the client does not tell."""
    return next((value.decode("latin1") for name, value in scope["headers"] if name == b"origin"), None)


def is_refused(scope: Any) -> bool:
    """Tell whether a page of its origin may not open this; log why, and count it."""
    origin = origin_of(scope)
    reason = None
    if "*" not in settings.WS4CHANNELS_ALLOWED_ORIGINS:
        if origin is not None:
            reason = _reason_against(origin, scope)
        elif any(name == b"sec-fetch-mode" and value == b"no-cors" for name, value in scope["headers"]):
            # https://fetch.spec.whatwg.org/#append-a-request-origin-header: a GET of any page, with cookies.
            reason = "it is a request in the mode no-cors, with which browsers send no Origin"
    observer = observer_of(scope)
    if observer is not None:
        _tell(observer, origin, reason)
    elif reason is not None:
        counts["refused"] += 1
        what = kind_of(scope)
        logger.warning("Refused %s to %s from origin %r: %s.", what, on_one_line(scope["path"]), origin, reason)
    return reason is not None


def _tell(observer: Observer, origin: str | None, reason: str | None) -> None:
    if reason is not None:
        observer.tell("origin", "refused", f"{origin!r}: {reason}")
    elif origin is None:
        observer.tell("origin", "ok", "there is no Origin header, as of clients that are no browsers")
    else:
        observer.tell("origin", "ok", f"{origin!r} is allowed")


def _reason_against(origin: str, scope: Any) -> str | None:
    """Return why `origin` is refused, or None if it is not."""
    try:
        own_host = build_request(scope).get_host()
    except DisallowedHost as error:
        # Django's text names the setting only where adding the host to it would help.
        problem = "not in ALLOWED_HOSTS" if "ALLOWED_HOSTS" in str(error) else "no valid host name"
        return f"the request's Host header is {problem}"
    if _is_host_of(own_host.lower(), origin.lower()):
        return None
    is_any_host_ours = "*" in django_settings.ALLOWED_HOSTS
    patterns = [
        *_allowed_hosts(own_host, is_any_host_ours),
        *django_settings.CSRF_TRUSTED_ORIGINS,
        *settings.WS4CHANNELS_ALLOWED_ORIGINS,
    ]
    if is_origin_allowed(origin, patterns):
        return None
    return (
        f"it is neither the request's own host {own_host!r} nor in ALLOWED_HOSTS"
        + (" (whose '*' does not count here)" if is_any_host_ours else "")
        + ", CSRF_TRUSTED_ORIGINS or WS4CHANNELS_ALLOWED_ORIGINS"
    )


def _is_host_of(own_host: str, origin: str) -> bool:
    """Tell whether `origin` is a page of `own_host` and its port."""
    scheme, _, netloc = origin.partition("://")
    # Proxies may add the port to the Host header, where browsers leave the default one out.
    return own_host in (netloc, f"{netloc}:{_DEFAULT_PORTS.get(scheme)}")


def _allowed_hosts(own_host: str, is_any_host_ours: bool) -> Iterable[str]:
    """Return the hosts whose pages may connect from any port."""
    if is_any_host_ours:
        yield split_domain_port(own_host)[0]
    if django_settings.DEBUG and (is_any_host_ours or not django_settings.ALLOWED_HOSTS):
        yield from _LOCAL_HOSTS
    yield from (host for host in django_settings.ALLOWED_HOSTS if host != "*")
