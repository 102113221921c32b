"""The page Processes: what each server process tells of itself, and the last ten minutes of all together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse

from ws4channels.admin.answers import ask
from ws4channels.admin.pages import PagesAdmin
from ws4channels.admin.picture import curve_of, rates_of, sockets_of
from ws4channels.processes.asking import read_processes
from ws4channels.processes.records import Process


def show_processes(admin: PagesAdmin, request: HttpRequest) -> HttpResponse:
    """Return the page."""
    processes, failure = ask(read_processes)
    return admin.render(
        request,
        "processes",
        failure=failure,
        processes=processes,
        rates=curve_of(rates_of(processes or [])),
        sockets=curve_of(sockets_of(processes or [])),
    )


def facilities_of(processes: Iterable[Process]) -> list[tuple[str, int]]:
    """Return the facilities with most sockets in all processes together, as far as these name them."""
    totals: Counter[str] = Counter()
    for process in processes:
        totals.update(dict(process.facilities))
    return sorted(totals.items(), key=lambda each: (-each[1], each[0]))
