"""The Django app."""

from django.apps import AppConfig

from ws4channels import checks
from ws4channels.access.signing_out import connect_receivers

__all__ = ["Ws4ChannelsConfig"]


class Ws4ChannelsConfig(AppConfig):
    """Registers the system checks, and what signing out does."""

    name = "ws4channels"
    verbose_name = "ws4channels"

    def ready(self) -> None:
        """Register; connects to nothing."""
        checks.register()
        connect_receivers()
