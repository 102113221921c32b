"""A site's whole ASGI application in one line: Django's pages and guarded websockets."""

from __future__ import annotations

from typing import Any

from channels.routing import ProtocolTypeRouter
from django.core import asgi as django_asgi

from ws4channels.origins import OriginCheck
from ws4channels.routing import UpgradeRequired, WebsocketUrls


def get_asgi_application() -> Any:
    """Return the application for Daphne, uvicorn and other ASGI servers.

    Takes the place of ``django.core.asgi.get_asgi_application`` in a site's ``asgi.py``. Pages are Django's. Websockets
    below ``WEBSOCKET_URL`` pass the Origin check and get their session and user from Django's cookies.
    """
    return ProtocolTypeRouter(
        {
            "http": UpgradeRequired(django_asgi.get_asgi_application()),
            "websocket": OriginCheck(WebsocketUrls()),
        }
    )
