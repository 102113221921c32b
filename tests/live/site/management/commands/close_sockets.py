"""Close sockets from a process that serves nothing."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandParser

from ws4channels.closing import CLOSE_SIGNED_OUT, close_sockets


class Command(BaseCommand):
    """Close the sockets of a user, a session or a facility, in all server processes."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        for name in ("user", "session", "facility"):
            parser.add_argument(f"--{name}")
        parser.add_argument("--code", type=int, default=CLOSE_SIGNED_OUT)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        close_sockets(**{name: options[name] for name in ("user", "session", "facility", "code")})
