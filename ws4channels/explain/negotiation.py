"""The server's own negotiation, which tells a report what each of its steps decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings as django_settings

from ws4channels import settings
from ws4channels.access.handshake import Agreement, Negotiation
from ws4channels.access.watching import Watching
from ws4channels.audience import MEMBEROF, groups_of, is_authenticated, name_of
from ws4channels.explain.report import Finding, Report, listed
from ws4channels.shown import error_on_one_line
from ws4channels.subscriber import RedisSubscriber, facility_of

_VERBS = ("subscribe", "publish")


class ToldNegotiation(Negotiation):
    """Runs the steps of a handshake, hooks included, and leaves tickets for one use as they are."""

    uses_up_tickets: ClassVar[bool] = False

    def __init__(self, report: Report, scope: Mapping[str, Any], load_user: bool) -> None:
        self._report = report
        self._unknown: list[str] = []
        with report.step("channels") as finding:
            super().__init__(scope, load_user)
            self._describe_channels(finding)

    def needs_thread(self) -> bool:
        """Say yes: what is told is looked up, even where a server looks nothing up."""
        return True

    def _describe_channels(self, finding: Finding) -> None:
        asked = listed([*self.asked, *sorted(self.words.difference(self.asked))])
        finding.text = f"facility {facility_of(self.request)!r}, asks for {asked}"
        names = _names_in(self.request)
        self._unknown = [name for name in names if name.startswith(_VERBS) and name not in self.asked]
        if self._unknown:
            finding.verdict = "dropped"
            finding.text += f"; there is no channel {listed(self._unknown)}"

    def _agree(self, subscriber: RedisSubscriber, is_custom: bool) -> Agreement:
        agreement = super()._agree(subscriber, is_custom)
        # A subscriber of the site's own may know what to do with them.
        unknown = [] if is_custom else self._unknown
        return replace(agreement, dropped={**agreement.dropped, **dict.fromkeys(unknown, "there is no such channel")})

    def _use_scope_or_cookie(self) -> None:
        with self._report.step("session") as finding:
            super()._use_scope_or_cookie()
            key = self._session_key()
            if "session" in self.scope:
                stored = self.request.session.session_key
                finding.text = "a stored session" if stored else "no stored session, but the user's groups as of now"
            elif key is None:
                finding.text = "the client sends no session cookie"
            else:
                _describe_stored_session(finding, key)

    def _redeem(self) -> None:
        if self.ticket_text is None:
            return
        with self._report.step("ticket") as finding:
            super()._redeem()
            limits = None if self.ticket is None else self.ticket.channels
            finding.text = "valid" if limits is None else f"valid, for {listed(limits)}"

    def _process_request(self) -> None:
        with self._report.step("hook") as finding:
            super()._process_request()
            hook = self.process_request
            name = "WS4REDIS_PROCESS_REQUEST"
            finding.text = f"{name} is not set" if hook is None else f"{name} {_name_of(name, hook)} has returned"

    def _look_up(self) -> None:
        with self._report.step("user") as finding:
            super()._look_up()
            try:
                self._describe_user(finding)
            except Exception as error:
                # Perhaps nothing of this handshake needs the user, and a server does not look.
                finding.verdict, finding.text = "unknown", error_on_one_line(error)

    def _describe_user(self, finding: Finding) -> None:
        if not is_authenticated(self.request):
            finding.text = "nobody is signed in"
            return
        finding.text = name_of("user", self.request.user)
        if not any(name.endswith("-group") for name in self.asked):
            return
        groups = groups_of(self.request)
        finding.text += f", in the groups {listed(groups)}" if groups else ", in no group"
        if hasattr(self.request.user, "groups"):
            missing = [group.name for group in self.request.user.groups.all() if group.name not in groups]
            if missing:
                finding.verdict = "dropped"
                finding.text += (
                    f"; now also in {listed(missing)}, which the session's list of the sign-in, "
                    f"{MEMBEROF!r}, does not have"
                )

    def _allowed(self) -> list[str]:
        with self._report.step("rule") as finding:
            allowed = super()._allowed()
            rule, name = self.allow_channels, "WS4REDIS_ALLOWED_CHANNELS"
            if rule is None:
                finding.text = f"{name} is not set: all channels are allowed"
            else:
                finding.text = f"{name} {_name_of(name, rule)} allows {listed(list(allowed))}"
            if set(self.asked).difference(allowed):
                finding.verdict = "dropped"
        return allowed

    def _choose_keys(self, subscriber: RedisSubscriber, allowed: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        with self._report.step("subscriber") as finding:
            subscribe_keys, publish_keys = super()._choose_keys(subscriber, allowed)
            finding.text = (
                f"{type(subscriber).__qualname__} subscribes to {listed(subscribe_keys)}, "
                f"and publishes to {listed(publish_keys)}"
            )
            if not subscribe_keys:
                finding.verdict = "dropped"
        return subscribe_keys, publish_keys

    def _check(self, subscribe_keys: tuple[str, ...], publish_keys: tuple[str, ...]) -> None:
        with self._report.step("limits") as finding:
            super()._check(subscribe_keys, publish_keys)
            counts = f"{len(subscribe_keys)} and {len(publish_keys)} keys"
            finding.text = f"{counts}, WS4CHANNELS_MAX_KEYS is {settings.WS4CHANNELS_MAX_KEYS}"


class HarmlessWatching(Watching):
    """Decides who may watch on the admin's page Live, and leaves tickets for one use as they are."""

    uses_up_tickets: ClassVar[bool] = False


def _names_in(request: Any) -> list[str]:
    """Return the names in a URL's query as channels would be named."""
    names: dict[str, None] = {}
    for parameter, values in request.GET.lists():
        name = parameter.strip().lower()
        names.update(dict.fromkeys(f"{name}-{value.strip().lower()}" if value.strip() else name for value in values))
    return list(names)


def _describe_stored_session(finding: Finding, key: str) -> None:
    try:
        # Another object than the request's: a server may not look at all.
        session = import_module(django_settings.SESSION_ENGINE).SessionStore(key)
        session.keys()
    except Exception as error:
        finding.verdict, finding.text = "unknown", error_on_one_line(error)
        return
    if session.session_key:
        finding.text = "a stored session"
    else:
        finding.verdict = "dropped"
        finding.text = "no session is stored under the key of the cookie: it has ended, or never was"


def _name_of(setting: str, hook: Callable[..., Any]) -> str:
    value = getattr(settings, setting)
    return value if isinstance(value, str) else str(getattr(hook, "__qualname__", type(hook).__qualname__))
