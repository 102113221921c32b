"""``manage.py ws4channels_publish FACILITY MESSAGE``: publish from a terminal or a script."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.deadlines import within
from ws4channels.management.terminal import (
    FAILURE,
    add_audience_arguments,
    audiences_of,
    counted,
    errors_in_words,
    keys_of,
)
from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import expire_in_seconds
from ws4channels.shown import error_on_one_line, on_one_line
from ws4channels.status.listening import find_listening
from ws4channels.transports.channel_layer import InMemoryTransport
from ws4channels.transports.configured import get_transport

_PATIENCE = 5.0
"""Seconds to count the processes that received a message; a layer's connections may have no time limit."""


class Command(BaseCommand):
    """Publishes one message."""

    help = "Publish a message to the websockets of a facility, and keep it for those that connect later."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("facility", help="What the message is about; what follows WEBSOCKET_URL in the URL.")
        parser.add_argument("message", help="Text, or - for all that comes on standard input, which may be binary.")
        parser.add_argument(
            "--expire",
            type=int,
            metavar="SECONDS",
            help="How long the message is kept; 0: not at all. Default: WS4REDIS_EXPIRE.",
        )
        add_audience_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Publish; print the keys, and how many processes received the message."""
        message = _read(options["message"])
        if not message:
            raise CommandError("The message is empty; that is not published.", returncode=FAILURE)
        with errors_in_words():
            keys = keys_of(options["facility"], options)
            publisher = RedisPublisher(facility=options["facility"], **audiences_of(options))
            # Before publishing: a process that receives the message may be gone after it.
            counts = self._count_processes(keys)
            publisher.publish_message(message, options["expire"])
            seconds = expire_in_seconds(options["expire"])
        kept = f"kept for {seconds} s" if seconds else "not kept"
        self.stdout.write(f"Published {counted(len(message), 'byte')} to {_shown(keys)}; {kept}.")
        if counts and not any(counts.values()):
            self._warn("No process has received it: none has a websocket that subscribes to this.")
            return
        for key, count in counts.items():
            of_key = f" for {_shown([key])}" if len(counts) > 1 else ""
            self.stdout.write(f"Received by {counted(count, 'process')}{of_key}.")

    def _count_processes(self, keys: tuple[str, ...]) -> dict[str, int]:
        """Return the number of processes that subscribe to each key; nothing where that is unknown."""
        transport = get_transport()
        if isinstance(transport, InMemoryTransport):
            self._warn("The in-memory layer carries messages within one process: no server receives this.")
            return {}
        try:
            listening = asyncio.run(within(_PATIENCE, find_listening(transport, list(keys), len(keys))))
        except (*UNREACHABLE, RedisError):
            raise
        except Exception as error:
            # Somebody's own layer may raise anything; the message may be published all the same.
            self._warn(f"Who receives it is unknown: {error_on_one_line(error)}")
            return {}
        return {key: listening.keys.get(key, 0) for key in keys} if listening.is_known else {}

    def _warn(self, text: str) -> None:
        self.stderr.write(text, style_func=self.style.WARNING)


def _shown(keys: Iterable[str]) -> str:
    return ", ".join(map(on_one_line, keys))


def _read(message: str) -> bytes:
    # Arguments that are not UTF-8 have come as surrogates; this gives their bytes back.
    return sys.stdin.buffer.read() if message == "-" else os.fsencode(message)
