"""The page Live: what passes on a key. Without JavaScript, what Redis has of it, as a page to reload."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, JsonResponse

from ws4channels import settings
from ws4channels.access.watching import KEY, WATCHING
from ws4channels.admin.answers import ask
from ws4channels.admin.forms import WatchingForm
from ws4channels.admin.pages import PagesAdmin
from ws4channels.context_processors import default
from ws4channels.shown import on_one_line
from ws4channels.tickets import create_ticket
from ws4channels.transports.history import newest_in_log
from ws4channels.transports.messages import Delivery
from ws4channels.transports.numbers import Record, extras_of, history_of

SHOWN = 50
"""How many messages are shown of those that there are already."""

_TICKET_SECONDS = 60


@dataclass(frozen=True)
class Shown:
    """One message as the page shows it."""

    text: str
    size: int
    at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> Shown:
        """Return what is shown of a message."""
        payload = delivery.payload
        text = payload if isinstance(payload, str) else on_one_line(bytes(payload))
        at = datetime.fromtimestamp(delivery.number / 1e6, timezone.utc) if delivery.number else None
        return cls(text, delivery.size, at)


def show_live(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the form, and what passes on the key that it names."""
    form = WatchingForm(request.GET) if "facility" in request.GET else WatchingForm()
    if not form.is_valid():
        return admin.render(request, "live", form=form)
    key = form.cleaned_data["key"]
    messages, failure = ask(_reading(key, SHOWN))
    shown = [Shown.of(each) for each in reversed(messages or [])]
    watched = {"key": form.about(), "uri": _uri(request, key), "ticket_url": admin.url_of("ticket"), "history": SHOWN}
    return admin.render(
        request,
        "live",
        form=form,
        failure=failure,
        passed=shown,
        watched=watched,
        heartbeat=settings.WS4REDIS_HEARTBEAT or "",
    )


def give_ticket(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return a ticket for one websocket or event stream on which the page watches."""
    user: Any = request.user
    ticket = create_ticket(
        user, facility=WATCHING, channels=[], seconds=_TICKET_SECONDS, once=True, session=request.session
    )
    return JsonResponse({"ticket": ticket})


def _uri(request: HttpRequest, key: str) -> str:
    return f"{default(request)['WEBSOCKET_URI']}{WATCHING}?{KEY}={quote(key, safe='')}"


def _reading(key: str, count: int) -> Callable[[Any], list[Delivery]]:
    def read(client: Any) -> list[Delivery]:
        """Return the newest messages that Redis has of a key, oldest first."""
        values = client.mget([key, extras_of(key).record])
        kept = Record.read(key, *values).kept
        log = [each for each in newest_in_log(client, key, count) if each.payload] if history_of(key) else []
        is_new = kept is not None and bool(kept.payload) and kept.number not in [each.number for each in log]
        return [*log, kept][-count:] if is_new and kept is not None else log

    return read
