"""A rule that raises what the facility's first word names."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404

from ws4channels.subscriber import facility_of


class TokenError(Exception):
    """An error as token libraries raise it."""

    status_code = 401


ERRORS = {"denied": PermissionDenied, "unknown": Http404, "expired": TokenError, "broken": LookupError}


def allow_channels(request: Any, channels: list[str]) -> list[str]:
    """Allow everything, or raise."""
    error = ERRORS.get(facility_of(request).partition("-")[0])
    if error is not None:
        raise error("The reason.")
    return channels
