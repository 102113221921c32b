"""``manage.py ws4channels_explain URL``: why a client receives what it receives, or nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.explain import Explanation, Key, Publishing, explain, explain_publishing
from ws4channels.management.terminal import FAILURE, counted, errors_in_words
from ws4channels.shown import on_one_line

_AUDIENCES = ("users", "groups", "sessions")


class Command(BaseCommand):
    """Explains one handshake, and one publisher; its status is 0 if the client gets what it asks for, else 1."""

    help = (
        "Show step by step what the handshake of a websocket would come to, and who listens to its keys. Nothing is "
        "joined or published. The site's middleware and hooks run as for a client, with their side effects. "
        "Ends with status 0 if the client gets all that it asks for and receives what is published, else with 1."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("url", help="Such as '/ws/news?subscribe-user&echo', or with ws://host before it.")
        parser.add_argument("--user", metavar="NAME", help="Who is signed in. Default: nobody.")
        parser.add_argument("--session", metavar="KEY", help="The key of the session, as in the browser's cookie.")
        parser.add_argument("--origin", metavar="URL", help="The origin of the page, such as https://example.com.")
        parser.add_argument("--host", help="The header Host. Default: that of the URL, or the site's first.")
        parser.add_argument(
            "--publish",
            nargs="+",
            metavar="NAME=VALUE",
            help="Arguments of RedisPublisher: facility=news broadcast users=john users=mary groups=… sessions=…",
        )
        parser.add_argument("--json", action="store_true", help="Print everything as one JSON object.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the steps, the keys, and what a publisher reaches."""
        arguments = None if options["publish"] is None else _publisher_arguments(options["publish"])
        with errors_in_words():
            asked = {name: options[name] for name in ("user", "session", "origin", "host")}
            explanation = explain(options["url"], **asked)
            publishing = None if arguments is None else explain_publishing(explanation=explanation, **arguments)
        if options["json"]:
            publishes = None if publishing is None else publishing.as_dict()
            self.stdout.write(json.dumps({**explanation.as_dict(), "publishing": publishes}, indent=2))
        else:
            self._write(explanation, publishing)
        if not explanation.is_accepted or explanation.dropped or (publishing is not None and publishing.gap):
            sys.exit(1)

    def _write(self, explanation: Explanation, publishing: Publishing | None) -> None:
        styles = {"refused": self.style.ERROR, "dropped": self.style.WARNING, "unknown": self.style.WARNING}
        width = max(len(step.name) for step in explanation.steps)
        for step in explanation.steps:
            line = f"{step.verdict:<8} {step.name:<{width}}  {step.text}"
            self.stdout.write(styles.get(step.verdict, str)(line))
        is_kept_known = not any(step.name == "redis" for step in explanation.steps)
        for line in _key_lines(explanation.keys, is_kept_known):
            self.stdout.write(line)
        for line in () if publishing is None else _publishing_lines(publishing):
            self.stdout.write(line)
        self.stdout.write("")
        if not explanation.is_accepted:
            self.stdout.write(self.style.ERROR("The client is not let in."))
        elif publishing is not None and publishing.gap:
            self.stdout.write(self.style.ERROR(publishing.gap))
        elif publishing is not None:
            self.stdout.write(self.style.SUCCESS("The client is let in, and receives what is published."))
        else:
            self.stdout.write(self.style.SUCCESS("The client is let in."))


def _publisher_arguments(words: list[str]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"facility": None}
    for word in words:
        name, equals, value = word.partition("=")
        if name == "facility" and equals:
            arguments["facility"] = value
        elif name == "broadcast" and value in ("", "True", "true", "1"):
            arguments["broadcast"] = True
        elif name in _AUDIENCES and equals and value:
            arguments.setdefault(name, []).append(value)
        else:
            raise CommandError(
                f"--publish has {word!r}; valid are facility=NAME, broadcast, users=NAME, groups=NAME and "
                "sessions=KEY, of which the last three may be given several times.",
                returncode=FAILURE,
            )
    return arguments


def _key_lines(keys: list[Key], is_kept_known: bool) -> Iterator[str]:
    for key in keys:
        verbs = " and ".join(verb for verb, is_so in (("reads", key.subscribes), ("writes", key.publishes)) if is_so)
        yield ""
        yield f"{on_one_line(key.key)}, which the client {verbs}"
        yield f"  {_listening(key.processes)}"
        for process, count in (key.sockets or {}).items():
            yield f"  {counted(count, 'websocket')} in {on_one_line(process)}"
        yield f"  {_kept(key) if is_kept_known else 'what is kept is unknown'}"
        if key.history_messages:
            sizes = f"{counted(key.history_messages, 'message')}, {counted(key.history_bytes, 'byte')}"
            yield f"  history: {sizes}"


def _listening(processes: int | None) -> str:
    return "who listens is unknown" if processes is None else f"{counted(processes, 'process')} listening now"


def _kept(key: Key) -> str:
    if key.kept_bytes is None:
        return "nothing is kept"
    age = "" if key.kept_age is None else f", {key.kept_age:g} s old"
    end = "for ever" if key.kept_seconds is None else f"for {key.kept_seconds} s more"
    return f"kept: {counted(key.kept_bytes, 'byte')}{age}, {end}"


def _publishing_lines(publishing: Publishing) -> Iterator[str]:
    yield ""
    for key, processes in publishing.keys.items():
        yield f"Published to {on_one_line(key)}: {_listening(processes)}"
    yield from publishing.notes
