"""What templates need to open a websocket: ``ws4channels.context_processors.default``."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings as django_settings
from django.http import HttpRequest
from django.utils.encoding import escape_uri_path
from django.utils.safestring import mark_safe

from ws4channels import settings

__all__ = ["default"]

# So that the literal may stand inside a <script> element, whatever the heartbeat's text.
_ESCAPES = {ord(character): f"\\u{ord(character):04X}" for character in "<>&"}


def default(request: HttpRequest) -> dict[str, Any]:
    """Return ``WEBSOCKET_URI``, the address below which facilities are, and ``WS4REDIS_HEARTBEAT``.

    The address is ``WS4CHANNELS_WEBSOCKET_URI``, or on the page's own host, below the script name. The heartbeat is a
    JavaScript literal: a quoted string or ``null``.
    """
    literal = json.dumps(settings.WS4REDIS_HEARTBEAT).translate(_ESCAPES)
    return {
        "WEBSOCKET_URI": settings.WS4CHANNELS_WEBSOCKET_URI or _uri_on_the_host_of(request),
        "WS4REDIS_HEARTBEAT": mark_safe(literal),
    }


def _uri_on_the_host_of(request: HttpRequest) -> str:
    scheme = "wss" if request.is_secure() else "ws"
    # Before 5.0, Django's ASGI requests do not know FORCE_SCRIPT_NAME.
    script_name = (django_settings.FORCE_SCRIPT_NAME or request.META.get("SCRIPT_NAME") or "").rstrip("/")
    return f"{scheme}://{request.get_host()}{escape_uri_path(script_name)}{settings.WEBSOCKET_URL}"
