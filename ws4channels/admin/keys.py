"""The page Keys: who listens to what, and what is kept of it; found without searching Redis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from ws4channels.access.presence import has_presence
from ws4channels.admin.answers import ask
from ws4channels.admin.forms import KeysForm
from ws4channels.admin.pages import ACT, CONTENTS, PagesAdmin
from ws4channels.admin.processes import facilities_of
from ws4channels.admin.shown_keys import SESSION, audience_in, shown_key
from ws4channels.presence.reading import Present, read_present
from ws4channels.processes.asking import read_processes
from ws4channels.processes.records import Process
from ws4channels.shown import on_one_line
from ws4channels.status.keys import FoundKey, FoundKeys, find_keys

MOST_KEYS = 100
_MOST_FACILITIES = 50
_MOST_WITH_USERS = 20
_MOST_USERS = 10
_SECONDS = 0.8
"""How long processes may take to answer."""


@dataclass(frozen=True)
class Row:
    """One key as the page shows it."""

    key: str
    found: FoundKey
    users: str | None
    """Who is present; None where no presence is recorded."""
    live_url: str
    """Empty where the visitor may not see contents; likewise `publish_url`."""
    publish_url: str


def show_keys(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the form, and the keys that it asks for; without a question those with most sockets.

    The form is posted, because the key of a session must not stand in addresses.
    """
    data = request.POST if request.method == "POST" else request.GET
    form = KeysForm(data) if data else KeysForm()
    if data and not form.is_valid():
        return admin.render(request, "keys", form=form)
    asked = form.cleaned_data["arguments"] if data else {}
    answer, failure = ask(_looking_up(asked))
    if answer is None:
        return admin.render(request, "keys", form=form, failure=failure)
    found, processes, present = answer
    rows = [_row(admin, request, each, present.get(each.key)) for each in found.keys]
    return admin.render(
        request,
        "keys",
        form=form,
        rows=rows,
        most=MOST_KEYS if len(rows) == MOST_KEYS else None,
        silent=len(found.silent),
        facilities=[] if asked else _facilities(admin, processes),
    )


Answer = tuple[FoundKeys, list[Process], dict[str, Present]]


def _looking_up(asked: dict[str, Any]) -> Callable[[Any], Answer]:
    def look_up(client: Any) -> Answer:
        found = find_keys(client, **asked, limit=MOST_KEYS, seconds=_SECONDS)
        recorded = [each.key for each in found.keys if has_presence(each.facility)][:_MOST_WITH_USERS]
        return found, read_processes(client), {key: read_present(client, [key]) for key in recorded}

    return look_up


def _facilities(admin: PagesAdmin, processes: list[Process]) -> list[tuple[str, int, str]]:
    found = facilities_of(processes)[:_MOST_FACILITIES]
    return [(on_one_line(facility), sockets, admin.url_of("keys", facility=facility)) for facility, sockets in found]


def _row(admin: PagesAdmin, request: HttpRequest, found: FoundKey, present: Present | None) -> Row:
    audience, name = audience_in(found.key)
    target = {"facility": found.facility, "audience": audience, "name": name}
    is_secret = audience == SESSION
    return Row(
        shown_key(found.key),
        found,
        None if present is None else users_shown(present),
        "" if is_secret or not admin.may(request, CONTENTS) else admin.url_of("live", **target),
        "" if is_secret or not admin.may(request, ACT) else admin.url_of("publish", **target),
    )


def users_shown(present: Present) -> str:
    """Return who is present, the first by name and the others by number."""
    shown = [on_one_line(each.user) for each in present[:_MOST_USERS]]
    more = len(present) - len(shown)
    if more:
        shown.append(_("%d more") % more)
    if present.anonymous:
        shown.append(_("%d anonymous") % present.anonymous)
    return ", ".join(shown)
