"""What we know of servers beyond ASGI: how to hand one frame to many sockets, and when a client stops reading.

ASGI's ``send`` has Daphne build and check the same frame once per socket, and never says that a client does not read.
So, where the ``send`` given to a consumer is recognised as Daphne's or uvicorn's own, its outbox builds each message's
frame once (RFC 6455, 5.2) and writes it to every socket, and follows the transport's flow control. This is the fast
path, and this package is its one home. Everything else, and everything that looks unfamiliar, keeps the plain outbox;
``WS4CHANNELS_DIRECT_WRITES = False`` makes that the rule, also for ``inlet``, which bounds what a client sends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from channels.sessions import InstanceSessionWrapper

from ws4channels import settings
from ws4channels.delivery.outbox import Outbox, Send
from ws4channels.delivery.servers.daphne import DaphneInlet, DaphneOutbox, daphne_protocol
from ws4channels.delivery.servers.direct import DirectOutbox, build_frame
from ws4channels.delivery.servers.inlet import Inlet
from ws4channels.delivery.servers.uvicorn import UvicornInlet, UvicornOutbox, aborting, takes_frames, uvicorn_protocol

__all__ = [
    "DaphneOutbox",
    "DirectOutbox",
    "Inlet",
    "UvicornOutbox",
    "build_frame",
    "make_inlet",
    "make_outbox",
    "with_whole_path",
]


def make_outbox(send: Send, **kwargs: Any) -> Outbox:
    """Return the best outbox for a websocket whose server gave `send`; `kwargs` are Outbox's."""
    if settings.WS4CHANNELS_DIRECT_WRITES:
        server_send = without_sessions(send)
        protocol = daphne_protocol(server_send)
        if protocol is not None:
            return DaphneOutbox(send, protocol, **kwargs)
        protocol = uvicorn_protocol(server_send)
        if protocol is not None and takes_frames(protocol):
            return UvicornOutbox(send, protocol, **kwargs)
        outbox = Outbox(send, **kwargs)
        outbox.abort = aborting(protocol) if protocol is not None else None
        return outbox
    return Outbox(send, **kwargs)


def make_inlet(send: Send, allows: Callable[[], bool], on_flood: Callable[[], None]) -> Inlet | None:
    """Return what bounds a websocket's incoming frames, if its server gave `send`; the arguments are Inlet's."""
    if settings.WS4CHANNELS_DIRECT_WRITES:
        server_send = without_sessions(send)
        inlets: list[tuple[type[Inlet], Any]] = [
            (DaphneInlet, daphne_protocol(server_send)),
            (UvicornInlet, uvicorn_protocol(server_send)),
        ]
        for inlet, protocol in inlets:
            if protocol is not None and all(hasattr(protocol, name) for name in inlet.ATTRIBUTES):
                return inlet(protocol, allows, on_flood)
    return None


def with_whole_path(scope: Any, send: Send) -> Any:
    """Return a websocket's scope with its path as the client wrote it.

    autobahn, in Daphne, cuts the last segment at a semicolon, which may belong to a facility.
    """
    protocol = daphne_protocol(without_sessions(send))
    if protocol is None:
        return scope
    path = unquote(protocol.http_request_uri.partition("?")[0])
    return {**scope, "path": path} if path.startswith(f"{scope['path']};") else scope


def without_sessions(send: Any) -> Any:
    """Return the ``send`` under Channels' session middleware, which passes a websocket's events on unchanged."""
    # Not one that a subclass has put in its place.
    while getattr(send, "__func__", None) is InstanceSessionWrapper.send:
        send = send.__self__.real_send
    return send
