"""Ask Redis for a page: an answer in time, or a sentence that says why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _

from ws4channels import connections, settings
from ws4channels.admin.patience import SECONDS, NoAnswer, within
from ws4channels.connections import UNREACHABLE, RedisError
from ws4channels.connections.remembered import Remembered
from ws4channels.shown import error_on_one_line

T = TypeVar("T")

_PATIENCE = 0.8 * SECONDS


def ask(question: Callable[[Any], T]) -> tuple[T | None, str]:
    """Return what `question` returns, which is given a sync client, and an empty text; or None and what went wrong.

    Takes less than two seconds.
    """
    try:
        return within(SECONDS, lambda: question(_client.get(settings.WS4REDIS_CONNECTION))), ""
    except NoAnswer as error:
        return None, _("Redis does not answer (%s).") % error
    except (*UNREACHABLE, RedisError) as error:
        return None, _("Redis fails: %s") % error_on_one_line(error)
    except ImproperlyConfigured as error:
        return None, str(error)


def _build(connection: Mapping[str, Any]) -> Any:
    """Return a client that gives up before the page does, so that its thread ends as well."""
    impatient = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE}
    return connections.build_sync_client({**connection, **impatient})


_client = Remembered(_build)
