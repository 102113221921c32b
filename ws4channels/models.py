"""No models. Django imports this module of every installed app, and with it comes the receiver of logins."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver

from ws4channels.audience import MEMBEROF, STORED_GROUPS

__all__ = ["store_groups_in_session"]


@receiver(user_logged_in, dispatch_uid="ws4channels.store_groups_in_session")
def store_groups_in_session(sender: Any, user: Any, request: Any, **kwargs: Any) -> None:
    """Remember the names of the user's groups in the session, for ``subscribe-group`` and ``groups=[SELF]``.

    Sites may write the list themselves, with names that are no groups of Django's.
    """
    if hasattr(user, "groups") and hasattr(request, "session"):
        names = [group.name for group in user.groups.all()]
        request.session[MEMBEROF] = request.session[STORED_GROUPS] = names
