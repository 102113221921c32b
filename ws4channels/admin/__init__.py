"""The pages in Django's admin: whether all is well, who listens to what, and why somebody hears nothing.

``django.contrib.admin`` imports this module where it is installed. A site with an AdminSite of its own beside the
default one registers the pages there:

>>> from ws4channels.admin import WebsocketsAdmin
>>> from ws4channels.models import Websockets
>>> my_admin_site.register(Websockets, WebsocketsAdmin)
"""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from ws4channels import settings
from ws4channels.admin.pages import ACT, CONTENTS, FIRST, Page, PagesAdmin
from ws4channels.models import Websockets

__all__ = ["WebsocketsAdmin"]


class WebsocketsAdmin(PagesAdmin):
    """The pages, for staff with the permission ``ws4channels.view_websockets``."""

    pages = (
        Page(FIRST, _("Health"), "ws4channels.admin.health.show_health"),
        Page("processes", _("Processes"), "ws4channels.admin.processes.show_processes"),
        Page("keys", _("Facilities and keys"), "ws4channels.admin.keys.show_keys"),
        Page("explain", _("Explain"), "ws4channels.admin.explaining.show_explanation"),
        Page("live", _("Live"), "ws4channels.admin.live.show_live", CONTENTS),
        Page("ticket", _("Ticket"), "ws4channels.admin.live.give_ticket", CONTENTS, is_listed=False),
        Page("publish", _("Publish"), "ws4channels.admin.actions.show_publishing", ACT),
        Page("close", _("Close websockets"), "ws4channels.admin.actions.show_closing", ACT),
    )


if settings.WS4CHANNELS_ADMIN:
    admin.site.register(Websockets, WebsocketsAdmin)
