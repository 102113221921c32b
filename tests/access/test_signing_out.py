"""Tests of `ws4channels.access.signing_out`: what ends a session, and what becomes of its websockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.contrib.sessions.backends.cache import SessionStore as CachedSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.signals import post_delete, pre_save
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from tests.layers import PUBSUB, one_layer
from tests.silence import refusing_port
from tests.sockets import Socket, cookie_header
from tests.waiting import QUIET
from ws4channels.access import signing_out
from ws4channels.closing import CloseCommand
from ws4channels.testing import capture_published

pytestmark = pytest.mark.django_db(transaction=True)

BACKEND = "django.contrib.auth.backends.ModelBackend"
CACHE = "django.contrib.sessions.backends.cache"
DATABASE = "django.contrib.sessions.backends.db"


def connect_anew() -> None:
    """Connect the receivers as they are connected where a site begins with the present settings."""
    user_logged_out.disconnect(dispatch_uid="ws4channels.on_sign_out")
    user_logged_in.disconnect(dispatch_uid="ws4channels.on_sign_in")
    post_delete.disconnect(sender=Session, dispatch_uid="ws4channels.on_deletion")
    signing_out.connect_receivers()


@pytest.fixture
def engine(request: pytest.FixtureRequest, settings: Any) -> Iterator[Any]:
    """The session class of an engine that a site has in its settings."""
    usual = settings.SESSION_ENGINE
    settings.SESSION_ENGINE = request.param
    connect_anew()
    yield import_module(request.param).SessionStore
    settings.SESSION_ENGINE = usual
    connect_anew()


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys of the sessions of which the servers are told that they are over, in order."""
    keys: list[str] = []

    def note(command: CloseCommand) -> None:
        # Others close the websockets of the user's tickets, and end no session.
        if command.is_final:
            keys.append(str(command.session))

    monkeypatch.setattr(signing_out, "build_session_end", lambda key: CloseCommand(session=key, is_final=True))
    monkeypatch.setattr(signing_out.closing_thread, "send", note)
    return keys


@pytest.fixture
def mary(transactional_db: None) -> User:
    """A user."""
    return User.objects.create_user("mary", password="secret")


def request_with(session: Any, user: Any = None) -> HttpRequest:
    """Return a request as the middleware of sessions and users leaves it; `user` signs in."""
    request = RequestFactory().get("/")
    request.session = session
    request.user = AnonymousUser()
    if session.session_key:
        request.COOKIES["sessionid"] = session.session_key
    if user is not None:
        login(request, user, BACKEND)
        request.session.save()
        request.COOKIES["sessionid"] = request.session.session_key
    return request


@pytest.fixture
def signed_in(mary: User) -> HttpRequest:
    """A request of Mary's, whose session is in the database."""
    return request_with(SessionStore(), mary)


async def socket_of(request: HttpRequest, path: str = "/ws/f?subscribe-user") -> Socket:
    """Open a websocket from the browser that made a request."""
    return await Socket(path, headers=cookie_header(str(request.session.session_key))).open()


async def closed(*sockets: Socket) -> None:
    """Wait until websockets are closed as those of who has signed out."""
    for socket in sockets:
        assert await socket.close_code() == 4401
        await socket.leave(4401)


async def still_open(*sockets: Socket) -> None:
    """See that websockets are open, and close them."""
    for socket in sockets:
        assert await socket.receive_nothing(timeout=QUIET)
        await socket.leave()


# --- what ends a session ----------------------------------------------------------------------------------------------


async def test_signing_out_closes_the_session_s_sockets(mary: User, signed_in: HttpRequest) -> None:
    """All of that session's, whatever they subscribe to; not those of the user's other browsers."""
    elsewhere = await sync_to_async(request_with)(SessionStore(), mary)
    other = await socket_of(elsewhere)
    sockets = [await socket_of(signed_in), await socket_of(signed_in, "/ws/g?subscribe-broadcast")]
    await sync_to_async(logout)(signed_in)
    await closed(*sockets)
    await still_open(other)


async def test_signing_out_in_async_code_does_too(signed_in: HttpRequest) -> None:
    """Django's `alogout` runs sync receivers in a thread."""
    signed_in.auser = lambda: asyncio.sleep(0, signed_in.user)  # type: ignore[attr-defined]
    socket = await socket_of(signed_in)
    # Before Django 5.0, async code has no other way.
    alogout = getattr(auth, "alogout", None) or sync_to_async(logout)
    await alogout(signed_in)
    await closed(socket)


async def test_signing_out_in_sync_code_on_an_event_loop_does_too(mary: User) -> None:
    """Sessions outside of the database let async views call `logout`; the order is then given from another thread."""
    session = CachedSession()
    await sync_to_async(session.create)()
    request = request_with(session)
    request.user = mary
    socket = await Socket("/ws/f?subscribe-broadcast", session=session).open()
    logout(request)
    await closed(socket)


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda session: session.flush(), id="flush"),
        pytest.param(lambda session: session.delete(), id="delete"),
        pytest.param(lambda session: session.cycle_key(), id="cycle_key"),
        pytest.param(lambda session: Session.objects.get(pk=session.session_key).delete(), id="model"),
        pytest.param(lambda session: Session.objects.all().delete(), id="queryset"),
    ],
)
async def test_deleting_a_stored_session_closes_its_sockets(signed_in: HttpRequest, end: Callable[[Any], None]) -> None:
    """By whatever way it leaves the database: by the session itself, in the admin, or with all others."""
    sockets = [await socket_of(signed_in), await socket_of(signed_in, "/ws/g?subscribe-broadcast")]
    await sync_to_async(end)(signed_in.session)
    await closed(*sockets)


async def test_expired_sessions_are_deleted_without_close_commands(signed_in: HttpRequest) -> None:
    """`clearsessions` deletes great numbers of them, whose browsers have no cookie any more."""
    socket = await socket_of(signed_in)
    await Session.objects.aupdate(expire_date=timezone.now() - timedelta(seconds=1))
    await sync_to_async(SessionStore.clear_expired)()
    assert await Session.objects.acount() == 0
    await still_open(socket)


async def test_password_change_moves_the_browser_s_sockets_to_its_new_session(
    mary: User, signed_in: HttpRequest
) -> None:
    """`update_session_auth_hash` gives the session a new key; sockets of the old one close and may come back."""
    socket = await socket_of(signed_in)
    signed_in.user = mary
    await sync_to_async(update_session_auth_hash)(signed_in, mary)
    await sync_to_async(signed_in.session.save)()
    await closed(socket)
    await still_open(await socket_of(signed_in))


@pytest.mark.parametrize("engine", [DATABASE, CACHE], indirect=True)
async def test_other_user_s_sign_in_closes_the_former_user_s_sockets(engine: Any, mary: User) -> None:
    """Who signs in over somebody else on the same browser does not go on reading that person's messages."""
    request = await sync_to_async(request_with)(engine(), mary)
    socket = await socket_of(request)
    john = await User.objects.acreate(username="john")
    await sync_to_async(login)(request, john, BACKEND)
    await sync_to_async(request.session.save)()
    await closed(socket)
    await still_open(await socket_of(request))


@pytest.mark.parametrize("engine", [CACHE], indirect=True)
async def test_sign_in_of_a_visitor_closes_what_was_open_before(engine: Any, mary: User) -> None:
    """The visitor's session gets another key; websockets under the old one come back as the user's."""
    request = request_with(engine())
    await sync_to_async(request.session.create)()
    request.COOKIES["sessionid"] = str(request.session.session_key)
    socket = await socket_of(request, "/ws/f?subscribe-session")
    await sync_to_async(login)(request, mary, BACKEND)
    await sync_to_async(request.session.save)()
    await closed(socket)
    await still_open(await socket_of(request))


@pytest.mark.parametrize("engine", [DATABASE, CACHE], indirect=True)
def test_sign_in_ends_at_most_one_session(engine: Any, mary: User, ended: list[str]) -> None:
    """One order for the session that was replaced; none where there was none, or where it goes on."""
    request = request_with(engine(), mary)
    assert ended == []
    former = request.session.session_key
    login(request, User.objects.create(username="john"), BACKEND)
    assert ended == [former]
    request.session.save()
    request.COOKIES["sessionid"] = request.session.session_key
    login(request, request.user, BACKEND)
    assert ended == [former]


# --- when the servers are told ----------------------------------------------------------------------------------------


def test_servers_are_told_when_the_transaction_is_committed(signed_in: HttpRequest, ended: list[str]) -> None:
    """Not before: a client that comes back at once must not find the session still there."""
    key = signed_in.session.session_key
    with transaction.atomic():
        logout(signed_in)
        assert ended == []
    assert set(ended) == {key}


def test_sign_out_that_is_rolled_back_closes_nothing(signed_in: HttpRequest, ended: list[str]) -> None:
    """The session is still there, and so are its websockets."""

    class RollBack(Exception):
        """Ends the transaction."""

    def sign_out_in_vain() -> None:
        with transaction.atomic():
            logout(signed_in)
            raise RollBack

    with pytest.raises(RollBack):
        sign_out_in_vain()
    assert ended == []


def test_setting_turns_it_off(settings: Any, signed_in: HttpRequest, ended: list[str]) -> None:
    """With WS4CHANNELS_CLOSE_ON_SIGN_OUT = False, no server is told."""
    settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT = False
    logout(signed_in)
    assert ended == []


@pytest.mark.parametrize("request_", [None, HttpRequest(), RequestFactory().get("/")])
def test_sign_out_without_a_session_is_no_error(request_: Any, ended: list[str]) -> None:
    """Other code than Django's sends the signal as well, with what it has."""
    user_logged_out.send(sender=User, request=request_, user=None)
    assert ended == []


def test_anonymous_sign_out_closes_nothing(ended: list[str]) -> None:
    """Who has no session has no websockets of one."""
    request = request_with(SessionStore())
    logout(request)
    assert ended == []


def test_tests_that_capture_need_no_redis(settings: Any, signed_in: HttpRequest) -> None:
    """A site's test that signs out inside of `capture_published` sends and records nothing."""
    settings.WS4REDIS_CONNECTION = {"url": "redis://nowhere.invalid"}
    with capture_published() as published:
        logout(signed_in)
    assert published == []


# --- another name -----------------------------------------------------------------------------------------------------


@pytest.fixture
def renaming(settings: Any) -> Iterator[None]:
    """A site that closes websockets of users who get another name."""
    settings.WS4CHANNELS_CLOSE_ON_RENAME = True
    signing_out.connect_receivers()
    yield
    pre_save.disconnect(sender=User, dispatch_uid="ws4channels.on_user_save")


@pytest.mark.usefixtures("renaming")
async def test_renaming_a_user_closes_the_former_name_s_sockets(mary: User, signed_in: HttpRequest) -> None:
    """Otherwise they would receive what is published to the next user of that name."""
    socket = await socket_of(signed_in)
    mary.username = "maria"
    await mary.asave()
    await closed(socket)


@pytest.mark.usefixtures("renaming")
async def test_saving_a_user_without_another_name_closes_nothing(mary: User, signed_in: HttpRequest) -> None:
    """Whatever else changes, and if a new name is not saved."""
    socket = await socket_of(signed_in)
    mary.email = "mary@example.com"
    await mary.asave()
    mary.username = "maria"
    await mary.asave(update_fields=["email"])
    await still_open(socket)


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_redis_that_is_down_fails_no_sign_out(
    settings: Any, signed_in: HttpRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """The user is signed out; the log says that the websockets are still open, and holds no secret."""
    key = signed_in.session.session_key
    with refusing_port() as port:
        settings.WS4REDIS_CONNECTION = {"url": f"redis://:redis-secret@127.0.0.1:{port}"}
        settings.CHANNEL_LAYERS = one_layer(PUBSUB, hosts=[{"address": f"redis://:redis-secret@127.0.0.1:{port}"}])
        logout(signed_in)
    assert not Session.objects.filter(pk=key).exists()
    text = "Could not close the websockets of a session that ended: ConnectionError: "
    assert caplog.messages
    assert all(message.startswith(text) for message in caplog.messages)
    assert "secret" not in caplog.text
    assert str(key) not in caplog.text


def test_site_without_a_channel_layer_signs_out(
    settings: Any, signed_in: HttpRequest, caplog: pytest.LogCaptureFixture
) -> None:
    """A process whose settings can reach no server says so."""
    settings.CHANNEL_LAYERS = {}
    logout(signed_in)
    assert "ConfigurationError: CHANNEL_LAYERS has no entry 'default'" in caplog.text


@pytest.mark.parametrize("engine", [DATABASE, CACHE, "django.contrib.sessions.backends.cached_db"], indirect=True)
def test_deletions_are_watched_where_sessions_are_in_the_database(engine: Any) -> None:
    """Elsewhere no receiver is connected that would slow down the deletion of anything."""
    assert post_delete.has_listeners(Session) is (engine.__module__ != CACHE)
    assert not post_delete.has_listeners(User)


def test_deletions_are_not_watched_where_the_setting_is_off(settings: Any) -> None:
    """Where the setting turns it off from the start, deleting sessions costs what it costs without us."""
    settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT = False
    connect_anew()
    try:
        assert not post_delete.has_listeners(Session)
    finally:
        settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT = True
        connect_anew()
    assert post_delete.has_listeners(Session)


def test_engine_that_does_not_import_ends_no_command(settings: Any) -> None:
    """Commands that need no session run on a machine without the package of the site's sessions."""
    settings.SESSION_ENGINE = "nowhere.sessions"
    assert signing_out._session_model() is None


def test_site_without_session_tables_is_no_error(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SESSION_ENGINE has a default, and a site may have no sessions at all."""

    def get_model_class() -> Any:
        raise RuntimeError("Model class Session isn't in an application in INSTALLED_APPS.")

    monkeypatch.setattr(SessionStore, "get_model_class", get_model_class)
    assert signing_out._session_model() is None
