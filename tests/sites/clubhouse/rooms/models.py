from django.conf import settings
from django.db import models


class Room(models.Model):
    slug = models.SlugField(unique=True)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="rooms")

    def __str__(self):
        return self.slug


class Token(models.Model):
    """What the mobile app sends instead of a cookie."""

    key = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
