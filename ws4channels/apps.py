"""The Django app."""

from django.apps import AppConfig
from django.core import checks

from ws4channels.checks import check_settings


class Ws4ChannelsConfig(AppConfig):
    """Registers the system checks."""

    name = "ws4channels"
    verbose_name = "ws4channels"

    def ready(self) -> None:
        """Register; connects to nothing."""
        checks.register(check_settings, "ws4channels")
