"""``manage.py ws4channels_listen FACILITY``: print what websockets of a facility receive."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import sys
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.delivery.hub import get_hub
from ws4channels.management.terminal import FAILURE, add_audience_arguments, errors_in_words, keys_of
from ws4channels.shown import on_one_line
from ws4channels.transports.channel_layer import InMemoryTransport
from ws4channels.transports.configured import get_transport
from ws4channels.transports.messages import Delivery, without_repeats


class Command(BaseCommand):
    """Prints messages as they come, each on one line, until it is interrupted."""

    help = "Print what is published to a facility, as websockets receive it: the kept message first. Ctrl-C ends it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("facility", help="What the messages are about; what follows WEBSOCKET_URL in the URL.")
        parser.add_argument("--no-kept", action="store_true", help="Leave out what was kept before.")
        parser.add_argument("--count", type=int, metavar="N", help="End after N messages.")
        parser.add_argument(
            "--timeout",
            type=float,
            metavar="SECONDS",
            help="End after so long; with --count, with status 1 if fewer messages came.",
        )
        parser.add_argument("--json", action="store_true", help="Print each message as a JSON object.")
        add_audience_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Print messages until the command is ended."""
        if options["count"] is not None and options["count"] < 1:
            raise CommandError("--count must be 1 or more.", returncode=FAILURE)
        with errors_in_words():
            keys = keys_of(options["facility"], options)
            if isinstance(get_transport(), InMemoryTransport):
                raise CommandError(
                    "The in-memory layer carries messages within one process: this process would receive nothing.",
                    returncode=FAILURE,
                )
            # Cancelled: Ctrl-C or `kill`, which are how this command ends.
            with suppress(asyncio.CancelledError):
                asyncio.run(self._listen(keys, options))

    async def _listen(self, keys: tuple[str, ...], options: dict[str, Any]) -> None:
        _cancel_on_signals()
        hub, listener = get_hub(get_transport()), Listener()
        try:
            welcome = await hub.join(listener, keys)
            # As it is: Django shows what is written to stderr in red.
            self.stderr.write(f"Listening to {', '.join(map(on_one_line, keys))}. Ctrl-C ends it.", style_func=str)
            self.stderr.flush()
            listener.open([] if options["no_kept"] else welcome.deliveries, welcome.seen)
            if options["timeout"] is not None:
                asyncio.get_running_loop().call_later(options["timeout"], listener.close)
            await self._print(listener, options)
        finally:
            await hub.leave(listener, keys)
            await hub.aclose()

    async def _print(self, listener: Listener, options: dict[str, Any]) -> None:
        show = _as_json if options["json"] else _as_text
        wanted, printed = options["count"], 0
        while printed != wanted:
            next_one = await listener.next()
            if next_one is None:
                if wanted is not None:
                    raise CommandError(f"{printed} of {wanted} messages came within {options['timeout']:g} s.")
                return
            try:
                self.stdout.write(show(*next_one))
                self.stdout.flush()
            except BrokenPipeError:
                # The reader, such as `head`, has ended. Without this Python would report it again at its exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return
            printed += 1


class Listener:
    """A subscriber of the hub that returns one message at a time. Holds messages back until it is `open`."""

    def __init__(self) -> None:
        self._held: list[Delivery] | None = []
        self._queue: asyncio.Queue[tuple[Delivery, bool] | None] = asyncio.Queue()

    def put(self, delivery: Delivery) -> None:
        """Take a published message."""
        if self._held is not None:
            self._held.append(delivery)
        else:
            self._queue.put_nowait((delivery, False))

    def put_own(self, delivery: Delivery) -> None:
        """Take a heartbeat: none is asked for here."""

    def put_gap(self, key: str, number: int) -> None:
        """Do nothing: the hub logs it."""

    def flush(self) -> None:
        """Do nothing: `put` has woken `next` already."""

    def open(self, kept: list[Delivery], seen: dict[str, int]) -> None:
        """Return the kept messages first, then those that came since; for `seen`, see `without_repeats`."""
        held, self._held = self._held or [], None
        first, later = without_repeats(kept, held, seen)
        for delivery in first:
            self._queue.put_nowait((delivery, True))
        for delivery in later:
            self.put(delivery)

    def close(self) -> None:
        """Have `next` return None after the last message that has come."""
        self._queue.put_nowait(None)

    async def next(self) -> tuple[Delivery, bool] | None:
        """Return the next message, and whether it is one that was kept from before."""
        return await self._queue.get()


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None
    for each in (signal.SIGINT, signal.SIGTERM):
        # Not on Windows, and not outside the main thread, where signals do not come.
        with suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(each, task.cancel)


def _as_text(delivery: Delivery, is_old: bool) -> str:
    mark = "(kept) " if is_old else ""
    return f"{datetime.now():%H:%M:%S} {on_one_line(delivery.key)} {mark}{on_one_line(delivery.payload)}"


def _as_json(delivery: Delivery, is_old: bool) -> str:
    shown: dict[str, Any] = {"time": datetime.now().astimezone().isoformat(), "key": delivery.key, "kept": is_old}
    if isinstance(delivery.payload, bytes):
        shown["base64"] = base64.b64encode(delivery.payload).decode("ascii")
    else:
        shown["text"] = delivery.payload
    return json.dumps(shown)
