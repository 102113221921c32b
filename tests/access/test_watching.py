"""Tests of `ws4channels.access.watching`: who may see what passes on a key, and what they get."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Permission, PermissionsMixin, User
from django.contrib.sessions.backends.db import SessionStore

from tests.access.scopes import a_scope
from tests.sockets import Socket, connected, cookie_header
from tests.test_streams import requested
from tests.waiting import QUIET, eventually
from ws4channels.access.handshake import negotiate
from ws4channels.access.watching import PERMISSIONS, WATCHING, begin
from ws4channels.closing import aclose_sockets
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import _signed_in_session
from ws4channels.tickets import create_ticket

pytestmark = pytest.mark.django_db(transaction=True)

PATH = f"/ws/{WATCHING}"


def forbid(*args: Any) -> None:
    """A hook, rule or method that must not be called."""
    raise AssertionError(f"called with {args}")


@pytest.fixture
def paula(transactional_db: None) -> User:
    """A member of staff who may see the contents of messages."""
    user = User.objects.create_user("paula", is_staff=True)
    names = [permission.partition(".")[2] for permission in PERMISSIONS]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    assert user.user_permissions.count() == len(PERMISSIONS)
    return user


def ticket_of(user: User) -> str:
    """Return a ticket as the admin's page gets it."""
    return create_ticket(user, facility=WATCHING, channels=[], once=True)


async def session_of(user: User) -> str:
    """Return the key of a new session of a user."""
    session: SessionStore = await sync_to_async(_signed_in_session)(user, None)
    return str(session.session_key)


@pytest.mark.parametrize("prefix", [None, "ws"])
@pytest.mark.parametrize(
    ("key", "audience"),
    [
        ("broadcast:news", {"broadcast": True}),
        ("user:john:news", {"users": ["john"]}),
        ("group:a%3Ab:news", {"groups": ["a:b"]}),
    ],
)
async def test_staff_sees_what_passes_on_a_key(
    paula: User, settings: Any, prefix: str | None, key: str, audience: dict[str, Any]
) -> None:
    """The kept message comes first, and then what is published to the key, whoever it is for."""
    settings.WS4REDIS_PREFIX = prefix
    publisher = RedisPublisher(facility="news", **audience)
    await publisher.apublish_message("kept")
    key = f"{prefix}:{key}" if prefix else key
    async with connected(f"{PATH}?key={quote(key)}&ticket={await sync_to_async(ticket_of)(paula)}") as socket:
        assert await socket.next() == "kept"
        await publisher.apublish_message("now")
        assert await socket.next() == "now"
        await RedisPublisher(facility="chat", broadcast=True).apublish_message("of another facility")
        assert await socket.receive_nothing(QUIET)


@pytest.mark.parametrize(
    "limits", [None, {}, {"channels": []}, {"facility": WATCHING}, {"facility": "news", "channels": []}]
)
async def test_only_a_ticket_of_the_page_opens_it(paula: User, limits: dict[str, Any] | None) -> None:
    """Not the cookie, which other pages can have a browser send, nor a ticket that was made for something else."""
    cookies = cookie_header(await session_of(paula))
    path = f"{PATH}?key=broadcast:news"
    if limits is not None:
        ticket = await sync_to_async(create_ticket)(paula, **limits)
        path = f"{path}&ticket={ticket}"
    assert await Socket(path, headers=cookies).is_refused()


async def test_user_model_needs_no_more_than_the_admin_asks_for(paula: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user model in Django's documentation has has_perm(), and no has_perms()."""
    monkeypatch.delattr(PermissionsMixin, "has_perms")
    async with connected(f"{PATH}?key=broadcast:news&ticket={await sync_to_async(ticket_of)(paula)}"):
        pass


@pytest.mark.parametrize("prefix", [None, "ws"])
async def test_keys_of_sessions_are_refused(
    paula: User, settings: Any, prefix: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    """They stand in addresses, which servers log; the log of this package does not repeat them."""
    settings.WS4REDIS_PREFIX = prefix
    key = "ws:session:5ecret:news" if prefix else "session:5ecret:news"
    assert await Socket(f"{PATH}?key={key}&ticket={await sync_to_async(ticket_of)(paula)}").is_refused()
    assert "Keys of sessions cannot be watched" in caplog.text
    assert "5ecret" not in caplog.text


async def test_event_stream_shows_the_same(paula: User) -> None:
    """Where websockets do not get through, the same URL gives server-sent events."""
    query = f"key=broadcast:news&ticket={await sync_to_async(ticket_of)(paula)}"
    async with requested(query, path=PATH) as response:
        await eventually(lambda: "recovered" in response.text, "it has not begun")
        await RedisPublisher(facility="news", broadcast=True).apublish_message("hello")
        await eventually(lambda: "data: hello\n" in response.text, "the message is missing")


@pytest.mark.parametrize("missing", ["is_staff", "is_active", *PERMISSIONS])
async def test_who_lacks_anything_is_refused(paula: User, missing: str) -> None:
    """Both permissions are needed, and to be of the staff, when the websocket is opened."""
    ticket = await sync_to_async(ticket_of)(paula)
    if missing in PERMISSIONS:
        await paula.user_permissions.aremove(await Permission.objects.aget(codename=missing.partition(".")[2]))
    else:
        setattr(paula, missing, False)
        await paula.asave()
    assert await Socket(f"{PATH}?key=broadcast:news&ticket={ticket}").is_refused()


async def test_anonymous_client_is_refused() -> None:
    """The key alone opens nothing, even where everybody may subscribe to it."""
    assert await Socket(f"{PATH}?key=broadcast:news&subscribe-broadcast").is_refused()


@pytest.mark.parametrize(
    "words", ["", "key=", "key=news", "key=ws4channels:close", "key=ws4channels:here", "key=%ED%A0%80"]
)
async def test_what_is_no_key_of_messages_is_refused(paula: User, words: str) -> None:
    """Nobody listens to what processes tell each other."""
    ticket = await sync_to_async(ticket_of)(paula)
    assert await Socket(f"{PATH}?{words}&ticket={ticket}").is_refused()


async def test_key_of_another_prefix_is_refused(paula: User, settings: Any) -> None:
    """Nobody listens to another site on the same Redis."""
    settings.WS4REDIS_PREFIX = "ws"
    for key in ("broadcast:news", "other:broadcast:news", "broadcast:ws:news"):
        ticket = await sync_to_async(ticket_of)(paula)
        assert await Socket(f"{PATH}?key={key}&ticket={ticket}").is_refused()


async def test_nothing_can_be_published(paula: User, redis_client: Any) -> None:
    """What the client sends is dropped, whatever channels it asks for."""
    words = f"key=broadcast:news&publish-broadcast&subscribe-user&echo&ticket={await sync_to_async(ticket_of)(paula)}"
    async with connected(f"{PATH}?{words}") as socket:
        await socket.send_to("hello")
        assert await socket.receive_nothing(QUIET)
    assert redis_client.get("broadcast:news") is None


async def test_site_has_no_say(paula: User, settings: Any) -> None:
    """Hook, rule and subscriber of the site are not asked."""
    settings.WS4REDIS_PROCESS_REQUEST = settings.WS4REDIS_ALLOWED_CHANNELS = forbid
    settings.WS4REDIS_SUBSCRIBER = "tests.legacy_subscribers.SendNothing"
    await RedisPublisher(facility="news", broadcast=True).apublish_message("kept")
    ticket = await sync_to_async(ticket_of)(paula)
    async with connected(f"{PATH}?key=broadcast:news&ticket={ticket}") as socket:
        assert await socket.next() == "kept"


async def test_signing_out_ends_it(paula: User) -> None:
    """A close command for the user closes what they watch with, as it closes their other websockets."""
    ticket = await sync_to_async(ticket_of)(paula)
    async with connected(f"{PATH}?key=broadcast:news&ticket={ticket}") as socket:
        await aclose_sockets(user="paula")
        assert await socket.close_code() == 4401


async def test_without_the_admin_the_facility_is_like_any_other(paula: User, settings: Any) -> None:
    """With WS4CHANNELS_ADMIN = False nobody watches, and the name means nothing."""
    settings.WS4CHANNELS_ADMIN = False
    cookies = cookie_header(await session_of(paula))
    async with connected(f"{PATH}?key=broadcast:news&subscribe-broadcast", headers=cookies) as socket:
        await RedisPublisher(facility="news", broadcast=True).apublish_message("not for this facility")
        await RedisPublisher(facility=WATCHING, broadcast=True).apublish_message("hello")
        assert await socket.next() == "hello"


async def test_nobody_is_told_who_watches(paula: User, settings: Any, redis_client: Any) -> None:
    """Who watches is not listed as present, also where everybody is."""
    settings.WS4CHANNELS_PRESENCE = ["*"]
    scope = a_scope(f"key=broadcast:news&ticket={await sync_to_async(ticket_of)(paula)}", path=PATH)
    with ThreadPoolExecutor(1) as threads:
        agreement, _ = await negotiate(scope, threads, begin=begin)
    assert (agreement.user, agreement.presence) == ("paula", None)


async def test_posting_is_refused(paula: User, redis_client: Any) -> None:
    """Neither does a POST to the URL publish anything."""
    query = f"key=broadcast:news&publish-broadcast&ticket={await sync_to_async(ticket_of)(paula)}"
    async with requested(query, path=PATH, method="POST") as response:
        assert response.status == 403
    assert redis_client.get("broadcast:news") is None
