"""The page Health: what ``manage.py ws4channels_status`` shows, failures first, each with where to read more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ws4channels.admin.pages import FIRST, PagesAdmin
from ws4channels.admin.patience import SECONDS, Latest, NoAnswer
from ws4channels.shown import on_one_line
from ws4channels.status import Status, look
from ws4channels.status.listening import Listening
from ws4channels.status.server import Latency

DOCUMENTATION = "https://github.com/ws4channels/ws4channels/blob/main/docs/"

_PATTERNS = (
    (re.compile(r"(ws4channels\.[EW]\d+):"), "checks.md", ""),
    (re.compile(r"Messages do not come through"), "debugging.md", "connected, nothing arrives"),
    (re.compile(r"Redis at .+ fails:"), "debugging.md", "Redis does not answer"),
    (re.compile(r"Redis at .+: "), "monitoring.md", "settings of Redis that can lose messages"),
)
"""Of a line of the status, the page that has more, and the words there; empty: the check's id."""


class Line(NamedTuple):
    """One thing that is wrong, and where to read about it."""

    text: str
    url: str
    is_failure: bool


def show_health(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the page; says so where Redis, or a layer, does not answer in time."""
    try:
        status = _latest.get(SECONDS)
    except NoAnswer as error:
        return admin.render(request, FIRST, "health", lines=[_late_line(error)], facts=[], is_complete=False)
    lines = [*lines_of(status.failures, True), *lines_of(status.warnings, False)]
    return admin.render(request, FIRST, "health", lines=lines, facts=list(_facts(status)), is_complete=True)


_latest = Latest(look)


def _late_line(error: NoAnswer) -> Line:
    text = _("Redis or the channel layer does not answer (%(error)s). Reload to see what has been found meanwhile.")
    return Line(text % {"error": error}, _url("debugging.md", "Redis does not answer"), True)


def lines_of(texts: list[str], is_failure: bool) -> Iterator[Line]:
    """Yield failures or warnings of a status with the address of what the documentation says of each."""
    for text in texts:
        yield Line(on_one_line(text), _url_about(text), is_failure)


def _url_about(text: str) -> str:
    for pattern, page, words in _PATTERNS:
        match = pattern.match(text)
        if match:
            return _url(page, words or match[1])
    return _url("debugging.md", "Symptoms")


def _url(page: str, words: str) -> str:
    # A text fragment: browsers scroll to the words, in a table's row as well.
    return f"{DOCUMENTATION}{page}#:~:text={quote(words, safe='')}"


def _facts(status: Status) -> Iterator[tuple[str, Any]]:
    yield _("Version"), status.version
    yield _("Transport"), status.transport or _("unknown")
    server = status.server
    if server is not None:
        yield _("Redis"), f"{server.address}, {server.version}"
        yield _("Redis runs for"), timedelta(seconds=server.uptime)
        yield _("Connections to Redis"), server.clients
        yield _("A PING takes"), _milliseconds(server.latency)
    if status.round_trip is not None:
        yield _("A message takes"), _milliseconds(status.round_trip)
    if status.listening is not None:
        yield _("Listening"), _listening(status.listening)
    if status.kept is not None:
        yield _("Kept messages"), status.kept if status.is_complete else _("more than %d") % status.kept


def _milliseconds(latency: Latency) -> str:
    return _("%(median).2f ms (fastest %(least).2f ms)") % {"median": latency.median, "least": latency.least}


def _listening(listening: Listening) -> str:
    if not listening.is_known or listening.processes is None:
        return _("unknown: this layer does not tell who listens")
    keys = len(listening.keys) + (listening.unnamed or 0)
    processes = ngettext("%d process", "%d processes", listening.processes) % listening.processes
    return ", ".join([processes, ngettext("%d key", "%d keys", keys) % keys])
