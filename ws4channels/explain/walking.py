"""Walk a handshake through the site's own application, up to where a server would join keys."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from channels.routing import get_default_application
from django.conf import settings as django_settings

from ws4channels import settings
from ws4channels.access import handshake_size
from ws4channels.access.handshake import Agreement, negotiate
from ws4channels.access.threads import run_in_thread
from ws4channels.access.watching import is_for_watching
from ws4channels.asgi import get_asgi_application
from ws4channels.checks import current_messages
from ws4channels.consumers import FacilityConsumer
from ws4channels.delivery.site_threads import SiteThreads
from ws4channels.explain.negotiation import HarmlessWatching, ToldNegotiation
from ws4channels.explain.report import Report, outcome_of
from ws4channels.transports.channel_layer import InMemoryTransport
from ws4channels.transports.configured import get_transport
from ws4channels.transports.contract import Transport

_ABOUT_TRANSPORTS = {f"ws4channels.{each}" for each in ("E003", "W003", "W010", "W014", "W015")}


class _Elsewhere(Exception):
    """Something other than a FacilityConsumer would begin to serve the client, or to refuse it."""


class Walk(Report):
    """Observes one handshake. After `run`, `agreement` is what was agreed, or None."""

    def __init__(self, identity: Mapping[str, Any]) -> None:
        super().__init__()
        self.agreement: Agreement | None = None
        self.transport: Transport | None = None
        self._identity = identity
        self._is_reached = False
        self._problems: list[str] = []

    def find_application(self) -> Any:
        """Return the application that the settings name; None where there is none, which is told."""
        with suppress(Exception), self.step("application") as finding:
            path = getattr(django_settings, "ASGI_APPLICATION", None)
            if path is None:
                finding.verdict = "unknown"
                finding.text = "ASGI_APPLICATION is not set; taken is ws4channels.asgi.get_asgi_application()"
                return get_asgi_application()
            finding.text = f"ASGI_APPLICATION is {path!r}"
            return get_default_application()
        return None

    def note_problems(self) -> None:
        """Run the system checks, for the step of the transport. Imports what they need, so not on an event loop."""
        self._problems = [f"{each.id}: {each.msg}" for each in current_messages() if each.id in _ABOUT_TRANSPORTS]

    async def run(self, application: Any, scope: dict[str, Any]) -> None:
        """Have the application decide. Raises nothing."""
        try:
            with suppress(_Elsewhere):
                # Here for middleware; and in `negotiate` once more, because middleware may look into the cookie.
                await application({**scope, **self._identity}, self._receive, _ignore)
        except Exception as error:
            if not self.is_refused:
                self.tell("router", "refused", outcome_of(error))
        if not self._is_reached and not self.is_refused:
            self.tell(
                "router",
                "unknown",
                "an application of the site takes it that is no FacilityConsumer: a consumer of its own, or middleware "
                "that refuses it, as Channels' OriginValidator does",
            )

    async def _receive(self) -> dict[str, Any]:
        if not self.is_refused:
            raise _Elsewhere
        return {"type": "websocket.connect"}

    async def negotiate(self, consumer: Any, scope: Mapping[str, Any], send: Any) -> None:
        """Do what a consumer would do before it joins, and undo it."""
        self._is_reached = True
        self.tell("router", "ok", f"{consumer.__module__}.{consumer.__qualname__} serves {scope['path']}")
        if not await handshake_size.is_within_limits(scope, send):
            return
        self.transport = self._find_transport()
        with SiteThreads(1) as threads:
            agreement = await self._agree({**scope, **self._identity}, threads, consumer.load_user)
            if agreement.subscriber is not None:
                await run_in_thread(threads, agreement.subscriber.release)
        self._tell_dropped(agreement)
        if consumer.connect is not FacilityConsumer.connect:
            self.tell("consumer", "unknown", f"{consumer.__qualname__}.connect() is not called: it may refuse, too")
        self.agreement = agreement

    async def _agree(self, scope: Mapping[str, Any], threads: SiteThreads, load_user: bool) -> Agreement:
        if not is_for_watching(scope):
            return (await negotiate(scope, threads, load_user, partial(ToldNegotiation, self)))[0]
        with self.step("admin") as finding:
            finding.text = "the admin's page Live: the site's hooks, rules and subscriber are not asked"
            return (await negotiate(scope, threads, load_user, HarmlessWatching))[0]

    def _find_transport(self) -> Transport:
        with self.step("transport") as finding:
            transport = get_transport()
            finding.text = f"{settings.WS4CHANNELS_TRANSPORT} ({transport.server})"
            problems = list(self._problems)
            if isinstance(transport, InMemoryTransport):
                problems.append("it carries messages within one process: what others publish does not arrive")
            if problems:
                finding.verdict = "dropped"
                finding.text = "; ".join([finding.text, *problems])
        return transport

    def _tell_dropped(self, agreement: Agreement) -> None:
        for channel, reason in agreement.dropped.items():
            self.tell(channel, "dropped", reason)


async def _ignore(event: Mapping[str, Any]) -> None:
    """Take what would be sent to the client."""
