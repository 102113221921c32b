"""Say why a client hears nothing: what its handshake would come to, and whom a publisher reaches.

>>> from ws4channels.explain import explain
>>> explain("/ws/news?subscribe-user", user="john").is_accepted
True
"""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from django.utils.asyncio import async_unsafe

from ws4channels.explain.keys import describe_keys
from ws4channels.explain.publishing import Publishing, explain_publishing
from ws4channels.explain.report import Explanation, Key, Report, Step
from ws4channels.explain.scopes import build_scope, identity_of
from ws4channels.explain.walking import Walk
from ws4channels.shown import error_on_one_line

__all__ = ["Explanation", "Key", "Publishing", "Step", "explain", "explain_publishing"]


@async_unsafe(
    "explain() waits for the handshake and must not be called in a thread that runs an event loop: await "
    "sync_to_async(explain)() instead."
)
def explain(
    url: str, *, user: str | None = None, session: str | None = None, origin: str | None = None, host: str | None = None
) -> Explanation:
    """Return what the handshake of a websocket would come to here and now. Joins, publishes and counts nothing.

    `url` is that of the websocket, or its path and query; `user` a username, `session` the key of a session, `origin`
    and `host` the headers. The site's middleware and hooks run, with whatever they do. What is wrong, bad arguments and
    a Redis that does not answer included, is a step with the verdict ``refused`` and no exception. Raises
    SynchronousOnlyOperation in a thread that runs an event loop.
    """
    report = Report()
    try:
        walk = Walk(identity_of(user, session))
    except (LookupError, ValueError) as error:
        report.tell("user", "refused", str(error))
        return Explanation(report.steps)
    except (DatabaseError, ImproperlyConfigured) as error:
        report.tell("user", "refused", error_on_one_line(error))
        return Explanation(report.steps)
    try:
        scope = build_scope(walk, url, session, origin, host)
    except ValueError as error:
        report.tell("url", "refused", str(error))
        return Explanation(report.steps)
    return _take(walk, scope)


def _take(walk: Walk, scope: dict[str, Any]) -> Explanation:
    """Return what comes of a walk."""
    application = walk.find_application()
    if application is not None:
        walk.note_problems()
        # Not by asyncio.run(): under ASGI, middleware would wait for the thread that waits for it here.
        async_to_sync(walk.run)(application, scope)
    agreement, keys = walk.agreement, []
    if agreement is not None and walk.transport is not None:
        keys = describe_keys(walk, walk.transport, agreement.subscribe_keys, agreement.publish_keys)
    dropped = {} if agreement is None else dict(agreement.dropped)
    return Explanation(walk.steps, keys, dropped, agreement is not None and not walk.is_refused)
