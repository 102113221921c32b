"""``manage.py ws4channels_publish FACILITY MESSAGE``: publish from a terminal or a script."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.management.terminal import FAILURE, add_audience_arguments, audiences_of, errors_in_words, keys_of
from ws4channels.publisher import RedisPublisher
from ws4channels.redis_store import expire_in_seconds
from ws4channels.transports.channel_layer import InMemoryTransport
from ws4channels.transports.configured import get_transport


class Command(BaseCommand):
    """Publishes one message."""

    help = "Publish a message to those who listen to a facility, and keep it for those who connect later."
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
        """Publish, and say to which keys."""
        message = _read(options["message"])
        if not message:
            raise CommandError("The message is empty; that is not published.", returncode=FAILURE)
        with errors_in_words():
            keys = keys_of(options["facility"], options)
            publisher = RedisPublisher(facility=options["facility"], **audiences_of(options))
            publisher.publish_message(message, options["expire"])
            seconds = expire_in_seconds(options["expire"])
            if isinstance(get_transport(), InMemoryTransport):
                self.stderr.write("The in-memory layer carries messages within one process: no server has heard this.")
        kept = f"kept for {seconds} s" if seconds else "not kept"
        self.stdout.write(f"Published {len(message)} bytes to {', '.join(keys)}; {kept}.")


def _read(message: str) -> bytes:
    # Arguments that are not UTF-8 have come as surrogates; this gives their bytes back.
    return sys.stdin.buffer.read() if message == "-" else os.fsencode(message)
