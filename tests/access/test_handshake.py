"""Tests of `ws4channels.access.handshake`."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.cache import SessionStore
from django.core.exceptions import PermissionDenied, TooManyFieldsSent

from tests.access.scopes import a_scope, agree
from tests.visitors import Person, signed_in
from tests.waiting import TIMEOUT
from ws4channels.access.handshake import (
    Agreement,
    negotiate,
)
from ws4channels.audience import MEMBEROF
from ws4channels.closing import session_mark
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import FacilityCommunicator


async def test_query_with_too_many_parameters_is_refused(settings: Any) -> None:
    """Django's own limit of parameters holds here, too."""
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10
    with pytest.raises(TooManyFieldsSent):
        await agree(a_scope("&".join(f"x{number}" for number in range(11))))


# --- what is agreed ---------------------------------------------------------------------------------------------------


async def test_agreement_holds_facility_keys_and_echo(settings: Any) -> None:
    """What is agreed is a value: the facility, the keys to publish and subscribe to, echo and heartbeat."""
    settings.WS4REDIS_HEARTBEAT = "--beat--"
    agreement, request = await agree(a_scope("subscribe-broadcast&publish-broadcast&echo", "/ws/a:b"))
    assert agreement == Agreement("a:b", ("broadcast:a:b",), ("broadcast:a:b",), True, "--beat--", None)
    assert request.path_info == "/ws/a:b"


async def test_agreement_holds_what_was_dropped(settings: Any) -> None:
    """The channels that a client asked for and does not get are there with the reasons; of those that it gets, none."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: [each for each in channels if "publish" not in each]
    query = "subscribe-group&publish-broadcast&subscribe-broadcast&subscribe-user"
    agreement, _ = await agree(a_scope(query, **signed_in("john")))
    assert agreement.dropped == {
        "subscribe-group": "the session holds no groups of the user",
        "publish-broadcast": "WS4REDIS_ALLOWED_CHANNELS does not allow it",
    }


async def test_keys_are_those_of_the_scope_s_user_and_session() -> None:
    """User, groups and session that middleware has put into the scope are used as they are."""
    john = signed_in("john@example.com", ["staff"])
    agreement, _ = await agree(a_scope("subscribe-user&subscribe-group&publish-session", **john))
    assert set(agreement.subscribe_keys) == {"user:john@example.com:f", "group:staff:f"}
    assert agreement.publish_keys == (f"session:{john['session'].session_key}:f",)


@pytest.fixture
def stored_sessions(settings: Any) -> None:
    """Sessions that need no database."""
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cache"


@pytest.mark.usefixtures("stored_sessions")
async def test_session_key_that_a_client_made_up_is_nobody_s() -> None:
    """A session channel needs a session that the site has stored."""
    agreement, _ = await agree(a_scope("subscribe-session&publish-session", cookies={"sessionid": "made-up"}))
    assert (agreement.subscribe_keys, agreement.publish_keys) == ((), ())


@pytest.mark.usefixtures("stored_sessions")
async def test_session_is_that_of_the_cookie() -> None:
    """A stored session is found by its cookie; without a user it makes a session channel and no other."""
    session = SessionStore()
    session[MEMBEROF] = ["staff"]
    session.create()
    session.save()
    query = "subscribe-session&subscribe-user&subscribe-group"
    agreement, request = await agree(a_scope(query, cookies={"sessionid": session.session_key or ""}))
    assert agreement.subscribe_keys == (f"session:{session.session_key}:f",)
    assert request.session[MEMBEROF] == ["staff"]


@pytest.mark.parametrize("query", ["", "subscribe-broadcast&publish-broadcast&echo"])
async def test_broadcast_needs_neither_session_nor_user_nor_thread(query: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks for broadcast alone costs no thread and no look-up, even with a session cookie."""
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    agreement, _ = await agree(a_scope(query, cookies={"sessionid": "whatever"}))
    assert started == []
    assert agreement.subscriber is None


async def test_anonymous_client_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client without a session cookie can have no channels of its own, so nothing is looked up."""
    started: list[str] = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    agreement, _ = await agree(a_scope("subscribe-user&subscribe-group&subscribe-session&publish-user"), load_user=True)
    assert (started, agreement.subscribe_keys, agreement.publish_keys) == ([], (), ())


@pytest.mark.django_db(transaction=True)
async def test_user_and_groups_come_from_the_database() -> None:
    """A session of Django's own, in the database, makes user, group and session channels."""
    mary = await sync_to_async(get_user_model().objects.create_user)("mary", password="secret")
    query = ("subscribe-user", "subscribe-session", "subscribe-group", "publish-user", "echo")
    async with FacilityCommunicator("f", *query, user=mary, groups=["staff"]) as client:
        await client.send_to("to myself")
        assert await client.receive_from(timeout=TIMEOUT) == "to myself"
        await RedisPublisher(facility="f", groups=["staff"]).apublish_message("for the staff", expire=0)
        assert await client.receive_from(timeout=TIMEOUT) == "for the staff"


@pytest.mark.django_db(transaction=True)
async def test_user_is_not_looked_up_for_nothing() -> None:
    """Neither session nor user is read from the database unless a channel needs it, or `load_user` says so."""
    mary = await sync_to_async(get_user_model().objects.create_user)("mary", password="secret")
    async with FacilityCommunicator("f", user=mary) as client:
        cookie = client.scope["headers"][-1]
    scope = a_scope("subscribe-broadcast")
    scope["headers"].append(cookie)
    _, request = await agree(scope)
    assert request.user._wrapped.__class__ is object
    _, request = await agree(scope, load_user=True)
    assert request.user.get_username() == "mary"


@pytest.mark.django_db(transaction=True)
async def test_user_is_looked_up_after_a_hook_that_leaves_it_alone(settings: Any) -> None:
    """`load_user` holds where the site has a hook of its own, too."""
    mary = await sync_to_async(get_user_model().objects.create_user)("mary", password="secret")
    async with FacilityCommunicator("f", user=mary) as client:
        scope = a_scope("subscribe-broadcast")
        scope["headers"].append(client.scope["headers"][-1])
    settings.WS4REDIS_PROCESS_REQUEST = lambda request: None
    _, request = await agree(scope, load_user=True)
    assert request.user.get_username() == "mary"


@pytest.mark.django_db
def test_handshake_sees_the_transaction_of_a_sync_test() -> None:
    """Where `async_to_sync` runs the event loop, as in Django's async tests, hooks see that thread's transaction."""
    mary = get_user_model().objects.create_user("mary", password="secret")

    async def receive() -> str:
        async with FacilityCommunicator("f", "subscribe-user", user=mary) as client:
            await RedisPublisher(facility="f", users=[mary]).apublish_message("for mary", expire=0)
            return str(await client.receive_from(timeout=TIMEOUT))

    assert async_to_sync(receive)() == "for mary"


# --- hooks ------------------------------------------------------------------------------------------------------------

seen: list[Any] = []


def allow_broadcast(request: Any, channels: list[str]) -> list[str]:
    """Allow broadcast alone, and take note of what was asked."""
    seen.append((request, channels, threading.current_thread()))
    return [channel for channel in channels if channel.endswith("-broadcast")]


async def allow_broadcast_async(request: Any, channels: list[str]) -> list[str]:
    """Do the same on the event loop."""
    seen.append((request, channels, threading.current_thread()))
    await asyncio.sleep(0)
    return [channel for channel in channels if channel.endswith("-broadcast")]


class Rules:
    """Rules come as objects, too."""

    def __call__(self, request: Any, channels: list[str]) -> list[str]:
        return allow_broadcast(request, channels)

    async def method(self, request: Any, channels: list[str]) -> list[str]:
        return await allow_broadcast_async(request, channels)


HOOKS = [
    allow_broadcast,
    allow_broadcast_async,
    "tests.access.test_handshake.allow_broadcast",
    "tests.access.test_handshake.allow_broadcast_async",
    Rules(),
    Rules().method,
    lambda request, channels: allow_broadcast(request, channels),
    lambda request, channels: allow_broadcast_async(request, channels),
]


@pytest.mark.parametrize("hook", HOOKS)
async def test_rule_says_which_channels_are_allowed(settings: Any, hook: Any) -> None:
    """A rule is a callable or its path, sync or async; it is given the request and the channels that were asked."""
    settings.WS4REDIS_ALLOWED_CHANNELS = hook
    seen.clear()
    agreement, _ = await agree(a_scope("subscribe-broadcast&subscribe-user&token=secret", **signed_in("john")))
    assert agreement.subscribe_keys == ("broadcast:f",)
    [(request, channels, _)] = seen
    assert channels == ["subscribe-broadcast", "subscribe-user"]
    assert (request.GET["token"], request.user.get_username()) == ("secret", "john")


@pytest.mark.parametrize(("hook", "is_main"), [(allow_broadcast, False), (allow_broadcast_async, True)])
async def test_sync_hooks_run_in_a_thread_and_async_ones_on_the_loop(settings: Any, hook: Any, is_main: bool) -> None:
    """A sync hook may block; an async one may use what lives on the event loop."""
    settings.WS4REDIS_ALLOWED_CHANNELS = hook
    seen.clear()
    await agree(a_scope("subscribe-broadcast"))
    assert (seen[0][2] is threading.main_thread()) is is_main


ANSWERS = [
    (["subscribe-broadcast"], ("broadcast:f",)),
    ({"subscribe-broadcast", "publish-broadcast"}, ("broadcast:f",)),
    (("subscribe-broadcast",), ("broadcast:f",)),
    (iter(["subscribe-broadcast"]), ("broadcast:f",)),
    ({"subscribe-broadcast": "yes"}, ("broadcast:f",)),
    ([], ()),
    (set(), ()),
    (["something-else"], ()),
]


@pytest.mark.parametrize(("answer", "keys"), ANSWERS)
async def test_rule_may_answer_with_any_iterable(settings: Any, answer: Any, keys: tuple[str, ...]) -> None:
    """Lists, sets and other iterables of channels are taken; nothing in it means that nothing is allowed."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: answer
    agreement, _ = await agree(a_scope("subscribe-broadcast&subscribe-user"))
    assert agreement.subscribe_keys == keys


async def test_rule_may_allow_what_was_not_asked(settings: Any) -> None:
    """As in the original, a rule may subscribe a client to more than it asked for."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: [*channels, "subscribe-broadcast"]
    agreement, _ = await agree(a_scope("publish-broadcast"))
    assert (agreement.subscribe_keys, agreement.publish_keys) == (("broadcast:f",), ("broadcast:f",))


async def test_rule_cannot_change_what_was_asked(settings: Any) -> None:
    """The list that a rule is given is its own."""

    def empty_the_list(request: Any, channels: list[str]) -> list[str]:
        channels.clear()
        return ["subscribe-broadcast"]

    settings.WS4REDIS_ALLOWED_CHANNELS = empty_the_list
    agreement, _ = await agree(a_scope("subscribe-broadcast"))
    assert agreement.subscribe_keys == ("broadcast:f",)


@pytest.mark.parametrize("answer", [None, True, 1, "subscribe-broadcast", b"subscribe-broadcast"])
async def test_rule_with_a_senseless_answer_lets_nobody_in(settings: Any, answer: Any) -> None:
    """None, a truth value or a bare text are no lists of channels; the error shows the answer."""
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: answer
    with pytest.raises(ConfigurationError) as caught:
        await agree(a_scope("subscribe-broadcast"))
    assert str(caught.value) == (
        f"WS4REDIS_ALLOWED_CHANNELS returned {answer!r}; it must return a list or set of channels such as "
        "'subscribe-broadcast'."
    )


async def deny_async(request: Any, channels: Any = None) -> None:
    """Deny on the event loop."""
    raise PermissionDenied("no")


def deny(request: Any, channels: Any = None) -> None:
    """Deny in a thread."""
    raise PermissionDenied("no")


@pytest.mark.parametrize("setting", ["WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"])
@pytest.mark.parametrize("hook", [deny, deny_async, "tests.access.test_handshake.deny_async"])
async def test_permission_denied_of_any_hook_comes_through(settings: Any, setting: str, hook: Any) -> None:
    """PermissionDenied is raised as it is, whichever hook raises it and however."""
    setattr(settings, setting, hook)
    with pytest.raises(PermissionDenied, match=r"^no$"):
        await agree(a_scope("subscribe-broadcast"))


def sign_in_by_token(request: Any) -> None:
    """Do as sites with tokens do."""
    request.session = SessionStore()
    request.session[MEMBEROF] = ["token-bearers"]
    request.user = Person(request.GET["token"])


async def sign_in_by_token_async(request: Any) -> None:
    """Do the same on the event loop."""
    await asyncio.sleep(0)
    sign_in_by_token(request)


@pytest.mark.parametrize(
    "hook", [sign_in_by_token, sign_in_by_token_async, "tests.access.test_handshake.sign_in_by_token_async"]
)
async def test_process_request_sets_session_and_user(settings: Any, hook: Any) -> None:
    """A site's own hook decides who the client is, whatever cookies and middleware say."""
    settings.WS4REDIS_PROCESS_REQUEST = hook
    query = "subscribe-user&subscribe-group&subscribe-session&token=jane"
    agreement, request = await agree(a_scope(query, **signed_in("john")))
    assert set(agreement.subscribe_keys) == {"user:jane:f", "group:token-bearers:f"}
    assert request.user.get_username() == "jane"


@pytest.mark.parametrize("session", [None, SessionStore()])
@pytest.mark.parametrize("user", [None, AnonymousUser()])
async def test_process_request_may_find_nobody(settings: Any, session: Any, user: Any) -> None:
    """A hook that leaves session and user empty makes an anonymous client."""

    def find_nobody(request: Any) -> None:
        request.session, request.user = session, user

    settings.WS4REDIS_PROCESS_REQUEST = find_nobody
    agreement, _ = await agree(a_scope("subscribe-user&subscribe-group&subscribe-session&subscribe-broadcast"))
    assert agreement.subscribe_keys == ("broadcast:f",)


async def test_hooks_run_in_the_original_s_order(settings: Any) -> None:
    """First the request is given its user, then the rule is asked."""
    order: list[str] = []

    def process(request: Any) -> None:
        order.append("process")
        request.user = Person("jane")

    def allow(request: Any, channels: list[str]) -> list[str]:
        order.append(f"allow {request.user.get_username()}")
        return channels

    settings.WS4REDIS_PROCESS_REQUEST, settings.WS4REDIS_ALLOWED_CHANNELS = process, allow
    agreement, _ = await agree(a_scope("subscribe-user"))
    assert (order, agreement.subscribe_keys) == (["process", "allow jane"], ("user:jane:f",))


async def test_hook_finds_nobody_false(settings: Any) -> None:
    """Hooks say `if not request.user` and `if not request.session`, and use both as Django's all the same."""

    def allow(request: Any, channels: list[str]) -> list[str]:
        assert not request.user
        assert not request.session
        assert not request.user.is_authenticated
        assert request.user.get_username() == ""
        assert request.session.get("anything") is None
        assert request.session.session_key is None
        return channels

    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    agreement, _ = await agree(a_scope("subscribe-broadcast"))
    assert agreement.subscribe_keys == ("broadcast:f",)


@pytest.mark.django_db(transaction=True)
async def test_hook_may_use_the_database(settings: Any) -> None:
    """A sync hook asks the database, and no connection that it opened stays in use."""

    def allow(request: Any, channels: list[str]) -> list[str]:
        return channels if get_user_model().objects.filter(username="mary").exists() else []

    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    agreement, _ = await agree(a_scope("subscribe-broadcast"))
    assert agreement.subscribe_keys == ()
    await sync_to_async(get_user_model().objects.create_user)("mary")
    agreement, _ = await agree(a_scope("subscribe-broadcast"))
    assert agreement.subscribe_keys == ("broadcast:f",)


async def test_hooks_of_several_clients_run_at_the_same_time_within_the_bound(settings: Any) -> None:
    """Handshakes do not wait for each other's hooks, up to as many as there are threads."""
    running: set[int] = set()
    most = []
    lock = threading.Lock()
    together = threading.Barrier(3)

    def allow(request: Any, channels: list[str]) -> list[str]:
        with lock:
            running.add(threading.get_ident())
            most.append(len(running))
        together.wait(TIMEOUT)
        with lock:
            running.discard(threading.get_ident())
        return channels

    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    with ThreadPoolExecutor(3) as threads:
        handshakes = [negotiate(a_scope("subscribe-broadcast"), threads) for _ in range(9)]
        await asyncio.wait_for(asyncio.gather(*handshakes), TIMEOUT)
    assert max(most) <= 3


async def test_blocking_hook_does_not_block_the_event_loop(settings: Any) -> None:
    """While one client's hook waits, the event loop serves others."""
    release = threading.Event()
    settings.WS4REDIS_ALLOWED_CHANNELS = lambda request, channels: release.wait(TIMEOUT) and channels
    waiting = asyncio.create_task(agree(a_scope("subscribe-broadcast")))
    for _ in range(10):
        await asyncio.sleep(0)
    settings.WS4REDIS_ALLOWED_CHANNELS = None
    agreement, _ = await agree(a_scope("publish-broadcast"))
    assert agreement.publish_keys == ("broadcast:f",)
    assert not waiting.done()
    release.set()
    await waiting


# --- whose websocket it is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "load_user", "user"),
    [
        ("subscribe-broadcast", False, None),
        ("subscribe-session", False, None),
        ("subscribe-user", False, "mary"),
        ("publish-group", False, "mary"),
        ("subscribe-broadcast", True, "mary"),
    ],
)
@pytest.mark.django_db(transaction=True)
async def test_user_is_known_where_somebody_asked(query: str, load_user: bool, user: str | None) -> None:
    """Nobody is looked up for the sake of closing; the session is known by its cookie in any case."""
    mary = await sync_to_async(get_user_model().objects.create_user)("mary")
    cookie = (await FacilityCommunicator("f", user=mary)._session_cookie()).decode().partition("=")[2]
    agreement, _ = await agree(a_scope(query, cookies={"sessionid": cookie}), load_user)
    assert (agreement.user, agreement.session) == (user, session_mark(cookie))


async def test_visitor_is_nobody(settings: Any) -> None:
    """Without a cookie there is neither a session nor a user, even if a hook looks."""
    agreement, _ = await agree(a_scope("subscribe-user&subscribe-broadcast"))
    assert (agreement.user, agreement.session) == (None, None)
    settings.WS4REDIS_PROCESS_REQUEST = lambda request: setattr(request, "session", None)
    agreement, _ = await agree(a_scope("subscribe-broadcast"))
    assert (agreement.user, agreement.session) == (None, None)


async def test_user_of_a_hook_is_known(settings: Any) -> None:
    """Whom a site's own hook finds, by a token for example, is known by that name."""
    settings.WS4REDIS_PROCESS_REQUEST = lambda request: setattr(request, "user", Person("john"))
    agreement, _ = await agree(a_scope("subscribe-broadcast"))
    assert agreement.user == "john"
