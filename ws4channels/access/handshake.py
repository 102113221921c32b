"""The handshake of a websocket: who the client is, and which keys it may publish and subscribe to.

It calls the site's hooks. These are sync code that may use the database, so a handshake with a hook, or with a session
to be looked up, runs in a thread. Others run on the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from itertools import chain
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.contrib.auth import get_user
from django.core.exceptions import SuspiciousOperation
from django.utils.functional import LazyObject, SimpleLazyObject, empty

from ws4channels import connections, settings
from ws4channels.access.dropped import dropped_channels
from ws4channels.access.groups import current_groups
from ws4channels.access.hooks import call_hook, load_hook, load_subscriber_class
from ws4channels.access.limits import check_keys
from ws4channels.access.presence import PRESENCE, Terms, has_presence, terms_of, withheld_presence
from ws4channels.access.requests import asked_channels, asked_start, build_request, is_event_stream, wants_heartbeats
from ws4channels.access.threads import run_in_thread
from ws4channels.access.tickets import Ticket, given_ticket, limited, redeem, withheld
from ws4channels.audience import close_commands_key, is_authenticated, is_ours, presence_key, user_of
from ws4channels.closing import session_mark
from ws4channels.delivery.forms import Form, read_positions
from ws4channels.delivery.welcome import Start
from ws4channels.exceptions import ConfigurationError
from ws4channels.subscriber import RedisSubscriber, SubscribingConnection, facility_of

_AT_KEPT = Start()
_PLAIN = Form()


@dataclass(frozen=True, slots=True)
class Agreement:
    """What one socket agreed to at its handshake. Lives as long as the socket, so it holds nothing large."""

    facility: str
    publish_keys: tuple[str, ...]
    subscribe_keys: tuple[str, ...]
    echo: bool
    heartbeat: str | None
    """The text that the client is sent as a sign of life, or None."""
    subscriber: RedisSubscriber | None
    """The site's own subscriber, or None where ``WS4REDIS_SUBSCRIBER`` is the class RedisSubscriber itself."""
    session: str | None = None
    """The `session_mark` of the client's session, or the mark of its ticket."""
    user: str | None = None
    """The signed-in user's name, if anything in the handshake asked who that is."""
    dropped: Mapping[str, str] = field(default_factory=dict)
    """The channels that the client asked for and does not get, each with the reason."""
    start: Start = _AT_KEPT
    """What the client wants to be sent first."""
    form: Form = _PLAIN
    """What its frames look like."""
    presence: Terms | None = None
    """How it is listed as present, and whether it is told who is; None where its facility has no presence."""


class Absent(SimpleLazyObject):  # type: ignore[type-arg]
    """A session or user of a client that sent no session cookie: an empty session, an anonymous user, and false.

    The original gives hooks None there, and hooks say ``if not request.user``.
    """

    def __bool__(self) -> bool:
        return False


async def negotiate(
    scope: Mapping[str, Any],
    threads: ThreadPoolExecutor,
    load_user: bool = False,
    begin: Callable[[Mapping[str, Any], bool], Negotiation] | None = None,
) -> tuple[Agreement, Any]:
    """Run the handshake of one websocket, hooks included; return what was agreed, and the request.

    `threads` is where sync code runs; `load_user` looks up the user even if no channel needs it; `begin` makes the
    Negotiation. Raises PermissionDenied or whatever else the site's hooks raise, and ConfigurationError.
    """
    negotiation = (begin or Negotiation)(scope, load_user)
    if not negotiation.needs_thread():
        return negotiation.run(), negotiation.request
    try:
        return await run_in_thread(threads, negotiation.run), negotiation.request
    except asyncio.CancelledError:
        negotiation.abandon(threads)
        raise


class Negotiation:
    """The steps of one handshake, in the original's order. What explains handshakes overrides them, to tell of each."""

    uses_up_tickets: ClassVar[bool] = True

    def __init__(self, scope: Mapping[str, Any], load_user: bool) -> None:
        self.scope = scope
        self.load_user = load_user
        self._lock = threading.Lock()
        self._is_abandoned = False
        self._subscriber: RedisSubscriber | None = None
        self.request: Any = build_request(scope)
        self.ticket_text = given_ticket(self.request)
        self.ticket: Ticket | None = None
        self.process_request = load_hook("WS4REDIS_PROCESS_REQUEST")
        self.allow_channels = load_hook("WS4REDIS_ALLOWED_CHANNELS")
        self.subscriber_class = load_subscriber_class()
        possible = [*self.subscriber_class.subscription_channels, *self.subscriber_class.publish_channels]
        if has_presence(facility_of(self.request)):
            self.load_user = True
            possible.append(PRESENCE)
        self.asked, self.words = asked_channels(self.request, possible)
        if is_event_stream(scope):
            self.words.add("resume")  # The ids of events are positions for every client.

    def needs_thread(self) -> bool:
        """Tell whether the site's code is to run, or something is to be looked up."""
        if self.process_request or self.allow_channels or self.subscriber_class is not RedisSubscriber:
            return True
        if self.ticket_text is not None:
            return True
        is_somebody = "session" in self.scope or "user" in self.scope or self._session_key() is not None
        return is_somebody and (self.load_user or any(not name.endswith("-broadcast") for name in self.asked))

    def run(self) -> Agreement:
        """Return what is agreed. May block."""
        is_custom = self.subscriber_class is not RedisSubscriber
        subscriber = self.subscriber_class(SubscribingConnection(connections.sync_client()) if is_custom else None)
        try:
            self._identify()
            agreement = self._agree(subscriber, is_custom)
        except BaseException:
            subscriber.release()
            raise
        self._keep_or_release(subscriber)
        return agreement

    def _agree(self, subscriber: RedisSubscriber, is_custom: bool) -> Agreement:
        allowed = self._allowed()
        # After the hooks, which may change the request. The base class is given it with the request.
        self.request.ws4channels_facility = facility = facility_of(self.request)
        subscribe_keys, publish_keys = self._choose_keys(subscriber, allowed)
        self._check(subscribe_keys, publish_keys)
        keys = {"subscribe": subscribe_keys, "publish": publish_keys}
        dropped = (
            dropped_channels(self.request, self.asked, allowed, keys)
            | withheld_presence(self.words, facility, subscribe_keys, allowed, self.allow_channels is not None)
            | withheld(self.ticket, self.asked)
        )
        return Agreement(
            facility=facility,
            publish_keys=publish_keys,
            subscribe_keys=subscribe_keys,
            echo="echo" in self.words,
            heartbeat=settings.WS4REDIS_HEARTBEAT if wants_heartbeats(self.request) else None,
            subscriber=subscriber if is_custom else None,
            session=_session_of(self.request) or (None if self.ticket is None else self.ticket.mark),
            user=_known_user_of(self.request),
            dropped=dropped,
            start=self._start(subscribe_keys),
            form=Form("resume" in self.words, "binary" in self.words),
            presence=terms_of(facility, subscribe_keys, PRESENCE in self.asked and PRESENCE not in dropped),
        )

    def _start(self, keys: tuple[str, ...]) -> Start:
        history, positions = asked_start(self.request)
        known = read_positions(positions, keys) if positions else None
        return Start(history, "resume" in self.words, known)

    def abandon(self, threads: ThreadPoolExecutor) -> None:
        """Have the subscriber released, now or when `run` has made it: the client is gone, the thread goes on."""
        with self._lock:
            self._is_abandoned = True
            subscriber, self._subscriber = self._subscriber, None
        if subscriber is not None:
            threads.submit(subscriber.release)

    def _keep_or_release(self, subscriber: RedisSubscriber) -> None:
        with self._lock:
            self._subscriber = subscriber
            if not self._is_abandoned:
                return
        subscriber.release()

    def _identify(self) -> None:
        """Give the request its session and user."""
        self._use_scope_or_cookie()
        self._redeem()
        self._process_request()
        self._look_up()

    def _redeem(self) -> None:
        if self.ticket_text is not None:
            self.ticket = redeem(self.request, self.ticket_text, self.uses_up_tickets)

    def _process_request(self) -> None:
        if self.process_request is not None:
            call_hook(self.process_request, self.request)

    def _look_up(self) -> None:
        """Look up what the channels need."""
        if self.request.session and any(name.endswith("-session") for name in self.asked):
            # A key that the client made up names no stored session; loading makes Django forget such a key.
            self.request.session.keys()
        if self.load_user:
            is_authenticated(self.request)
        if any(name.endswith("-group") for name in self.asked) and is_authenticated(self.request):
            self.request.ws4channels_groups = current_groups(self.request)

    def _use_scope_or_cookie(self) -> None:
        request = self.request
        key = self._session_key()
        lazy = Absent if key is None else SimpleLazyObject
        engine = import_module(django_settings.SESSION_ENGINE)
        request.session = self.scope["session"] if "session" in self.scope else lazy(lambda: engine.SessionStore(key))
        request.user = self.scope["user"] if "user" in self.scope else lazy(lambda: get_user(request))

    def _session_key(self) -> str | None:
        key: str | None = self.request.COOKIES.get(django_settings.SESSION_COOKIE_NAME)
        return key

    def _allowed(self) -> list[str]:
        asked = limited(self.ticket, self.asked)
        if self.allow_channels is None:
            return asked
        allowed = call_hook(self.allow_channels, self.request, asked)
        if isinstance(allowed, (str, bytes)) or not isinstance(allowed, Iterable):
            raise ConfigurationError(
                f"WS4REDIS_ALLOWED_CHANNELS returned {allowed!r}; it must return a list or set of channels such as "
                "'subscribe-broadcast'."
            )
        # A rule may allow what was not asked, but nothing that a ticket withholds.
        return limited(self.ticket, allowed)

    def _choose_keys(self, subscriber: RedisSubscriber, allowed: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        subscriber.set_pubsub_channels(self.request, allowed)
        return _as_texts(subscriber._subscription.channels), _as_texts(subscriber._publishers)

    def _check(self, subscribe_keys: tuple[str, ...], publish_keys: tuple[str, ...]) -> None:
        check_keys(subscribe_keys, publish_keys)
        _check_names(subscribe_keys, publish_keys)


def _as_texts(names: Iterable[Any]) -> tuple[str, ...]:
    """Return names as texts; redis-py's own PubSub, which a subclass may have made, gives bytes."""
    return tuple(name.decode("utf-8") if isinstance(name, bytes) else str(name) for name in names)


def _check_names(*keys: tuple[str, ...]) -> None:
    """Refuse names that a subscriber may have taken from the URL: keys of this package, and what is no UTF-8."""
    prefix = settings.WS4REDIS_PREFIX
    for key in chain(*keys):
        if key == close_commands_key(prefix):
            raise SuspiciousOperation("The subscriber names the key of close commands.")
        if key == presence_key(prefix):
            raise SuspiciousOperation("The subscriber names the key of presence.")
        if is_ours(prefix, key):
            raise SuspiciousOperation(f"The subscriber names the key {key!r}, which holds no messages.")
        try:
            key.encode("utf-8")
        except UnicodeEncodeError as error:
            raise SuspiciousOperation(f"The subscriber names the key {key!r}, which UTF-8 cannot encode.") from error


def _session_of(request: Any) -> str | None:
    key = getattr(request.session, "session_key", None)
    return session_mark(key) if key else None


def _known_user_of(request: Any) -> str | None:
    user = request.user
    if isinstance(user, LazyObject) and user._wrapped is empty:
        return None  # Nothing of what was agreed depends on it, so it is not looked up.
    return next(iter(user_of(request)), None)
