"""Which groups a signed-in user is in at the moment of a handshake."""

from __future__ import annotations

from typing import Any

from ws4channels.audience import STORED_GROUPS, groups_of


def current_groups(request: Any) -> list[str]:
    """Return the names of the user's groups. The session's list dates from the sign-in.

    Where that list is as we stored it, these are the groups that the user is in now. Where a site has written a list of
    its own, it is that list, without names of groups that the user is not in. Looks into the database.
    """
    remembered = groups_of(request)
    # A hook may have given the request a user that is in no database.
    if request.user.pk is None or not hasattr(request.user, "groups"):
        return remembered
    groups = request.user.groups
    current = [group.name for group in groups.all()]
    if remembered == request.session.get(STORED_GROUPS):
        return current
    existing = groups.model.objects.filter(name__in=remembered).values_list("name", flat=True)
    left = set(existing).difference(current)
    return [name for name in remembered if name not in left]
