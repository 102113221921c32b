"""``manage.py ws4channels_status``: how messages fare, for people and for monitoring."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.management.terminal import FAILURE, add_audience_arguments, errors_in_words, keys_of
from ws4channels.shown import on_one_line
from ws4channels.status import DEFAULT_LIMIT, Status, look
from ws4channels.status.listening import Listening
from ws4channels.status.server import Latency


class Command(BaseCommand):
    """Prints a status; its own status is 0 if all is fine, 1 with warnings and 2 with failures."""

    help = (
        "Show how Redis and the channel layer fare, who listens to what, and what is kept. "
        "Ends with status 0 if all is fine, 1 with warnings, 2 with failures."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("facilities", nargs="*", metavar="facility", help="Tell who listens to this as well.")
        parser.add_argument("--keys", action="store_true", help="List the kept keys, with how long and how large.")
        parser.add_argument(
            "--limit", type=int, default=DEFAULT_LIMIT, metavar="N", help="Look at no more keys. Default: %(default)s."
        )
        parser.add_argument("--json", action="store_true", help="Print everything as one JSON object.")
        add_audience_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Look, and print."""
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
        if status.exit_status:
            sys.exit(status.exit_status)


def _lines(status: Status, asked: list[str]) -> Iterator[str]:
    yield f"ws4channels {status.version}, transport {status.transport or 'unknown'}"
    server = status.server
    if server is not None:
        up = timedelta(seconds=server.uptime)
        yield f"Redis       {server.address}, version {server.version}, up {up}, {server.clients} clients"
        yield f"Latency     {_milliseconds(server.latency)} PINGs"
    if status.round_trip is not None:
        yield f"Round trip  {_milliseconds(status.round_trip)} probes, sent and received as messages are"
    if status.listening is not None:
        yield f"Listening   {_summary(status.listening)}"
    if status.kept is not None:
        yield f"Kept        messages: {status.kept}{'' if status.is_complete else ', and more: see --limit'}"
    yield from _listening_lines(status.listening, asked)
    yield from _kept_lines(status)
    yield from _section("Warnings", status.warnings)
    yield from _section("Failures", status.failures)


def _milliseconds(latency: Latency) -> str:
    return f"{latency.median:.2f} ms median, {latency.least:.2f} ms least, of {latency.times}"


def _summary(listening: Listening) -> str:
    if not listening.is_known:
        return "unknown: this layer does not tell who listens"
    words = [f"keys known here: {len(listening.keys)}"]
    if listening.processes is not None:
        words.insert(0, f"server processes: {listening.processes}")
    if listening.unnamed:
        words.append(f"other keys: {listening.unnamed}")
    return ", ".join(words)


def _listening_lines(listening: Listening | None, asked: list[str]) -> Iterator[str]:
    if listening is None or not listening.is_known:
        return
    nobody = [key for key in asked if key not in listening.keys]
    rows = [*sorted(listening.keys.items()), *((key, 0) for key in nobody)]
    yield from _section("Processes that listen", [f"{count:>9}  {on_one_line(key)}" for key, count in rows])


def _kept_lines(status: Status) -> Iterator[str]:
    rows = [
        f"{'for ever' if each.seconds is None else each.seconds:>9}  "
        f"{'?' if each.size is None else each.size:>9}  {on_one_line(each.key)}"
        for each in status.kept_keys
    ]
    yield from _section("  Seconds      Bytes  Kept", rows)


def _section(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield ""
        yield title
        yield from lines
