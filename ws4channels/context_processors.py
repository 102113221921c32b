"""What templates need to open a websocket: ``ws4channels.context_processors.default``."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest
from django.utils.safestring import mark_safe

from ws4channels import settings

__all__ = ["default"]

# So that the literal may stand inside a <script> element, whatever the heartbeat's text.
_ESCAPES = {ord(character): f"\\u{ord(character):04X}" for character in "<>&"}


def default(request: HttpRequest) -> dict[str, Any]:
    """Return ``WEBSOCKET_URI``, the address below which facilities are, and ``WS4REDIS_HEARTBEAT``.

    The latter is a JavaScript literal: a quoted string or ``null``.
    """
    scheme = "wss" if request.is_secure() else "ws"
    literal = json.dumps(settings.WS4REDIS_HEARTBEAT).translate(_ESCAPES)
    return {
        "WEBSOCKET_URI": f"{scheme}://{request.get_host()}{settings.WEBSOCKET_URL}",
        "WS4REDIS_HEARTBEAT": mark_safe(literal),
    }
