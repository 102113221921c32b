"""The Django app."""

from django.apps import AppConfig

from ws4channels import checks


class Ws4ChannelsConfig(AppConfig):
    """Registers the system checks."""

    name = "ws4channels"
    verbose_name = "ws4channels"

    def ready(self) -> None:
        """Register; connects to nothing."""
        checks.register()
