"""No tables. Django imports this module of every installed app, and with it comes the receiver of logins.

The one model has no rows either: the permissions and the pages in Django's admin belong to it.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db import models
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

from ws4channels.audience import MEMBEROF, STORED_GROUPS

__all__ = ["Websockets", "store_groups_in_session"]


class _NoRows(models.Manager):  # type: ignore[type-arg]
    """Asks the database for nothing: dumpdata reads all models, also those without a table."""

    def get_queryset(self) -> Any:
        return super().get_queryset().none()


class Websockets(models.Model):
    """What the admin's pages are about, and what their permissions are named after. Has no table and no rows."""

    name: Any = models.CharField(primary_key=True, max_length=200)
    """What an entry of the admin's log is about, such as a key."""

    objects = _NoRows()

    class Meta:
        app_label = "ws4channels"
        managed = False
        # Also for what looks up an object by its pk, as LogEntry.get_edited_object() does.
        base_manager_name = "objects"
        verbose_name = verbose_name_plural = _("websockets")
        default_permissions = ("view",)
        permissions = (
            ("view_message_contents", _("Can view the contents of messages")),
            ("act_on_websockets", _("Can publish to and close websockets")),
        )

    def __str__(self) -> str:
        return str(self.name)


@receiver(user_logged_in, dispatch_uid="ws4channels.store_groups_in_session")
def store_groups_in_session(sender: Any, user: Any, request: Any, **kwargs: Any) -> None:
    """Remember the names of the user's groups in the session, for ``subscribe-group`` and ``groups=[SELF]``.

    Sites may write the list themselves, with names that are no groups of Django's.
    """
    if hasattr(user, "groups") and hasattr(request, "session"):
        names = [group.name for group in user.groups.all()]
        request.session[MEMBEROF] = request.session[STORED_GROUPS] = names
