"""``manage.py ws4channels_status``: whether messages get through, for people and for monitoring."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.management.terminal import FAILURE, add_audience_arguments, counted, errors_in_words, keys_of
from ws4channels.presence.reading import Present
from ws4channels.processes.records import Process
from ws4channels.shown import on_one_line
from ws4channels.status import DEFAULT_LIMIT, Status, look
from ws4channels.status.kept import Kept
from ws4channels.status.listening import Listening
from ws4channels.status.server import Latency


class Command(BaseCommand):
    """Prints a status; its own status is 0 if all is fine, 1 with warnings and 2 with failures."""

    help = (
        "Show whether Redis answers and messages get through, which processes listen, and what is kept. "
        "Ends with status 0 if all is fine, 1 with warnings, 2 with failures."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "facilities", nargs="*", metavar="facility", help="Show how many processes listen to this as well."
        )
        parser.add_argument("--keys", action="store_true", help="List the kept keys, with how long and how large.")
        parser.add_argument(
            "--limit", type=int, default=DEFAULT_LIMIT, metavar="N", help="Look at no more keys. Default: %(default)s."
        )
        parser.add_argument("--json", action="store_true", help="Print everything as one JSON object.")
        add_audience_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the status."""
        if options["limit"] < 1:
            raise CommandError("--limit must be 1 or more.", returncode=FAILURE)
        with errors_in_words():
            keys = [key for facility in options["facilities"] for key in keys_of(facility, options)]
            status = look(keys, details=options["keys"], limit=options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps(status.as_dict(), indent=2))
        else:
            for line in _lines(status, keys):
                self.stdout.write(line)
            self._write_verdict(status)
        if status.exit_status:
            sys.exit(status.exit_status)

    def _write_verdict(self, status: Status) -> None:
        for title, texts, style in (
            ("Warnings", status.warnings, self.style.WARNING),
            ("Failures", status.failures, self.style.ERROR),
        ):
            for line in _section(title, texts):
                self.stdout.write(style(line))
        if not status.exit_status:
            self.stdout.write("")
            self.stdout.write(self.style.SUCCESS("All is well."))


def _lines(status: Status, asked: list[str]) -> Iterator[str]:
    yield f"ws4channels {status.version}, transport {status.transport or 'unknown'}"
    server = status.server
    if server is not None:
        up = timedelta(seconds=server.uptime)
        clients = counted(server.clients, "client")
        yield f"Redis       {server.address}, version {server.version}, up {up}, {clients}"
        yield f"Latency     a PING takes {_milliseconds(server.latency)}"
    if status.round_trip is not None:
        yield f"Round trip  a message takes {_milliseconds(status.round_trip)}"
    if status.listening is not None:
        yield f"Listening   {_summary(status.listening)}"
    if status.here is not None:
        yield f"Here        {_here(status.here)}"
    if status.kept is not None:
        more = "" if status.is_complete else ", and more: see --limit"
        yield f"Kept        {counted(status.kept, 'message')}{more}"
    yield from _process_lines(status.processes)
    yield from _listening_lines(status.listening, asked)
    yield from _kept_lines(status)


def _milliseconds(latency: Latency) -> str:
    return f"{latency.median:.2f} ms (median of {latency.times}; fastest {latency.least:.2f} ms)"


def _here(present: Present) -> str:
    anonymous = f", {present.anonymous} anonymous" if present.anonymous else ""
    names = f": {', '.join(on_one_line(each.user) for each in present)}" if present else ""
    return f"{counted(len(present), 'user')}{anonymous}{names}"


def _summary(listening: Listening) -> str:
    if not listening.is_known:
        return "unknown: this layer does not tell who listens"
    named = counted(len(listening.keys), "key")
    keys = f"{named} listed below" if listening.keys else "no key that is kept or asked for"
    words = [f"to {keys}"]
    if listening.processes is not None:
        words.insert(0, counted(listening.processes, "process"))
    if listening.unnamed:
        words.append(f"and to {counted(listening.unnamed, 'other')}")
    return ", ".join(words)


def _process_lines(processes: list[Process]) -> Iterator[str]:
    rows = [
        f"{each.sockets:>9}  {each.rate:>12.1f}  {each.waiting:>7}  {each.pid:>7}  {on_one_line(each.server):<8} "
        f"{on_one_line(each.host)}"
        for each in processes
    ]
    yield from _section("  Sockets  Deliveries/s  Waiting  Process  Server   Host", rows)


def _listening_lines(listening: Listening | None, asked: list[str]) -> Iterator[str]:
    if listening is None or not listening.is_known:
        return
    nobody = [key for key in asked if key not in listening.keys]
    rows = [*sorted(listening.keys.items()), *((key, 0) for key in nobody)]
    yield from _section("Processes  Key", [f"{count:>9}  {on_one_line(key)}" for key, count in rows])


def _kept_lines(status: Status) -> Iterator[str]:
    rows = [
        f"{'for ever' if each.seconds is None else each.seconds:>9}  "
        f"{'?' if each.size is None else each.size:>9}  {on_one_line(each.key)}{_log_of(each)}"
        for each in status.kept_keys
    ]
    yield from _section("  Seconds      Bytes  Kept", rows)


def _log_of(kept: Kept) -> str:
    return f" (log: {counted(kept.logged, 'message')}, {counted(kept.logged_size, 'byte')})" if kept.logged else ""


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from lines
