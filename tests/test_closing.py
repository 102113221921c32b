"""Tests of `ws4channels.closing`: close commands, and the websockets that they close."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signing import Signer

from example_project.redis_server import RedisServer
from tests.layers import ALL, PUBSUB, one_layer, use
from tests.sockets import Socket, broadcast, connected
from tests.visitors import signed_in
from tests.waiting import QUIET, eventually
from ws4channels.audience import AUDIENCES, build_key, close_commands_key, group_of
from ws4channels.closing import (
    CLOSE_SIGNED_OUT,
    CloseCommand,
    aclose_sockets,
    build_close_command,
    build_session_end,
    close_sockets,
    read_close_command,
    send_close_command,
    session_mark,
)
from ws4channels.counters import counts
from ws4channels.exceptions import ClosingTypeError, ClosingValueError
from ws4channels.publisher import RedisPublisher
from ws4channels.subscriber import RedisSubscriber, facility_of
from ws4channels.testing import capture_published
from ws4channels.transports import publishing
from ws4channels.transports.messages import Publication

MARY = CloseCommand(user="mary")


# --- close commands ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ({"user": "mary"}, MARY),
        ({"user": User(username="mary")}, MARY),
        ({"user": 42}, CloseCommand(user="42")),
        ({"session": "key"}, CloseCommand(session=session_mark("key"))),
        ({"session": SimpleNamespace(session_key="key")}, CloseCommand(session=session_mark("key"))),
        ({"facility": "a:b", "code": 4000}, CloseCommand(facility="a:b", code=4000)),
        ({"facility": ""}, CloseCommand(facility="")),
        ({"facility": 42, "user": "mary"}, CloseCommand(facility="42", user="mary")),
        # Who has no name or no session has no websockets either; least of all does it mean everybody's.
        ({"user": AnonymousUser()}, None),
        ({"user": ""}, None),
        ({"session": ""}, None),
        ({"session": SimpleNamespace(session_key=None)}, None),
        ({"session": SimpleNamespace(session_key=None), "facility": "chat"}, None),
    ],
)
def test_arguments_name_whom_they_mean(arguments: dict[str, Any], command: CloseCommand | None) -> None:
    """Users and sessions may be objects or names; the session's key is not in the close command."""
    every = {"user": None, "session": None, "facility": None, "code": CLOSE_SIGNED_OUT}
    assert build_close_command(**{**every, **arguments}) == command


def test_something_must_be_named() -> None:
    """Nothing closes everything by accident."""
    with pytest.raises(ClosingTypeError) as caught:
        close_sockets()
    assert isinstance(caught.value, TypeError)
    assert str(caught.value) == "close_sockets() needs at least one of user, session and facility."


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2999, 5000])
def test_code_must_be_one_that_servers_may_send(code: int) -> None:
    """Other codes are refused before anything is sent."""
    with pytest.raises(ClosingValueError) as caught:
        close_sockets(user="mary", code=code)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == f"code is {code}; it must be 1000 to 1003, 1007 to 1014, or 3000 to 4999."


@pytest.mark.parametrize(
    ("command", "concerned"),
    [
        (CloseCommand(user="mary"), {("mary", "s", "chat"), ("mary", "t", "news")}),
        (CloseCommand(session="s"), {("mary", "s", "chat"), (None, "s", "news")}),
        (CloseCommand(facility="news"), {("mary", "t", "news"), (None, "s", "news"), (None, None, "news")}),
        (CloseCommand(user="mary", facility="news"), {("mary", "t", "news")}),
        (CloseCommand(user="john", facility="news"), set()),
        (CloseCommand(user="mary", session="s", facility="chat"), {("mary", "s", "chat")}),
    ],
)
def test_close_command_closes_sockets_that_match_all_of_it(command: CloseCommand, concerned: set[Any]) -> None:
    """Several criteria narrow it down; who is anonymous is nobody's."""
    sockets = {("mary", "s", "chat"), ("mary", "t", "news"), (None, "s", "news"), (None, None, "news")}
    assert {each for each in sockets if command.concerns(*each)} == concerned


def test_close_command_is_read_as_it_was_written() -> None:
    """What is published is read as the same close command; it is not kept, and holds no session key."""
    command = CloseCommand("mary", session_mark("session-secret"), "a:b", 4000, True)
    publication = command.publication()
    assert read_close_command(publication.raw.decode()) == command
    assert (publication.keys, publication.expire) == (("ws4channels:close",), 0)
    assert "session-secret" not in str(Signer(salt="ws4channels.closing").unsign_object(publication.raw.decode()))


def forged() -> Iterator[Any]:
    """Yield what others than this site's processes might publish."""
    signed = MARY.publication().raw.decode()
    yield pytest.param("", id="nothing")
    yield pytest.param("hello", id="text")
    yield pytest.param(b"\xff\x00", id="bytes")
    yield pytest.param('{"user": "mary"}', id="unsigned")
    yield pytest.param(signed.partition(":")[0], id="signature cut off")
    yield pytest.param("x" + signed, id="changed")
    yield pytest.param(signed + "ü", id="changed signature")
    yield pytest.param(Signer(salt="another").sign_object({"user": "mary"}), id="signed for something else")
    yield pytest.param(Signer(key="other", salt="ws4channels.closing").sign_object({"user": "mary"}), id="other site")
    yield pytest.param(Signer(salt="ws4channels.closing").sign_object(["mary"]), id="no close command")
    yield pytest.param(Signer(salt="ws4channels.closing").sign_object({"whom": "mary"}), id="other version")


@pytest.mark.parametrize("payload", list(forged()))
def test_unsigned_close_command_is_ignored(payload: str | bytes) -> None:
    """A close command is signed with SECRET_KEY; others are ignored."""
    assert read_close_command(payload) is None


def test_former_secret_key_is_good_while_it_is_being_replaced(settings: Any) -> None:
    """SECRET_KEY_FALLBACKS lets processes with the new key understand those with the former."""
    payload = MARY.publication().raw.decode()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["tests"]
    assert read_close_command(payload) == MARY


@pytest.mark.parametrize("prefix", [None, "", "site", "ws4channels", "ws4channels:close"])
def test_no_audience_has_the_key_of_close_commands(prefix: str | None) -> None:
    """Whatever users, groups, sessions and facilities are called, messages for them go elsewhere."""
    key = close_commands_key(prefix)
    for text in (key, "close_commands", "ws4channels:close", ""):
        assert key not in {build_key(prefix, audience, text, text) for audience in AUDIENCES}


# --- websockets -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def stays_open(path: str = "/ws/f?subscribe-broadcast", **scope: Any) -> AsyncIterator[Socket]:
    """Open a websocket that must still be open, and receive what is published, at the end of the block."""
    async with connected(path, **scope) as socket:
        yield socket
        await broadcast("f", "still here")
        assert await socket.next() == "still here"


async def closed_with(socket: Socket, code: int) -> None:
    """Wait until a websocket is closed with a code."""
    assert await socket.close_code() == code
    await socket.leave(code)


@pytest.fixture(params=ALL.values(), ids=ALL)
def backend(request: pytest.FixtureRequest, settings: Any) -> None:
    """Each way that messages may travel, in turn."""
    use(request.param, settings)


@pytest.mark.usefixtures("backend")
async def test_user_s_sockets_are_closed_and_no_other() -> None:
    """All websockets for which the user was looked up close, in whatever session; those of others stay."""
    first, second = signed_in("mary"), signed_in("mary")
    before = counts["closed_by_command"]
    async with stays_open(**signed_in("john")), stays_open():
        sockets = [
            await Socket("/ws/f?subscribe-user", **first).open(),
            await Socket("/ws/other?publish-user&subscribe-broadcast", **second).open(),
        ]
        await aclose_sockets(user="mary")
        for socket in sockets:
            await closed_with(socket, 4401)
    assert counts["closed_by_command"] == before + 2


async def test_session_s_sockets_are_closed_and_no_other() -> None:
    """All websockets of the session close, those included that need no session."""
    first, second = signed_in("mary"), signed_in("mary")
    async with stays_open(**second):
        sockets = [
            await Socket("/ws/f?subscribe-user", **first).open(),
            await Socket("/ws/f?subscribe-broadcast", **first).open(),
        ]
        await aclose_sockets(session=first["session"])
        for socket in sockets:
            await closed_with(socket, 4401)
        # It is not over: who comes back is let in.
        async with connected("/ws/f?subscribe-user", **first):
            pass


@pytest.mark.parametrize("session", ["object", "key"])
async def test_session_is_known_by_its_cookie(session: str) -> None:
    """A browser's websocket is its session's, although nothing of that session is looked up."""
    stored = signed_in("mary")["session"]
    cookie = [(b"cookie", f"sessionid={stored.session_key}".encode())]
    async with stays_open():
        socket = await Socket("/ws/f?subscribe-broadcast", headers=cookie).open()
        await aclose_sockets(session=stored if session == "object" else stored.session_key)
        await closed_with(socket, 4401)


async def test_facility_is_closed_with_a_code_of_the_site_s() -> None:
    """Everybody on the facility is sent the code, and nobody on another."""
    async with stays_open("/ws/f?subscribe-broadcast"):
        sockets = [await Socket("/ws/old").open(), await Socket("/ws/old?subscribe-user", **signed_in("mary")).open()]
        await aclose_sockets(facility="old", code=4123)
        for socket in sockets:
            await closed_with(socket, 4123)


async def test_several_criteria_narrow_it_down() -> None:
    """One user is closed on one facility."""
    mary = signed_in("mary")
    async with stays_open("/ws/f?subscribe-broadcast&subscribe-user", **mary):
        socket = await Socket("/ws/other?subscribe-user", **mary).open()
        await aclose_sockets(user="mary", facility="other")
        await closed_with(socket, 4401)


async def test_sync_code_closes_too() -> None:
    """A view, a task or a command calls it from its thread."""
    socket = await Socket("/ws/f?subscribe-user", **signed_in("mary")).open()
    await sync_to_async(close_sockets)(user="mary")
    await closed_with(socket, 4401)


async def test_sync_function_does_not_block_an_event_loop() -> None:
    """In a thread that runs an event loop, the sync function raises and names its twin."""
    with pytest.raises(SynchronousOnlyOperation, match=r"await aclose_sockets\(\) instead"):
        close_sockets(user="mary")


async def test_nothing_more_is_delivered_to_who_is_closed() -> None:
    """What is published after the close command does not reach its sockets, and what they send is not published."""
    async with stays_open("/ws/f?subscribe-broadcast") as other:
        socket = await Socket("/ws/f?subscribe-broadcast&publish-broadcast&subscribe-user", **signed_in("mary")).open()
        await aclose_sockets(user="mary")
        await broadcast("f", "too late")
        await socket.send_to("smuggled")
        assert await other.next() == "too late"
        await closed_with(socket, 4401)
        assert await other.receive_nothing(timeout=QUIET)


async def test_anonymous_user_is_nobody() -> None:
    """Closing the websockets of an anonymous user closes none."""
    async with stays_open():
        await aclose_sockets(user=AnonymousUser())
        await aclose_sockets(session=SimpleNamespace(session_key=None))


async def test_prefix_keeps_sites_apart(settings: Any, redis_client: redis.Redis) -> None:
    """A site that shares Redis and SECRET_KEY under another prefix closes nothing here."""
    command = MARY.publication()
    settings.WS4REDIS_PREFIX = "site"
    async with stays_open("/ws/f?subscribe-broadcast&subscribe-user", **signed_in("mary")):
        await publishing.apublish(command)
    assert command.keys == ("ws4channels:close",)
    assert MARY.publication().keys == ("site:ws4channels:close",)


async def test_close_commands_are_not_captured() -> None:
    """`capture_published` records messages, no close commands; these are not sent either while it does."""
    async with stays_open("/ws/f?subscribe-broadcast&subscribe-user", **signed_in("mary")):
        with capture_published() as published:
            await aclose_sockets(user="mary")
            await sync_to_async(close_sockets)(user="mary")
            await sync_to_async(send_close_command)(build_session_end("key"))
    assert published == []


async def test_close_commands_work_again_after_an_outage(settings: Any) -> None:
    """A server process that lost Redis, and its subscription with it, closes websockets as before when it is back."""
    with RedisServer() as server:
        settings.WS4REDIS_CONNECTION = {"url": server.url}
        settings.CHANNEL_LAYERS = one_layer(PUBSUB, hosts=[{"address": server.url, "socket_timeout": None}])
        settings.WS4CHANNELS_PROBE_INTERVAL = 0.1
        socket = await Socket("/ws/f?subscribe-user", **signed_in("mary")).open()
        server.restart()
        with server.client() as client:
            channel = f"asgi__group__{group_of(close_commands_key(None))}"
            await eventually(lambda: client.pubsub_numsub(channel)[0][1], "the process listens again")
        await aclose_sockets(user="mary")
        await closed_with(socket, 4401)


# --- nobody else sends or reads close commands ------------------------------------------------------------------------


class NamesAnything(RedisSubscriber):
    """A site's subscriber that lets the URL say what to subscribe and publish to."""

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        super().set_pubsub_channels(request, channels)
        if "listen" in request.GET:
            self._subscription.subscribe(facility_of(request))
        if "talk" in request.GET:
            self._publishers.add(facility_of(request))

    def publish_message(self, message: Any, expire: Any = None) -> None:
        """Let the message itself say where it goes."""
        key, _, text = message.partition(b" ")
        if key == b"to-close-commands":
            self._publishers = {close_commands_key(None)}
        super().publish_message(text, expire)


@pytest.mark.parametrize("verb", ["listen", "talk"])
async def test_subscriber_that_names_the_key_of_close_commands_is_refused(
    settings: Any, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    """A subscriber that would read or send close commands is refused, and the log says why; other names are free."""
    settings.WS4REDIS_SUBSCRIBER = f"{__name__}.NamesAnything"
    async with connected(f"/ws/own:key?{verb}"):
        pass
    socket = Socket(f"/ws/ws4channels:close?{verb}")
    assert await socket.is_refused()
    await socket.leave(1006)
    assert caplog.messages == [
        "Refused a websocket to /ws/ws4channels:close: SuspiciousOperation: "
        "The subscriber names the key of close commands."
    ]


@pytest.mark.parametrize("prefix", [None, "site"])
@pytest.mark.parametrize(
    "name", ["processes", "answers:0", "ticket:0", "last:{broadcast:news}", "log:{broadcast:news}"]
)
async def test_subscriber_that_names_another_key_of_this_package_is_refused(
    settings: Any, redis_client: Any, prefix: str | None, name: str
) -> None:
    """A message there would take the place of what processes tell of themselves, of used tickets or of the history."""
    settings.WS4REDIS_SUBSCRIBER = f"{__name__}.NamesAnything"
    settings.WS4REDIS_PREFIX = prefix
    for lead in ("", f"{prefix}:") if prefix else ("",):
        assert await Socket(f"/ws/{quote(f'{lead}ws4channels:{name}')}?talk").is_refused()


async def test_close_command_of_a_client_is_ignored(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Where a site publishes what a client sent to the key of close commands, nothing closes; it is counted."""
    settings.WS4REDIS_SUBSCRIBER = f"{__name__}.NamesAnything"
    before = counts["close_commands_refused"]
    unsigned = Signer(key="guessed", salt="ws4channels.closing").sign_object({"facility": "f"})
    async with stays_open(), connected("/ws/f?publish-broadcast") as client:
        await client.send_to(f"to-close-commands {unsigned}")
        await eventually(lambda: counts["close_commands_refused"] == before + 1, "the close command is counted")
    assert caplog.messages == ["Ignored a close command that was not signed with this site's SECRET_KEY."]


@pytest.mark.usefixtures("backend")
async def test_publishing_to_the_key_reaches_no_client() -> None:
    """A message at the key of close commands is a close command or nothing; no client is subscribed to it."""
    before = counts["close_commands_refused"]
    async with stays_open() as socket:
        await publishing.apublish(Publication((close_commands_key(None),), b"hello", 60))
        await eventually(lambda: counts["close_commands_refused"] == before + 1, "it is counted")
        assert await socket.receive_nothing(timeout=QUIET)


@pytest.mark.parametrize("facility", ["ws4channels:close", ":ws4channels:close", "close_commands"])
async def test_facility_with_the_name_of_the_key_is_an_ordinary_one(facility: str) -> None:
    """Clients and publishers may call facilities what they like."""
    before = counts["close_commands_refused"]
    async with connected(f"/ws/{facility}?subscribe-broadcast&publish-broadcast&echo") as socket:
        await socket.send_to(MARY.publication().raw.decode())
        assert await socket.next() == MARY.publication().raw.decode()
        await RedisPublisher(facility=facility, broadcast=True).apublish_message("hello")
        assert await socket.next() == "hello"
    assert counts["close_commands_refused"] == before


def test_only_sessions_that_end_have_a_final_close_command() -> None:
    """`close_sockets` ends nobody's session."""
    assert build_close_command("mary", "key", None, 4401) == replace(MARY, session=session_mark("key"), is_final=False)
