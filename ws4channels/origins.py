"""Which browsers' pages may open a websocket: the check of the Origin header (RFC 6455, 10.2).

Browsers let any page open a websocket to any site and send that site's cookies along; the Origin header is how the
site tells. Clients that are no browsers send none and are let in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import DisallowedHost
from django.http.request import is_same_domain  # type: ignore[attr-defined]

from ws4channels import settings
from ws4channels.access.handshake import build_request
from ws4channels.counters import counts
from ws4channels.shown import on_one_line

__all__ = ["OriginCheck"]

logger = logging.getLogger(__name__)

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_LOCAL_HOSTS = (".localhost", "127.0.0.1", "[::1]")


def _split(origin: str) -> tuple[SplitResult, int | None] | None:
    try:
        parts = urlsplit(origin)
        return parts, parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None


def is_origin_allowed(origin: str, patterns: Iterable[str]) -> bool:
    """Tell whether `origin` matches one of `patterns`.

    A pattern is ``scheme://host[:port]``, which has to match as a whole, or a bare host, which matches any scheme and
    port; a host may begin with ``*.`` or ``.`` for itself and all its subdomains.
    """
    split = _split(origin.lower())
    if split is None or not split[0].hostname or not split[0].scheme:
        return False
    return any(_matches(split, pattern.lower()) for pattern in patterns)


def _matches(split: tuple[SplitResult, int | None], pattern: str) -> bool:
    origin, port = split
    if "://" not in pattern:
        return bool(is_same_domain(_bracketed(origin), pattern.replace("*.", ".", 1)))
    allowed = _split(pattern.replace("//*.", "//.", 1))
    if allowed is None or not allowed[0].hostname:
        return False
    if allowed[0].scheme != origin.scheme or allowed[1] != port:
        return False
    return bool(is_same_domain(_bracketed(origin), _bracketed(allowed[0])))


def _bracketed(parts: SplitResult) -> str:
    """Return the host as ALLOWED_HOSTS spells it: IPv6 addresses in brackets."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


class OriginCheck:
    """ASGI middleware that refuses websockets from pages of foreign origins with status 403 and a log line.

    Allowed are the request's own host, ``ALLOWED_HOSTS`` (except its ``"*"``, which is about hosts of this site),
    ``CSRF_TRUSTED_ORIGINS`` and ``WS4CHANNELS_ALLOWED_ORIGINS``.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the websocket on or refuse it."""
        origin = next((value.decode("latin1") for name, value in scope["headers"] if name == b"origin"), None)
        if origin is None or "*" in settings.WS4CHANNELS_ALLOWED_ORIGINS:
            await self.application(scope, receive, send)
            return
        reason = _reason_against(origin, scope)
        if reason is None:
            await self.application(scope, receive, send)
            return
        counts["refused"] += 1
        logger.warning("Refused a websocket to %s from origin %r: %s.", on_one_line(scope["path"]), origin, reason)
        await receive()
        await send({"type": "websocket.close"})


def _reason_against(origin: str, scope: Any) -> str | None:
    """Return why `origin` is refused, or None if it is not."""
    try:
        own_host = build_request(scope).get_host()
    except DisallowedHost:
        return "the request's Host header is not in ALLOWED_HOSTS"
    split = _split(origin.lower())
    if split is not None and split[0].netloc:
        # Proxies may add the port to the Host header, where browsers leave the default one out.
        netloc = split[0].netloc
        if own_host.lower() in (netloc, f"{netloc}:{split[1]}"):
            return None
    allowed_hosts = list(django_settings.ALLOWED_HOSTS)
    if django_settings.DEBUG and not allowed_hosts:
        allowed_hosts = list(_LOCAL_HOSTS)
    patterns = [
        *(host for host in allowed_hosts if host != "*"),
        *django_settings.CSRF_TRUSTED_ORIGINS,
        *settings.WS4CHANNELS_ALLOWED_ORIGINS,
    ]
    if is_origin_allowed(origin, patterns):
        return None
    return (
        f"it is neither the request's own host {own_host!r} nor in ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS or "
        "WS4CHANNELS_ALLOWED_ORIGINS"
    )
