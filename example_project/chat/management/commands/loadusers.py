"""The users that the example's sign-in page names."""

from django.contrib.auth.models import Group, User
from django.core.management.base import BaseCommand

from example_project.chat.views import CHATTERS

USERNAMES = ("john", "mary")
PASSWORD = "secret"


class Command(BaseCommand):
    help = f"Create the users {' and '.join(USERNAMES)}, members of the group {CHATTERS}, unless they exist."

    def handle(self, **options):
        group, _ = Group.objects.get_or_create(name=CHATTERS)
        for username in USERNAMES:
            if not User.objects.filter(username=username).exists():
                User.objects.create_user(username, password=PASSWORD).groups.add(group)
