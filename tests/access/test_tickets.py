"""Tests of `ws4channels.access.tickets`: what a ticket opens, and what it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth import logout
from django.contrib.auth.models import Group, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.core.signing import Signer
from django.http import HttpRequest

from example_project.redis_server import RedisServer
from tests.access.scopes import a_scope, agree
from tests.silence import HOST, refusing_port
from tests.sockets import Socket, connected, cookie_header
from tests.tickets import aged_ticket, by_header
from tests.topologies import cluster_of_three
from tests.visitors import Person
from tests.waiting import QUIET
from ws4channels.access.tickets import password_marks, tickets_mark
from ws4channels.asgi import get_asgi_application
from ws4channels.audience import ticket_key
from ws4channels.closing import aclose_sockets, session_mark
from ws4channels.counters import counts
from ws4channels.subscriber import RedisSubscriber
from ws4channels.testing import FacilityCommunicator, _signed_in_session
from ws4channels.tickets import create_ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def mary(transactional_db: None) -> User:
    """The user of the tickets."""
    return User.objects.create_user("mary", password="secret")


@pytest.fixture
def john(transactional_db: None) -> User:
    """Another user."""
    return User.objects.create_user("john", password="secret")


async def session_of(user: User) -> str:
    """Return the key of a new session of a user."""
    session = await sync_to_async(_signed_in_session)(user, None)
    return str(session.session_key)


# --- how it is presented ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["ticket=", "Ticket=", "&ticket="])
async def test_ticket_in_the_address_opens_a_websocket_as_its_user(mary: User, words: str) -> None:
    """The names of parameters are read as those of channels are."""
    agreement, request = await agree(a_scope(f"subscribe-user&{words}{create_ticket(mary)}"))
    assert (agreement.subscribe_keys, agreement.user) == (("user:mary:f",), "mary")
    assert request.user == mary


@pytest.mark.parametrize("scheme", ["Ticket", "ticket", "TICKET "])
async def test_ticket_in_a_header_opens_a_websocket_as_its_user(mary: User, scheme: str) -> None:
    """The header is that of RFC 9110, 11.4, whose scheme may be in upper or lower case."""
    scope = a_scope("subscribe-user")
    scope["headers"].append((b"authorization", f"{scheme} {create_ticket(mary)}".encode()))
    assert (await agree(scope))[0].subscribe_keys == ("user:mary:f",)


@pytest.mark.parametrize("before", [[], ["chat"]])
async def test_ticket_as_a_subprotocol_opens_a_websocket_as_its_user(mary: User, before: list[str]) -> None:
    """Another subprotocol is chosen where the client offers one, which keeps the ticket out of the answer."""
    ticket = f"ticket.{create_ticket(mary)}"
    socket = Socket("/ws/f?subscribe-user", subprotocols=[*before, ticket])
    assert await socket.connect() == (True, before[0] if before else ticket)
    await socket.leave()


async def test_same_ticket_may_be_presented_twice(mary: User) -> None:
    """A client may put it into the header and the address."""
    ticket = create_ticket(mary)
    scope = a_scope(f"subscribe-user&ticket={ticket}&ticket={ticket}")
    scope["headers"] += by_header(ticket)
    assert (await agree(scope))[0].user == "mary"


async def test_different_tickets_are_refused(mary: User, john: User) -> None:
    """Nobody has to know which of them counts."""
    scope = a_scope(f"subscribe-user&ticket={create_ticket(mary)}")
    scope["headers"] += by_header(create_ticket(john))
    with pytest.raises(PermissionDenied, match=r"^There is more than one ticket\.$"):
        await agree(scope)


async def test_other_credentials_are_left_to_hooks() -> None:
    """A bearer token, or a subprotocol of the site's own, is no ticket."""
    scope = a_scope("subscribe-broadcast&token=x", subprotocols=["ticketing", "token.x"])
    scope["headers"].append((b"authorization", b"Bearer x"))
    assert (await agree(scope))[0].subscribe_keys == ("broadcast:f",)


# --- what is refused --------------------------------------------------------------------------------------------------


def deactivate(user: User) -> None:
    """Ban a user."""
    User.objects.filter(pk=user.pk).update(is_active=False)


def change_password(user: User) -> None:
    """Give a user another password."""
    user.set_password("another")
    user.save()


GONE = "The ticket's user is gone or not active."
NOT_VALID = "The ticket is not valid."


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(deactivate, GONE, id="inactive"),
        pytest.param(lambda user: User.objects.all().delete(), GONE, id="deleted"),
        pytest.param(change_password, "The password of the ticket's user has changed.", id="password"),
    ],
)
async def test_ticket_of_a_user_who_may_not_sign_in_is_refused(
    mary: User, spoil: Callable[[User], object], reason: str
) -> None:
    """The user is looked up at each handshake."""
    ticket = create_ticket(mary)
    await sync_to_async(spoil)(mary)
    with pytest.raises(PermissionDenied) as caught:
        await agree(a_scope(f"subscribe-broadcast&ticket={ticket}"))
    assert str(caught.value) == reason


async def test_lapsed_ticket_is_refused(mary: User) -> None:
    """It is good for as many seconds as it was made for, and not for one more."""
    good, lapsed = (aged_ticket(age, mary, seconds=100) for age in (90, 101))
    assert (await agree(a_scope(f"ticket={good}")))[0].user == "mary"
    with pytest.raises(PermissionDenied, match=r"^The ticket has lapsed\.$"):
        await agree(a_scope(f"ticket={lapsed}"))


async def test_header_without_a_ticket_is_refused() -> None:
    """A client that names the scheme means to be somebody."""
    scope = a_scope("subscribe-broadcast")
    scope["headers"] += by_header("")
    with pytest.raises(PermissionDenied) as caught:
        await agree(scope)
    assert str(caught.value) == NOT_VALID


def test_user_without_a_password_has_one_mark() -> None:
    """A model of the site's own need not have what Django's sessions look for."""
    assert password_marks(Person("mary")) == [""]


FORGED = [
    "",
    "x",
    ".",
    "a.b.c",
    "%FF%00.x",
    Signer(sep=".").sign_object(["1", 10**10, ""]),
    Signer(key="another site's", salt="ws4channels.tickets", sep=".").sign_object(["1", 10**10, ""]),
    Signer(salt="ws4channels.tickets", sep=".").sign_object(["of another version"]),
]


@pytest.mark.parametrize("text", FORGED)
async def test_text_that_is_no_ticket_is_refused(text: str) -> None:
    """Also an empty one: its client is not served as an anonymous one."""
    with pytest.raises(PermissionDenied) as caught:
        await agree(a_scope(f"subscribe-broadcast&ticket={text}"))
    assert str(caught.value) == NOT_VALID


async def test_changed_ticket_is_refused(mary: User) -> None:
    """Neither what it says nor its signature can be replaced by that of another."""
    said, _, signature = create_ticket(mary, "f").partition(".")
    other_said, _, other_signature = create_ticket(mary, "g").partition(".")
    for text in (f"{other_said}.{signature}", f"{said}.{other_signature}", f"{said}.", said):
        with pytest.raises(PermissionDenied) as caught:
            await agree(a_scope(f"ticket={text}"))
        assert str(caught.value) == NOT_VALID


async def test_ticket_of_a_former_key_is_good_while_that_key_is_a_fallback(mary: User, settings: Any) -> None:
    """SECRET_KEY may be replaced while clients hold tickets."""
    ticket = create_ticket(mary)
    former, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    settings.SECRET_KEY_FALLBACKS = [former]
    assert (await agree(a_scope(f"ticket={ticket}")))[0].user == "mary"
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(PermissionDenied) as caught:
        await agree(a_scope(f"ticket={ticket}"))
    assert str(caught.value) == NOT_VALID


@pytest.mark.parametrize(("code_on_refusal", "answer"), [(False, (False, None)), (True, (True, 4403))])
async def test_refusal_is_one_line_without_the_ticket(
    settings: Any, caplog: pytest.LogCaptureFixture, mary: User, code_on_refusal: bool, answer: tuple[bool, int | None]
) -> None:
    """The line has the reason; the client gets what every refused client gets."""
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = code_on_refusal
    refused_before = counts["refused"]
    ticket = create_ticket(mary, "g")
    socket = Socket(f"/ws/f?subscribe-user&ticket={ticket}", subprotocols=[f"ticket.{ticket}"])
    accepted, _ = await socket.connect()
    code = await socket.close_code() if accepted else None
    assert (accepted, code) == answer
    assert caplog.messages == ["Refused a websocket to /ws/f: PermissionDenied: The ticket is for the facility 'g'."]
    assert counts["refused"] == refused_before + 1


async def test_foreign_origin_is_refused_with_a_ticket(mary: User) -> None:
    """A page that got hold of a ticket may not use it where its origin is not allowed."""
    headers = [(b"host", b"testserver"), (b"origin", b"https://elsewhere.example")]
    path = f"/ws/f?subscribe-user&ticket={create_ticket(mary)}"
    assert await Socket(path, get_asgi_application(), headers=headers).is_refused()


# --- what it is limited to --------------------------------------------------------------------------------------------


async def test_ticket_is_good_for_its_facility_alone(mary: User) -> None:
    """None stands for any; an empty one is a facility as well."""
    for facility, path in (("a:b/ü", "/ws/a:b/ü"), ("", "/ws/"), (None, "/ws/any")):
        assert (await agree(a_scope(f"ticket={create_ticket(mary, facility)}", path)))[0].user == "mary"
    with pytest.raises(PermissionDenied, match=r"^The ticket is for the facility ''\.$"):
        await agree(a_scope(f"ticket={create_ticket(mary, '')}"))


async def test_ticket_withholds_channels_that_it_does_not_name(mary: User) -> None:
    """They are left out, with a reason in the log, as others that a client may not have."""
    ticket = create_ticket(mary, channels=["subscribe-user"])
    agreement, _ = await agree(a_scope(f"subscribe-user&publish-user&subscribe-broadcast&ticket={ticket}"))
    assert (agreement.subscribe_keys, agreement.publish_keys) == (("user:mary:f",), ())
    assert agreement.dropped == dict.fromkeys(["publish-user", "subscribe-broadcast"], "the ticket does not name it")


async def test_rule_can_allow_nothing_that_the_ticket_withholds(mary: User, settings: Any) -> None:
    """The rule is asked for what the ticket names, as the ticket's user, and may allow less."""
    asked: list[Any] = []

    def allow(request: Any, channels: list[str]) -> list[str]:
        asked.append((request.user.get_username(), channels))
        return ["subscribe-user", "publish-broadcast", "subscribe-broadcast"]

    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    ticket = create_ticket(mary, channels=["subscribe-user", "publish-user"])
    agreement, _ = await agree(a_scope(f"subscribe-user&publish-user&subscribe-broadcast&ticket={ticket}"))
    assert asked == [("mary", ["subscribe-user", "publish-user"])]
    assert (agreement.subscribe_keys, agreement.publish_keys) == (("user:mary:f",), ())


async def test_hooks_and_subscribers_see_the_ticket_s_user(mary: User, settings: Any) -> None:
    """They are called as for a user with a session; none is called for a ticket that is refused."""
    seen: list[Any] = []
    settings.WS4REDIS_PROCESS_REQUEST = lambda request: seen.append(request.user)
    settings.WS4REDIS_SUBSCRIBER = "tests.access.test_tickets.Seeing"
    _, request = await agree(a_scope(f"subscribe-user&ticket={create_ticket(mary)}"))
    assert seen == [mary]
    assert request.seen == mary
    with pytest.raises(PermissionDenied):
        await agree(a_scope("ticket=x"))
    assert seen == [mary]


class Seeing(RedisSubscriber):
    """Notes whose request it is given."""

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        """Look."""
        super().set_pubsub_channels(request, channels)
        request.seen = request.user


async def test_groups_are_those_of_the_moment(mary: User) -> None:
    """There is no session that would remember those of a sign-in."""
    await mary.groups.aadd(await Group.objects.acreate(name="staff"))
    agreement, _ = await agree(a_scope(f"subscribe-group&ticket={create_ticket(mary)}"))
    assert agreement.subscribe_keys == ("group:staff:f",)


# --- its session ------------------------------------------------------------------------------------------------------


async def test_ticket_alone_has_no_session(mary: User) -> None:
    """A channel of the session is left out, as it is for visitors."""
    agreement, _ = await agree(a_scope(f"subscribe-session&ticket={create_ticket(mary)}"))
    assert agreement.subscribe_keys == ()
    assert agreement.dropped == {"subscribe-session": "no session is stored"}


async def test_session_of_the_same_user_goes_with_the_ticket(mary: User) -> None:
    """A page of the site's own may send both, and has the channels of both."""
    key = await session_of(mary)
    for session in (None, key):
        ticket = create_ticket(mary, session=session)
        agreement, _ = await agree(a_scope(f"subscribe-session&ticket={ticket}", cookies={"sessionid": key}))
        assert (agreement.subscribe_keys, agreement.session) == ((f"session:{key}:f",), session_mark(key))


@pytest.mark.parametrize("whose", ["john's", "made up", "another of mary's"])
async def test_other_session_does_not_go_with_the_ticket(mary: User, john: User, whose: str) -> None:
    """The user is the ticket's. A ticket that names a session goes with that one alone."""
    key = "made-up" if whose == "made up" else await session_of(john if whose == "john's" else mary)
    ticket = create_ticket(mary, session="that" if whose == "another of mary's" else None)
    query = f"subscribe-session&subscribe-user&ticket={ticket}"
    agreement, request = await agree(a_scope(query, cookies={"sessionid": key}))
    assert (agreement.subscribe_keys, agreement.user) == (("user:mary:f",), "mary")
    assert agreement.session not in (None, session_mark(key))
    assert request.session.session_key is None


# --- when its websockets close ----------------------------------------------------------------------------------------


async def signed_in_request(user: User) -> HttpRequest:
    """Return a request of a browser in which a user is signed in."""
    request = HttpRequest()
    request.session, request.user = SessionStore(await session_of(user)), user
    return request


async def still_open(socket: Socket) -> None:
    """See that a websocket is open, and close it."""
    assert await socket.receive_nothing(timeout=QUIET)
    await socket.leave()


async def test_close_sockets_closes_what_a_ticket_opened(mary: User, john: User) -> None:
    """The user is known even if only broadcasts are subscribed to."""
    path = "/ws/f?subscribe-broadcast&ticket="
    socket, other = [await Socket(path + create_ticket(user)).open() for user in (mary, john)]
    await aclose_sockets(user=mary)
    assert await socket.close_code() == 4401
    await socket.leave(4401)
    await still_open(other)


async def test_signing_out_anywhere_closes_tickets_that_name_no_session(mary: User, john: User) -> None:
    """Nothing tells in which browser such a ticket was made."""
    path = "/ws/f?subscribe-broadcast&ticket="
    socket, other = [await Socket(path + create_ticket(user)).open() for user in (mary, john)]
    await sync_to_async(logout)(await signed_in_request(mary))
    assert await socket.close_code() == 4401
    await socket.leave(4401)
    await still_open(other)


async def test_ticket_that_names_a_session_ends_with_it(mary: User) -> None:
    """Its websockets close with that session and no other, and it opens no further one."""
    here, elsewhere = await signed_in_request(mary), await signed_in_request(mary)
    path = "/ws/f?subscribe-broadcast&ticket="
    tickets = [create_ticket(mary, session=request.session) for request in (here, elsewhere)]
    socket, other = [await Socket(path + ticket).open() for ticket in tickets]
    await sync_to_async(here.session.flush)()
    assert await socket.close_code() == 4401
    await socket.leave(4401)
    async with connected(path + tickets[0]) as again:
        assert await again.close_code() == 4401
    await still_open(other)


async def test_sign_out_closes_no_tickets_where_the_setting_is_off(mary: User, settings: Any) -> None:
    """WS4CHANNELS_CLOSE_ON_SIGN_OUT is about tickets as well."""
    settings.WS4CHANNELS_CLOSE_ON_SIGN_OUT = False
    socket = await Socket(f"/ws/f?subscribe-broadcast&ticket={create_ticket(mary)}").open()
    await sync_to_async(logout)(await signed_in_request(mary))
    await still_open(socket)


async def test_websockets_of_tickets_are_counted_as_those_of_a_session(mary: User, john: User, settings: Any) -> None:
    """Tickets are no way around WS4CHANNELS_MAX_SOCKETS_PER_SESSION; a made-up session key fills up nobody's number."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_SESSION = 1
    path = "/ws/f?subscribe-user"
    made_up = cookie_header(tickets_mark(str(mary.pk)))
    async with connected(path, headers=made_up), connected(f"{path}&ticket={create_ticket(mary)}"):
        assert await Socket(f"{path}&ticket={create_ticket(mary)}").is_refused()
        async with connected(f"{path}&ticket={create_ticket(john)}"):
            pass


# --- once -------------------------------------------------------------------------------------------------------------


async def test_ticket_for_one_use_opens_one_websocket(mary: User) -> None:
    """However many try at the same time; a later one is refused as well, and another ticket is not."""
    ticket = create_ticket(mary, once=True)
    attempts = (agree(a_scope(f"subscribe-user&ticket={ticket}")) for _ in range(8))
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refusals = [str(outcome) for outcome in outcomes if isinstance(outcome, PermissionDenied)]
    assert refusals == ["The ticket was used before."] * 7
    with pytest.raises(PermissionDenied, match=r"^The ticket was used before\.$"):
        await agree(a_scope(f"ticket={ticket}"))
    assert (await agree(a_scope(f"ticket={create_ticket(mary, once=True)}")))[0].user == "mary"


async def test_ticket_for_one_use_is_not_used_up_by_a_refusal(mary: User) -> None:
    """One that is presented to another facility first may be presented to its own."""
    ticket = create_ticket(mary, "f", once=True)
    with pytest.raises(PermissionDenied):
        await agree(a_scope(f"ticket={ticket}", "/ws/g"))
    assert (await agree(a_scope(f"ticket={ticket}")))[0].user == "mary"


async def test_used_ticket_is_remembered_until_it_has_lapsed(
    mary: User, settings: Any, redis_client: redis.Redis
) -> None:
    """A minute longer, for clocks that disagree; under the site's prefix; tickets for more uses are not remembered."""
    settings.WS4REDIS_PREFIX = "site"
    await agree(a_scope(f"ticket={create_ticket(mary)}"))
    assert redis_client.keys() == []
    await agree(a_scope(f"ticket={create_ticket(mary, once=True, seconds=1000)}"))
    [key] = redis_client.keys()
    assert key.startswith(b"site:ws4channels:ticket:")
    assert 1000 < redis_client.ttl(key) <= 1060


async def test_cluster_remembers_used_tickets(mary: User, settings: Any) -> None:
    """The key is on whatever node its slot is."""
    with cluster_of_three() as nodes:
        settings.WS4REDIS_CONNECTION = {"startup_nodes": [(HOST, node.port) for node in nodes]}
        for ticket in [create_ticket(mary, once=True) for _ in range(6)]:
            assert (await agree(a_scope(f"ticket={ticket}")))[0].user == "mary"
            with pytest.raises(PermissionDenied, match=r"^The ticket was used before\.$"):
                await agree(a_scope(f"ticket={ticket}"))


async def test_ticket_for_one_use_is_good_for_nothing_without_redis(mary: User, settings: Any) -> None:
    """The client is closed with 1013, as others whose handshakes need Redis."""
    ticket = create_ticket(mary, once=True)
    with refusing_port() as port:
        settings.WS4REDIS_CONNECTION = {"host": HOST, "port": port}
        with pytest.raises(redis.ConnectionError):
            await agree(a_scope(f"ticket={ticket}"))


async def test_ticket_for_one_use_is_refused_where_redis_refuses_to_remember_it(
    mary: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A Redis that is full lets nobody in twice."""
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
    with RedisServer() as own, own.client() as admin:
        admin.config_set("maxmemory", 1)
        settings.WS4REDIS_CONNECTION = {"url": own.url}
        async with FacilityCommunicator("f", f"ticket={create_ticket(mary, once=True)}") as client:
            assert (await client.receive_output())["code"] == 4403
    [line] = caplog.messages
    assert line.startswith("Refused a websocket to /ws/f: RedisRefusal: Redis refuses SET 'ws4channels:ticket:")


def test_key_of_a_used_ticket_is_no_audience_s() -> None:
    """Different tickets have different keys, and different sites as well."""
    assert ticket_key(None, "n") == "ws4channels:ticket:n"
    assert ticket_key("site", "n") == "site:ws4channels:ticket:n"
