"""The users that the example's sign-in page names."""

from django.contrib.auth.models import Group, Permission, User
from django.core.management.base import BaseCommand

from example_project.chat.views import CHATTERS

USERNAMES = ("john", "mary")
STAFF = "admin"
PASSWORD = "secret"


class Command(BaseCommand):
    help = (
        f"Create the users {' and '.join(USERNAMES)}, members of the group {CHATTERS}, and {STAFF}, who may see the "
        "admin's pages about websockets, unless they exist."
    )

    def handle(self, **options):
        group, _ = Group.objects.get_or_create(name=CHATTERS)
        for username in USERNAMES:
            if not User.objects.filter(username=username).exists():
                User.objects.create_user(username, password=PASSWORD).groups.add(group)
        if not User.objects.filter(username=STAFF).exists():
            pages = Permission.objects.filter(content_type__app_label="ws4channels")
            User.objects.create_user(STAFF, password=PASSWORD, is_staff=True).user_permissions.set(pages)
