"""The request of a websocket's handshake: the scope as Django code knows requests, and what its URL asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from django.conf import settings as django_settings
from django.core.handlers.asgi import ASGIRequest

from ws4channels import settings

TICKET_SUBPROTOCOL = "ticket."
"""What precedes a ticket that a client presents as a subprotocol."""

_UNQUOTED = re.compile(rb"[\x80-\xff]")
_WORDS = {"binary", "echo", "presence", "resume"}
_COUNT = re.compile(r"[0-9]{1,9}")
_SCHEMES = {"ws": "http", "wss": "https"}


def build_request(scope: Mapping[str, Any]) -> ASGIRequest:
    """Return the Django request of a websocket's handshake, without a session or user."""
    scheme = scope.get("scheme", "ws")
    # Django fails for bytes that are not UTF-8; browsers quote them, and quoted they are read as U+FFFD.
    query = _UNQUOTED.sub(lambda match: b"%%%02X" % match[0][0], scope.get("query_string", b""))
    changes = {"method": "GET", "scheme": _SCHEMES.get(scheme, scheme), "query_string": query}
    request = ASGIRequest({**scope, **changes}, BytesIO())
    request.path_info = request.META["PATH_INFO"] = path_below_script_name(scope)
    return request


def path_below_script_name(scope: Mapping[str, Any]) -> str:
    """Return the path without the script name, which is ``FORCE_SCRIPT_NAME`` or the scope's ``root_path``.

    A proxy passes the path on with the script name or without it, and uvicorn puts its ``--root-path`` in front in
    either case. So the name may be there once, not at all or twice; what begins with ``WEBSOCKET_URL`` is right.
    """
    path: str = scope["path"]
    script_name = (django_settings.FORCE_SCRIPT_NAME or scope.get("root_path") or "").rstrip("/")
    once = _without(script_name, path)
    candidates = (once, path, _without(script_name, once))
    return next((each for each in candidates if each.startswith(settings.WEBSOCKET_URL)), once)


def _without(script_name: str, path: str) -> str:
    return path.removeprefix(script_name) if path.startswith(f"{script_name}/") else path


def with_actual_root_path(scope: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the scope with the ``root_path`` that its path begins with.

    Channels' URLRouter knows no route for a path that does not begin with ``root_path``, which is what Daphne gives
    it behind a proxy that removes the script name.
    """
    root_path = scope["path"].removesuffix(path_below_script_name(scope))
    return scope if root_path == scope.get("root_path", "") else {**scope, "root_path": root_path}


def asked_channels(request: Any, possible: Iterable[str]) -> tuple[list[str], set[str]]:
    """Return the channels named in the URL's query, each once and in order, and which of the other words it has.

    ``?subscribe-broadcast`` and ``?subscribe=broadcast`` mean the same; unknown names are ignored.
    """
    possible = set(possible)
    names: dict[str, None] = {}
    for parameter, values in request.GET.lists():
        name = parameter.strip().lower()
        names.update(dict.fromkeys([name, *(f"{name}-{value.strip().lower()}" for value in values)]))
    return [name for name in names if name in possible], _WORDS.intersection(names)


def wants_heartbeats(request: Any) -> bool:
    """Tell whether the URL's query does not say ``heartbeat=0``."""
    return "0" not in _said_of_heartbeats(request)


def wants_heartbeat_events(request: Any) -> bool:
    """Tell whether the URL's query says ``heartbeat=event``: scripts in browsers do not see comments."""
    return "event" in _said_of_heartbeats(request)


def _said_of_heartbeats(request: Any) -> set[str]:
    lists = request.GET.lists()
    return {value.strip() for name, values in lists if name.strip().lower() == "heartbeat" for value in values}


def asked_start(request: Any) -> tuple[int, str | None]:
    """Return how many messages ``history=N`` asks for, and the positions of ``resume``; None where that is not said.

    What is no number asks for nothing, as unknown words do. An event stream's client that comes back by itself repeats
    its URL, so its header ``Last-Event-ID`` goes before ``resume``.
    """
    history, positions = 0, None
    for parameter, values in request.GET.lists():
        name = parameter.strip().lower()
        if name == "history":
            history = max((int(value) for value in values if _COUNT.fullmatch(value)), default=0)
        elif name == "resume":
            positions = ",".join(filter(None, values))
    if is_event_stream(request.scope):
        positions = request.META.get("HTTP_LAST_EVENT_ID") or positions
    return history, positions


def is_event_stream(scope: Mapping[str, Any]) -> bool:
    """Tell whether a handshake is that of an event stream, not of a websocket."""
    return bool(scope["type"] == "http")


def offered_subprotocols(scope: Mapping[str, Any]) -> list[str]:
    """Return the subprotocols that a client offers, in its order."""
    # uvicorn before 0.43 passes several as one.
    names = ",".join(scope.get("subprotocols") or ()).split(",")
    return [name.strip() for name in names if name.strip()]


def chosen_subprotocol(scope: Mapping[str, Any]) -> str | None:
    """Return the first subprotocol that is no ticket; a ticket where there is no other: browsers insist on one."""
    offered = offered_subprotocols(scope)
    others = (name for name in offered if not name.startswith(TICKET_SUBPROTOCOL))
    return next(others, next(iter(offered), None))
