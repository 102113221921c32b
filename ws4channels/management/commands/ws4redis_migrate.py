"""``manage.py ws4redis_migrate``: the command of ``python -m ws4channels.migration``, from within a site."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ws4channels.migration import cli
from ws4channels.migration.errors import MigrationError


class Command(BaseCommand):
    """Shows, or makes, the changes that move this site to ws4channels."""

    help = cli.DESCRIPTION
    # They would complain of the very settings that this is about to change.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add PATH, which is the folder of manage.py if it is left out, and the options."""
        here = Path(sys.argv[0]).resolve().parent
        parser.add_argument(
            "path", metavar="PATH", nargs="?", type=Path, default=here, help="default: the folder of manage.py"
        )
        cli.add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command; exit with 1 if --check finds something to do, and with 2 if it cannot work."""
        names = ("write", "check", "json", "html")
        try:
            code = cli.run(options["path"], **{name: options[name] for name in names}, output=self.stdout.write)
        except MigrationError as error:
            raise CommandError(str(error), returncode=2) from error
        if code:
            sys.exit(code)
