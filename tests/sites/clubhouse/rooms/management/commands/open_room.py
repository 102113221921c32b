from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand

from rooms.models import Room, Token


class Command(BaseCommand):
    help = "Make a room, let people in, and give each of them a token for the mobile app."

    def add_arguments(self, parser):
        parser.add_argument("slug")
        parser.add_argument("username", nargs="*")

    def handle(self, *args, **options):
        room, _ = Room.objects.get_or_create(slug=options["slug"])
        for user in get_user_model().objects.filter(username__in=options["username"]):
            room.members.add(user)
            Token.objects.get_or_create(key="token-of-%s" % user.username, defaults={"user": user})
