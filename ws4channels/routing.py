"""The routes of websockets and event streams, and their guard, for those who compose their own router.

>>> ProtocolTypeRouter({
...     "http": UpgradeRequired(get_asgi_application()),
...     "websocket": OriginCheck(URLRouter(websocket_urlpatterns)),
... })

With event streams, ``"http"`` is ``URLRouter([*event_stream_urlpatterns, re_path("", get_asgi_application())])``.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from django.conf import settings as django_settings
from django.urls import re_path

from ws4channels import settings
from ws4channels.access.answers import UPGRADE_NEEDED, answer
from ws4channels.access.observers import observer_of
from ws4channels.access.requests import path_below_script_name
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts
from ws4channels.shown import on_one_line
from ws4channels.streams import EventStreams

__all__ = ["UpgradeRequired", "event_stream_urlpatterns", "websocket_urlpatterns"]

logger = logging.getLogger(__name__)


def get_websocket_urlpatterns() -> list[Any]:
    """Return the pattern for ``WEBSOCKET_URL`` and everything below it, for Channels' URLRouter."""
    return [re_path(_pattern(), FacilityConsumer.as_asgi())]


def get_event_stream_urlpatterns() -> list[Any]:
    """Return the pattern for plain HTTP requests to ``WEBSOCKET_URL`` and everything below it."""
    streams: Any = EventStreams()
    return [re_path(_pattern(), streams)]


def _pattern() -> str:
    # URLRouter removes the leading slash, and ``root_path``, but knows nothing of FORCE_SCRIPT_NAME.
    script_name = (django_settings.FORCE_SCRIPT_NAME or "").strip("/")
    below = f"(?:{re.escape(script_name)}/)?" if script_name else ""
    # A facility may hold anything, line breaks included.
    return rf"^{below}{re.escape(settings.WEBSOCKET_URL.lstrip('/'))}(?s:.*)$"


websocket_urlpatterns: list[Any]
"""What `get_websocket_urlpatterns` returns."""
event_stream_urlpatterns: list[Any]
"""What `get_event_stream_urlpatterns` returns."""


def __getattr__(name: str) -> Any:
    # Not at import: a site's asgi.py names its settings after its imports.
    if name == "websocket_urlpatterns":
        return get_websocket_urlpatterns()
    if name == "event_stream_urlpatterns":
        return get_event_stream_urlpatterns()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class WebsocketUrls:
    """ASGI application that serves websockets below ``WEBSOCKET_URL`` and refuses others with a log line."""

    def __init__(self) -> None:
        self._facility = FacilityConsumer.as_asgi()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one websocket."""
        if path_below_script_name(scope).startswith(settings.WEBSOCKET_URL):
            await self._facility(scope, receive, send)
            return
        path = on_one_line(scope["path"])
        observer = observer_of(scope)
        if observer is not None:
            observer.tell("router", "refused", f"{path} does not begin with WEBSOCKET_URL, {settings.WEBSOCKET_URL!r}")
        else:
            counts["refused"] += 1
            logger.warning("Refused a websocket to %s: WEBSOCKET_URL is %r.", path, settings.WEBSOCKET_URL)
        await receive()
        await send({"type": "websocket.close"})


class UpgradeRequired:
    """ASGI middleware that answers plain HTTP requests below ``WEBSOCKET_URL`` with status 400."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or pass the request on."""
        if path_below_script_name(scope).startswith(settings.WEBSOCKET_URL):
            await answer(send, 400, UPGRADE_NEEDED)
        else:
            await self.application(scope, receive, send)


class WithEventStreams:
    """ASGI middleware that serves event streams below ``WEBSOCKET_URL``."""

    def __init__(self, application: Any) -> None:
        self.application = application
        self._streams = EventStreams()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a stream, or pass the request on."""
        is_ours = path_below_script_name(scope).startswith(settings.WEBSOCKET_URL)
        await (self._streams if is_ours else self.application)(scope, receive, send)
