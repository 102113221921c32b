"""The application. A facility's first word, up to a dot, says which consumer and middleware a websocket gets.

``/state`` tells what there is in this process.
"""

from __future__ import annotations

import gc
import json
import os
from typing import Any
from urllib.parse import parse_qs

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.live.site.settings")
django.setup()

from autobahn.websocket.compress import PerMessageDeflateOfferAccept  # noqa: E402
from autobahn.websocket.protocol import WebSocketProtocol  # noqa: E402
from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.sessions import CookieMiddleware, InstanceSessionWrapper, SessionMiddleware  # noqa: E402

from tests.outbox_site.consumers import Commanded, ended  # noqa: E402
from ws4channels.consumers import FacilityConsumer  # noqa: E402
from ws4channels.counters import counts  # noqa: E402
from ws4channels.delivery.outbox import Outbox  # noqa: E402


class Wrapped:
    """Middleware of a site that has a ``send`` of its own."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one websocket."""

        async def send_on(event: dict[str, Any]) -> None:
            await send(event)

        send_on.__wrapped__ = send
        await self.inner(scope, receive, send_on)


class ShoutingSession(InstanceSessionWrapper):
    """A session wrapper that a site made its own, with a ``send`` that changes what is sent."""

    async def send(self, message: dict[str, Any]) -> None:
        """Send in capitals."""
        if "text" in message:
            message = {**message, "text": message["text"].upper()}
        await super().send(message)


class ShoutingSessionMiddleware(SessionMiddleware):
    """Channels' middleware with that wrapper."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one websocket."""
        wrapper = ShoutingSession(scope, send)
        await wrapper.resolve_session()
        await self.inner(wrapper.scope, receive, wrapper.send)


_facility, _commanded = FacilityConsumer.as_asgi(), Commanded.as_asgi()
_APPLICATIONS = {
    "commanded": _commanded,
    "forbidden-wrapped": Wrapped(_facility),
    "sessions": AuthMiddlewareStack(_facility),
    "shouting": CookieMiddleware(ShoutingSessionMiddleware(_facility)),
    "wrapped": Wrapped(_facility),
    "wrapped-commanded": Wrapped(_commanded),
}


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Serve one websocket or request."""
    if scope["type"] == "websocket":
        word = scope["path"].removeprefix("/ws/").partition(".")[0]
        await _APPLICATIONS.get(word, _facility)(scope, receive, send)
    elif scope["type"] == "http":
        await _answer(_PAGES[scope["path"]](parse_qs(scope["query_string"].decode()), send), send)


async def _answer(content: Any, send: Any) -> None:
    body = json.dumps(content).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


def _counts(query: dict[str, list[str]], send: Any) -> dict[str, int]:
    return counts


def _collector(query: dict[str, list[str]], send: Any) -> dict[str, int]:
    """Turn the garbage collector on or off; return how many consumers and outboxes there are."""
    if "is_on" in query:
        (gc.enable if query["is_on"] == ["1"] else gc.disable)()
    return {cls.__name__: len(found) for cls, found in _alive(FacilityConsumer, Outbox).items()}


def _state(query: dict[str, list[str]], send: Any) -> dict[str, Any]:
    gc.collect()
    facility = query.get("facility", [""])[0]
    alive = _alive(FacilityConsumer, Outbox)
    consumers = [each for each in alive[FacilityConsumer] if _facility_of(each) == facility and each._outbox]
    return {
        "all_outboxes": len(alive[Outbox]),
        "outboxes": [type(each._outbox).__name__ for each in consumers],
        "waiting": sum(len(each._outbox._queue) for each in consumers if each._outbox is not None),
        "closing": sum(each._outbox.is_closed for each in consumers if each._outbox is not None),
        "producers": _producers(send),
        "has_ended": facility in ended,
    }


def _alive(*classes: type) -> dict[type, list[Any]]:
    """Return what there is of each class. By type(): isinstance() would wake Django's lazy objects."""
    found = [each for each in gc.get_objects() if issubclass(type(each), classes)]
    return {cls: [each for each in found if issubclass(type(each), cls)] for cls in classes}


def _facility_of(consumer: FacilityConsumer) -> str | None:
    return None if consumer.agreement is None else consumer.agreement.facility


def _producers(send: Any) -> list[str]:
    """Return the classes of all producers that are registered with transports of Daphne's websockets."""
    if not hasattr(send, "func"):
        return []
    websockets = [each for each in send.func.__self__.connections if isinstance(each, WebSocketProtocol)]
    producers = [each.transport.producer for each in websockets if each.transport is not None]
    # TLS puts a membrane of Twisted's round it.
    return [type(getattr(each, "_producer", each)).__name__ for each in producers if each is not None]


def _accept_compression(query: dict[str, list[str]], send: Any) -> None:
    """Have Daphne accept the first offer of compression from now on, as it does not by itself."""
    server = send.func.__self__
    server.ws_factory.setProtocolOptions(
        perMessageCompressionAccept=lambda offers: PerMessageDeflateOfferAccept(offers[0]) if offers else None
    )


_PAGES = {"/collector": _collector, "/counts": _counts, "/state": _state, "/accept-compression": _accept_compression}
# What is there now stays: so `_alive`, which tests ask again and again, need not look at it.
gc.freeze()
