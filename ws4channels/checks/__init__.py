"""System checks: what ``manage.py check`` says. Each id has its paragraph in docs/checks.md.

A check looks at the settings, and imports what they name; it connects to nothing.
"""

from __future__ import annotations

from typing import Any

from django.core import checks
from django.core.checks import CheckMessage
from django.utils.module_loading import import_string

__all__ = ["TAG", "current_messages", "register"]

TAG = "ws4channels"
"""Selects these checks: ``manage.py check --tag ws4channels``."""


_CHECKS = (
    "ws4channels.checks.values.check_settings",
    "ws4channels.checks.layer.check_layer",
    "ws4channels.checks.servers.check_servers",
    "ws4channels.checks.history.check_history",
    "ws4channels.checks.site.check_site",
    "ws4channels.checks.application.check_application",
    "ws4channels.checks.templates.check_templates",
)
"""Imported when they run: they need Channels' layers and handshakes; a process that only publishes does not."""


def register() -> None:
    """Have Django run all checks of this package."""
    checks.register(_check, TAG)


def _check(**kwargs: Any) -> list[CheckMessage]:
    return [message for path in _CHECKS for message in import_string(path)(**kwargs)]


def current_messages() -> list[CheckMessage]:
    """Return what the registered checks say now, without what SILENCED_SYSTEM_CHECKS names."""
    return [message for message in checks.run_checks(tags=[TAG]) if not message.is_silenced()]
