"""A site's whole ASGI application in one line: Django's pages and guarded websockets."""

from __future__ import annotations

import logging
from typing import Any

from channels.routing import ProtocolTypeRouter
from django.apps import apps
from django.core import asgi as django_asgi

from ws4channels.exceptions import ConfigurationError
from ws4channels.origins import OriginCheck
from ws4channels.processes.lifespan import lifespan
from ws4channels.routing import WebsocketUrls, WithEventStreams

__all__ = ["get_asgi_application"]


def get_asgi_application() -> Any:
    """Return the application for Daphne, uvicorn and other ASGI servers.

    Takes the place of ``django.core.asgi.get_asgi_application`` in a site's ``asgi.py``. Pages are Django's. Websockets
    and event streams below ``WEBSOCKET_URL`` pass the Origin check, and get session and user from Django's cookies.

    Raises ConfigurationError where the app is not installed: there would be no system checks, no ``js/ws4redis.js``,
    no groups in sessions, and signing out would close nothing.
    """
    pages = django_asgi.get_asgi_application()
    if not apps.is_installed("ws4channels"):
        raise ConfigurationError("INSTALLED_APPS has no 'ws4channels'; add it, and 'daphne' first, for runserver.")
    _enable_loggers()
    return ProtocolTypeRouter(
        {
            "http": WithEventStreams(pages),
            "websocket": OriginCheck(WebsocketUrls()),
            "lifespan": lifespan,
        }
    )


def _enable_loggers() -> None:
    """Undo what ``LOGGING`` does to loggers that exist already, unless it says ``disable_existing_loggers: False``.

    A site's asgi.py imports this module, and so all loggers of this package, before Django reads its settings.
    """
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("ws4channels.") and isinstance(logger, logging.Logger):
            logger.disabled = False
