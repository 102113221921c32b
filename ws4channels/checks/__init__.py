"""System checks: what ``manage.py check`` says. Each id has its paragraph in docs/checks.md.

A check looks at the settings, and imports what they name; it connects to nothing.
"""

from __future__ import annotations

from django.core import checks
from django.core.checks import CheckMessage

from ws4channels.checks.application import check_application
from ws4channels.checks.history import check_history
from ws4channels.checks.layer import check_layer
from ws4channels.checks.servers import check_servers
from ws4channels.checks.site import check_site
from ws4channels.checks.templates import check_templates
from ws4channels.checks.values import check_settings

__all__ = ["TAG", "current_messages", "register"]

TAG = "ws4channels"
"""Selects these checks: ``manage.py check --tag ws4channels``."""


def register() -> None:
    """Have Django run all checks of this package."""
    for check in (
        check_settings,
        check_layer,
        check_servers,
        check_history,
        check_site,
        check_application,
        check_templates,
    ):
        checks.register(check, TAG)


def current_messages() -> list[CheckMessage]:
    """Return what the registered checks say now, without what SILENCED_SYSTEM_CHECKS names."""
    return [message for message in checks.run_checks(tags=[TAG]) if not message.is_silenced()]
