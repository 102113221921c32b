"""Make what the site needs before it runs."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import BaseCommand, call_command


class Command(BaseCommand):
    """Make the database, the user ``mary`` in the group ``chatters``, and the directory of static files."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        call_command("migrate", verbosity=0)
        mary = get_user_model().objects.create_user("mary", password="secret")
        mary.groups.add(Group.objects.create(name="chatters"))
        call_command("collectstatic", interactive=False, verbosity=0)
