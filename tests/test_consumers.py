"""Tests of `ws4channels.consumers`: the original's protocol, as one websocket speaks it at ASGI level."""

from __future__ import annotations

import asyncio
import gc
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
import redis
from channels.layers import get_channel_layer
from django.core.exceptions import PermissionDenied

from example_project.redis_server import RedisServer
from tests import layers
from tests.layers import CORE, IN_MEMORY, PUBSUB, REDIS, one_layer
from tests.monitor import arrived, kept_keys, listening, without_numbers
from tests.sockets import Socket, broadcast, connected
from tests.visitors import signed_in
from tests.waiting import QUIET, TIMEOUT, eventually
from ws4channels import settings as ws4channels_settings
from ws4channels.audience import close_commands_key, group_name, group_of
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts
from ws4channels.delivery.outbox import Outbox
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import FacilityCommunicator

FACILITIES = [
    "chat",
    "a:b",
    "id/events",
    "US~CA#General",
    "trailing/",
    "ünï🙂",
    "42",
    str(uuid.UUID(int=7)),
    "with space",
    "per%cent",
    "ws/nested",
    "question?mark&more",
]


@pytest.fixture
def counted() -> dict[str, int]:
    """What the counters said when the test began."""
    return dict(counts)


def since(counted: dict[str, int], *names: str) -> list[int]:
    """Return by how much counters have grown."""
    return [counts[name] - counted.get(name, 0) for name in names]


# --- facilities -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("facility", FACILITIES)
async def test_facility_is_what_follows_the_websocket_url(facility: str, redis_client: redis.Redis) -> None:
    """Any text is a facility: it is published and subscribed to under exactly that name."""
    async with connected(f"/ws/{quote(facility)}?subscribe-broadcast&publish-broadcast&echo") as socket:
        await broadcast(facility, "from the site")
        assert await socket.next() == "from the site"
        await socket.send_to("from the client")
        assert await socket.next() == "from the client"
    assert redis_client.get(f"broadcast:{facility}") == b"from the client"


async def test_facility_may_be_empty(redis_client: redis.Redis) -> None:
    """A websocket to the bare WEBSOCKET_URL opens; its facility is the empty string."""
    redis_client.set("broadcast:", "kept for the empty facility")
    async with connected("/ws/?subscribe-broadcast") as socket:
        assert await socket.next() == "kept for the empty facility"


@pytest.mark.parametrize(
    ("websocket_url", "path", "facility"),
    [
        ("/ws/", "/ws/a/ws/b", "a/ws/b"),
        ("/stream", "/stream/chat", "/chat"),
        ("/stream", "/streamchat", "chat"),
        ("/", "/chat", "chat"),
        ("/ws/", "/en/ws/chat", "/enchat"),
    ],
)
async def test_websocket_url_is_removed_once(
    settings: Any, redis_client: redis.Redis, websocket_url: str, path: str, facility: str
) -> None:
    """The facility is the path without the first WEBSOCKET_URL in it, whatever that looks like."""
    settings.WEBSOCKET_URL = websocket_url
    redis_client.set(f"broadcast:{facility}", "kept")
    async with connected(f"{path}?subscribe-broadcast") as socket:
        assert await socket.next() == "kept"


async def test_facility_is_below_the_root_path(redis_client: redis.Redis) -> None:
    """Where a server mounts the site below a path, that path is no part of the facility."""
    redis_client.set("broadcast:chat", "kept")
    async with connected("/site/ws/chat?subscribe-broadcast", root_path="/site") as socket:
        assert await socket.next() == "kept"


# --- channels ---------------------------------------------------------------------------------------------------------

NAMED = ["user", "group", "session"]


def keys_of(audience: str, scope: dict[str, Any], facility: str = "f") -> set[str]:
    """Return the keys of an audience for a client with this scope."""
    names = {"user": ["john"], "group": ["chatters", "staff"], "session": [scope["session"].session_key]}
    if audience == "broadcast":
        return {f"broadcast:{facility}"}
    return {f"{audience}:{name}:{facility}" for name in names[audience]}


@pytest.fixture
def john() -> dict[str, Any]:
    """The scope of John, who is signed in and in two groups."""
    return signed_in("john", ["chatters", "staff"])


@pytest.mark.parametrize("audience", [*NAMED, "broadcast"])
async def test_client_receives_for_the_audience_it_subscribed_to(
    audience: str, john: dict[str, Any], redis_client: redis.Redis
) -> None:
    """`subscribe-…` brings the live and kept messages of that audience, and of no other."""
    for key in keys_of(audience, john):
        redis_client.set(key, f"kept at {key}")
    async with connected(f"/ws/f?subscribe-{audience}", **john) as socket:
        kept = await socket.take(len(keys_of(audience, john)))
        assert set(kept) == {f"kept at {key}" for key in keys_of(audience, john)}
        own: dict[str, Any] = {"broadcast": True} if audience == "broadcast" else {}
        if audience != "broadcast":
            own = {f"{audience}s": [key.split(":")[1] for key in keys_of(audience, john)]}
        others = {
            "users": ["mary"],
            "groups": ["others"],
            "sessions": ["another"],
        }
        await RedisPublisher(facility="f", **others).apublish_message("for somebody else")
        await RedisPublisher(facility="another", **own).apublish_message("on another facility")
        await RedisPublisher(facility="f", **own).apublish_message("live")
        expected = ["live"] * len(keys_of(audience, john))
        assert await socket.take(len(expected)) == expected


@pytest.mark.parametrize("audience", [*NAMED, "broadcast"])
async def test_client_publishes_to_the_audience_it_asked_for(
    audience: str, john: dict[str, Any], redis_client: redis.Redis
) -> None:
    """`publish-…` publishes what the client sends to that audience alone, and keeps it."""
    async with connected(f"/ws/f?publish-{audience}", **john) as socket:
        await socket.send_to("hello")
    assert kept_keys(redis_client) == keys_of(audience, john)
    for key in keys_of(audience, john):
        assert redis_client.get(key) == b"hello"


async def test_all_channels_can_be_asked_for_at_once(john: dict[str, Any], redis_client: redis.Redis) -> None:
    """The eight channels and echo go together: a message comes back over each channel that was published to."""
    verbs = "&".join(f"{verb}-{audience}" for verb in ("subscribe", "publish") for audience in [*NAMED, "broadcast"])
    async with connected(f"/ws/f?{verbs}&echo", **john) as socket:
        await socket.send_to("hello")
        assert await socket.take(5) == ["hello"] * 5
    assert len(kept_keys(redis_client)) == 5


@pytest.mark.parametrize(
    "query",
    [
        "subscribe-broadcast",
        "SUBSCRIBE-Broadcast",
        "%20subscribe-broadcast%20",
        "+Subscribe-BROADCAST+",
        "subscribe-broadcast=",
        "subscribe-broadcast=no&subscribe-broadcast=never",
        "token=secret&subscribe-broadcast&ts=1700000000",
        "subscribe=broadcast",
        "Subscribe=+BROADCAST+",
        "subscribe=user&subscribe=broadcast",
        "unknown&subscribe-everything&subscribe-broadcast&publish-",
        "subscribe-broadcast&%ff%fe=%ff",
        "&&subscribe-broadcast&&",
    ],
)
async def test_names_of_parameters_count(query: str) -> None:
    """Names are stripped and lower-cased, their values ignored, and unknown names as well."""
    async with connected(f"/ws/f?{query}") as socket:
        await broadcast("f", "received")
        assert await socket.next() == "received"


@pytest.mark.parametrize(
    "query",
    ["", "unknown", "value=subscribe-broadcast", "subscribe", "subscribe-", "subscribe=", "echo", "subscribebroadcast"],
)
async def test_client_without_channels_is_welcome(query: str, redis_client: redis.Redis) -> None:
    """A websocket that asks for nothing opens, hears nothing, and what it sends is not published."""
    redis_client.set("broadcast:f", "kept")
    async with connected(f"/ws/f?{query}") as socket:
        await socket.send_to("into the void")
        await broadcast("f", "live")
        await socket.send_to("still open")
        assert await socket.receive_nothing(timeout=QUIET)
    assert kept_keys(redis_client) == {"broadcast:f"}
    assert redis_client.get("broadcast:f") == b"kept"


async def test_prefix_stands_before_every_key(settings: Any, redis_client: redis.Redis) -> None:
    """With WS4REDIS_PREFIX, sites that share a Redis do not hear each other."""
    settings.WS4REDIS_PREFIX = "mysite"
    redis_client.set("mysite:broadcast:f", "ours")
    redis_client.set("broadcast:f", "theirs")
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
        assert await socket.next() == "ours"
        await socket.send_to("hello")
        assert await socket.next() == "hello"
    assert redis_client.get("mysite:broadcast:f") == b"hello"
    assert redis_client.get("broadcast:f") == b"theirs"


# --- who --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["subscribe", "publish"])
async def test_anonymous_client_has_no_channels_of_its_own(verb: str, redis_client: redis.Redis) -> None:
    """Somebody who is not signed in and has no session stays connected and gets the broadcast channel alone."""
    query = "&".join(f"{verb}-{audience}" for audience in [*NAMED, "broadcast"])
    async with connected(f"/ws/f?{query}") as socket:
        await socket.send_to("hello")
        await broadcast("f", "live", expire=60)
        if verb == "subscribe":
            assert await socket.next() == "live"
    assert kept_keys(redis_client) == {"broadcast:f"}


async def test_anonymous_clients_share_nothing(redis_client: redis.Redis) -> None:
    """What one anonymous client publishes to its user, groups and session reaches no other one."""
    query = "&".join(f"{verb}-{audience}" for verb in ("subscribe", "publish") for audience in NAMED)
    async with connected(f"/ws/f?{query}&echo") as one, connected(f"/ws/f?{query}&echo&subscribe-broadcast") as other:
        await one.send_to("mine")
        await one.send_to("mine too")
        await one.leave()
        await broadcast("f", "end")
        assert await other.until("end") == []
    assert redis_client.keys() == []


async def test_visitor_with_a_session_has_a_session_channel(redis_client: redis.Redis) -> None:
    """A stored session makes a session channel, signed in or not; a user and groups need somebody signed in."""
    visitor = signed_in("john", ["chatters"])
    del visitor["user"]
    key = visitor["session"].session_key
    query = "&".join(f"publish-{audience}" for audience in NAMED)
    async with connected(f"/ws/f?{query}", **visitor) as socket:
        await socket.send_to("hello")
    assert kept_keys(redis_client) == {f"session:{key}:f"}


async def test_groups_are_those_that_the_session_remembers(redis_client: redis.Redis) -> None:
    """A site may write any names into the session: rooms, UUIDs, numbers, names with colons."""
    scope = signed_in("john", ["room 7", "a:b", 42, "ünï"])
    async with connected("/ws/f?subscribe-group&publish-group&echo", **scope) as socket:
        await RedisPublisher(facility="f", groups=["a:b"]).apublish_message("to a:b", expire=0)
        assert await socket.next() == "to a:b"
        await socket.send_to("hello")
        assert await socket.take(4) == ["hello"] * 4
    keys = kept_keys(redis_client)
    assert keys == {"group:room 7:f", "group:a%3Ab:f", "group:42:f", "group:ünï:f"}


async def test_sessions_of_one_user_are_apart() -> None:
    """Two browsers of one user share the user's channel, and not their sessions'."""
    desk, phone = signed_in("john"), signed_in("john")
    query = "subscribe-user&subscribe-session"
    async with connected(f"/ws/f?{query}", **desk) as one, connected(f"/ws/f?{query}", **phone) as other:
        await RedisPublisher(facility="f", sessions=[desk["session"].session_key]).apublish_message("desk", expire=0)
        await RedisPublisher(facility="f", users=["john"]).apublish_message("both", expire=0)
        assert await one.until("both") == ["desk"]
        assert await other.until("both") == []


# --- echo and heartbeat -----------------------------------------------------------------------------------------------


async def test_own_message_does_not_come_back() -> None:
    """Without echo, a client's last message is not sent to it, while others get it."""
    query = "subscribe-broadcast&publish-broadcast"
    async with connected(f"/ws/f?{query}") as one, connected(f"/ws/f?{query}") as other:
        await one.send_to("hello")
        assert await other.next() == "hello"
        await other.send_to("answer")
        assert await one.next() == "answer"


async def test_equal_message_of_somebody_else_is_left_out() -> None:
    """Without echo, what counts is the message, not who published it."""
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await socket.send_to("same")
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken the message")
        await broadcast("f", "other", "same", "end")
        assert await socket.until("end") == ["other"]


async def test_only_the_last_message_is_left_out() -> None:
    """Without echo, what the client sent before its last message is sent to it when somebody publishes it again."""
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await socket.send_to("first")
        await socket.send_to("second")
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken both")
        await broadcast("f", "first", "second", "end")
        assert await socket.until("end") == ["first"]


async def test_echo_brings_own_messages_back() -> None:
    """With echo, everything is sent, the client's own messages in order."""
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
        for payload in ("one", "two", "two"):
            await socket.send_to(payload)
        assert await socket.take(3) == ["one", "two", "two"]


async def test_text_and_bytes_of_equal_content_are_equal() -> None:
    """A binary frame that holds text counts as that text, for echo as well."""
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await socket.send_to(bytes_data=b"same")
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken the message")
        await broadcast("f", "same", b"same", "end")
        assert await socket.until("end") == []
        await socket.send_to(bytes_data=b"\xff\x00")
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken the message")
        await broadcast("f", b"\xff\x00", b"\xff\x01", "end")
        assert await socket.until("end") == [b"\xff\x01"]


async def test_heartbeat_of_the_client_is_dropped(settings: Any, redis_client: redis.Redis) -> None:
    """A message that equals the heartbeat is not published; as in the original, it ends the withholding."""
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 3600
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast") as socket:
        await socket.send_to("last")
        await eventually(lambda: redis_client.get("broadcast:f") == b"last", "it is published")
        await broadcast("f", "back")
        assert await socket.until("back") == []
        await socket.send_to("--heartbeat--")
        await socket.send_to(bytes_data=b"--heartbeat--")
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken all")
        assert redis_client.get("broadcast:f") == b"last"
        await broadcast("f", "last", "end")
        assert await socket.until("end") == ["last"]


async def test_heartbeat_is_sent_to_every_socket(settings: Any) -> None:
    """Every websocket is sent the heartbeat again and again, also one without any channel."""
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.1
    async with connected("/ws/f") as one, connected("/ws/f?subscribe-broadcast&echo") as other:
        for socket in (one, other):
            assert await socket.take(3) == ["--heartbeat--"] * 3


async def test_without_the_setting_no_heartbeat_is_sent(settings: Any, redis_client: redis.Redis) -> None:
    """By default there are no heartbeats, and their usual text is a message as any other."""
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.01
    async with connected("/ws/f?publish-broadcast") as socket:
        await socket.send_to("--heartbeat--")
        assert await socket.receive_nothing(timeout=QUIET)
    assert redis_client.get("broadcast:f") == b"--heartbeat--"


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "payload"),
    [
        (b"plain", "plain"),
        ("Grüße 🙂".encode(), "Grüße 🙂"),
        (b"\xff\xfe", b"\xff\xfe"),
        (b"\x00", "\x00"),
        (b"half \xf0\x9f", b"half \xf0\x9f"),
        (b'{"json": true}', '{"json": true}'),
    ],
)
async def test_utf8_goes_out_as_text_and_all_else_as_binary(raw: bytes, payload: str | bytes) -> None:
    """Valid UTF-8 is a text frame and other bytes are a binary frame, live and kept."""
    async with connected("/ws/f?subscribe-broadcast") as live:
        await broadcast("f", raw, expire=60)
        assert await live.next() == payload
        async with connected("/ws/f?subscribe-broadcast") as kept:
            assert await kept.next() == payload


async def test_binary_frame_is_kept_byte_for_byte(redis_client: redis.Redis) -> None:
    """Bytes that a client sends are published and kept as they are."""
    raw = bytes(range(256))
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
        await socket.send_to(bytes_data=raw)
        assert await socket.next() == raw
    assert redis_client.get("broadcast:f") == raw


@pytest.mark.parametrize(
    "event", [{"text": ""}, {"bytes": b""}, {"text": None, "bytes": b""}, {"text": "", "bytes": None}]
)
async def test_empty_frame_is_not_published(event: dict[str, Any], redis_client: redis.Redis) -> None:
    """An empty message of a client is neither published nor kept; as in the original, it ends the withholding."""
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast") as socket:
        await socket.send_to("before")
        await eventually(lambda: redis_client.get("broadcast:f") == b"before", "it is published")
        await broadcast("f", "back")
        assert await socket.until("back") == []
        await socket.send_input({"type": "websocket.receive", **event})
        await eventually(lambda: not socket.input_queue.qsize(), "the consumer has taken it")
        assert redis_client.get("broadcast:f") == b"before"
        await broadcast("f", "before", "end")
        assert await socket.until("end") == ["before"]


async def test_frames_of_one_client_are_published_in_order() -> None:
    """What a client sends in a row arrives in that row."""
    expected = [str(number) for number in range(100)]
    async with connected("/ws/f?subscribe-broadcast") as reader, connected("/ws/f?publish-broadcast") as writer:
        for payload in expected:
            await writer.send_to(payload)
        assert await reader.take(100) == expected


@pytest.mark.parametrize(("expire", "ttl"), [(3600, 3600), (7, 7), (0, -2), (-1, -2), (None, -2)])
async def test_message_of_a_client_is_kept_for_the_default_time(
    settings: Any, redis_client: redis.Redis, expire: int | None, ttl: int
) -> None:
    """What a client publishes is kept for WS4REDIS_EXPIRE seconds, or not at all."""
    settings.WS4REDIS_EXPIRE = expire
    async with connected("/ws/f?publish-broadcast&subscribe-broadcast&echo") as socket:
        await socket.send_to("hello")
        assert await socket.next() == "hello"
    assert ttl - 2 <= redis_client.ttl("broadcast:f") <= ttl


# --- kept messages ----------------------------------------------------------------------------------------------------


async def test_kept_messages_come_first(john: dict[str, Any], redis_client: redis.Redis) -> None:
    """On connect a client is sent the kept message of each of its channels, before anything live."""
    redis_client.set("broadcast:f", "set by hand")
    redis_client.set("group:staff:f", b"\xff")
    redis_client.set("user:mary:f", "not for john")
    await RedisPublisher(facility="f", users=["john"]).apublish_message("published")
    async with connected("/ws/f?subscribe-broadcast&subscribe-user&subscribe-group", **john) as socket:
        await broadcast("f", "live")
        kept = await socket.until("live")
    assert sorted(map(str, kept)) == sorted(map(str, ["set by hand", b"\xff", "published"]))


async def test_newest_message_alone_is_kept() -> None:
    """One name keeps one message; what was published with expire=0 leaves the kept one as it is."""
    await broadcast("f", "older", "newer", expire=60)
    await broadcast("f", "not kept")
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "live")
        assert await socket.until("live") == ["newer"]


@pytest.mark.parametrize("value", ["", None], ids=["empty", "deleted"])
async def test_kept_message_that_is_empty_or_gone_is_not_sent(value: str | None, redis_client: redis.Redis) -> None:
    """An empty value at a key is no message, and neither is one that has been deleted."""
    await broadcast("f", "kept", expire=60)
    redis_client.delete("broadcast:f")
    if value is not None:
        redis_client.set("broadcast:f", value)
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "live")
        assert await socket.until("live") == []


async def test_value_of_another_type_is_no_kept_message(redis_client: redis.Redis) -> None:
    """A site's own hash or list under such a name does no harm."""
    redis_client.rpush("broadcast:f", "a", "b")
    async with connected("/ws/f?subscribe-broadcast") as socket:
        await broadcast("f", "live")
        assert await socket.until("live") == []


# --- opening and closing ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("offered", "chosen"), [([], None), (["v1"], "v1"), (["v2", "v1"], "v2")])
async def test_first_offered_subprotocol_is_returned(offered: list[str], chosen: str | None) -> None:
    """A subprotocol that the client offers is accepted and returned."""
    socket = Socket("/ws/f", subprotocols=offered)
    assert await socket.connect(timeout=TIMEOUT) == (True, chosen)
    await socket.leave()


@pytest.mark.parametrize("code", [1000, 1001, 1005, 1006, 1011, 3000, 4999, None])
async def test_any_close_code_is_taken(code: int | None, counted: dict[str, int]) -> None:
    """However a client closes, the application ends without an error."""
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    await socket.leave(code)  # type: ignore[arg-type]
    assert since(counted, "sockets_opened", "sockets_closed") == [1, 1]


async def test_client_that_goes_at_once_is_no_error(counted: dict[str, int]) -> None:
    """A client that disconnects while it is still being connected leaves nothing behind."""
    socket = Socket("/ws/f?subscribe-broadcast")
    await socket.send_input({"type": "websocket.connect"})
    await socket.leave(1006)
    assert since(counted, "sockets_opened", "sockets_closed") == [1, 1]


@pytest.mark.parametrize("binary", [False, True])
async def test_too_large_frame_closes_with_1009(
    settings: Any, redis_client: redis.Redis, counted: dict[str, int], caplog: pytest.LogCaptureFixture, binary: bool
) -> None:
    """A frame above the limit in bytes is not published; the client is closed with 1009 and the log says why."""
    settings.WS4CHANNELS_MAX_MESSAGE_SIZE = 10
    socket = await Socket("/ws/f?publish-broadcast&subscribe-broadcast&echo").open()
    await socket.send_to("x" * 10)
    assert await socket.next() == "x" * 10
    await socket.send_to(*([None, b"\xff" * 11] if binary else ["ü" * 5 + "x"]))
    assert await socket.close_code() == 1009
    await socket.leave(1009)
    assert redis_client.get("broadcast:f") == b"x" * 10
    assert since(counted, "too_large", "sockets_closed") == [1, 1]
    assert caplog.messages == ["Closed a websocket whose client sent 11 bytes; WS4CHANNELS_MAX_MESSAGE_SIZE is 10."]


async def test_nothing_is_published_after_the_server_has_closed(settings: Any, redis_client: redis.Redis) -> None:
    """What a client sends after its oversized frame, before it notices that it is closed, is not published."""
    settings.WS4CHANNELS_MAX_MESSAGE_SIZE = 10
    socket = await Socket("/ws/f?publish-broadcast").open()
    await socket.send_to("x" * 11)
    await socket.send_to("smuggled")
    assert await socket.close_code() == 1009
    await socket.leave(1009)
    assert redis_client.keys() == []


# --- hooks ------------------------------------------------------------------------------------------------------------


def refuse_everybody(request: Any, channels: list[str]) -> list[str]:
    """Stand for a site's rule."""
    raise PermissionDenied("Members only.")


async def test_permission_denied_refuses_before_accept(
    settings: Any, counted: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """A rule that raises PermissionDenied makes HTTP status 403, counted and logged with its reason."""
    settings.WS4REDIS_ALLOWED_CHANNELS = refuse_everybody
    socket = Socket("/ws/f?subscribe-broadcast")
    assert await socket.is_refused()
    await socket.leave(1006)
    assert since(counted, "refused", "sockets_opened", "sockets_closed") == [1, 0, 0]
    assert caplog.messages == ["Refused a websocket to /ws/f: PermissionDenied: Members only."]


async def test_refusal_can_be_told_to_javascript(settings: Any, counted: dict[str, int]) -> None:
    """With WS4CHANNELS_CLOSE_CODE_ON_REFUSAL a refused client is accepted and closed with 4403, without the reason."""
    settings.WS4REDIS_ALLOWED_CHANNELS = refuse_everybody
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
    socket = await Socket("/ws/f?subscribe-broadcast&publish-broadcast").open()
    assert await socket.receive_output(timeout=TIMEOUT) == {"type": "websocket.close", "code": 4403}
    await socket.send_to("ignored")
    await socket.leave(4403)
    assert since(counted, "refused", "sockets_opened", "sockets_closed") == [1, 0, 0]


async def test_refused_client_is_given_its_subprotocol(settings: Any) -> None:
    """Browsers break off an accepted websocket that answers no subprotocol they offered: JavaScript would see 1006."""
    settings.WS4REDIS_ALLOWED_CHANNELS = refuse_everybody
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = True
    socket = Socket("/ws/f", subprotocols=["v1"])
    assert await socket.connect(timeout=TIMEOUT) == (True, "v1")
    assert await socket.close_code() == 4403
    await socket.leave(4403)


async def test_hooks_run_in_a_bounded_number_of_threads(settings: Any) -> None:
    """However many clients come, their sync hooks run in WS4CHANNELS_HANDSHAKE_THREADS threads at most, used again."""
    settings.WS4CHANNELS_HANDSHAKE_THREADS = 3
    used: set[int] = set()

    def allow(request: Any, channels: list[str]) -> list[str]:
        used.add(threading.get_ident())
        return channels

    settings.WS4REDIS_ALLOWED_CHANNELS = allow
    before = threading.active_count()
    for _ in range(3):
        sockets = [Socket("/ws/f?subscribe-broadcast") for _ in range(20)]
        await asyncio.gather(*(socket.open() for socket in sockets))
        await asyncio.gather(*(socket.leave() for socket in sockets))
    assert 1 <= len(used) <= 3
    assert threading.active_count() <= before + 3


class RuleError(Exception):
    """What a site's hook did not expect."""


def fail(request: Any, channels: Any = None) -> Any:
    """Stand for a hook with a defect."""
    raise RuleError("secret detail")


@pytest.mark.parametrize("hook", ["WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"])
@pytest.mark.parametrize("tells", [True, False])
async def test_hook_that_fails_refuses_and_tells_nothing(
    settings: Any, counted: dict[str, int], hook: str, tells: bool
) -> None:
    """An unexpected exception reaches the server, which answers 500; the client is sent nothing at all."""
    setattr(settings, hook, fail)
    settings.WS4CHANNELS_CLOSE_CODE_ON_REFUSAL = tells
    socket = Socket("/ws/f?subscribe-broadcast")
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(RuleError, match="secret detail"):
        await socket.wait(timeout=TIMEOUT)
    assert socket.output_queue.empty()
    assert since(counted, "sockets_opened", "sockets_closed") == [0, 0]


async def test_assigned_module_attribute_takes_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that is assigned to the settings module, as with the original's, is asked from then on."""
    asked = []

    def allow_nothing(request: Any, channels: list[str]) -> list[str]:
        asked.append(channels)
        return []

    monkeypatch.setitem(vars(ws4channels_settings), "WS4REDIS_ALLOWED_CHANNELS", allow_nothing)
    async with connected("/ws/f?subscribe-broadcast&publish-user") as socket:
        await broadcast("f", "unheard")
        assert await socket.receive_nothing(timeout=QUIET)
    assert asked == [["subscribe-broadcast", "publish-user"]]


async def test_wrong_path_of_a_rule_refuses(settings: Any) -> None:
    """A rule whose path does not import lets nobody in."""
    settings.WS4REDIS_ALLOWED_CHANNELS = "tests.nowhere.rule"
    socket = Socket("/ws/f?subscribe-broadcast")
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(ConfigurationError) as caught:
        await socket.wait(timeout=TIMEOUT)
    assert str(caught.value) == (
        "WS4REDIS_ALLOWED_CHANNELS is 'tests.nowhere.rule', which does not import: "
        "ModuleNotFoundError(\"No module named 'tests.nowhere'\")."
    )
    assert socket.output_queue.empty()


# --- Redis that does not answer ---------------------------------------------------------------------------------------


@pytest.fixture(params=[PUBSUB, CORE, REDIS], ids=["pubsub", "core", "redis"])
def own_redis(request: pytest.FixtureRequest, settings: Any) -> Iterator[RedisServer]:
    """A Redis that the test may stop."""
    with RedisServer() as server:
        settings.WS4REDIS_CONNECTION = {"url": server.url}
        if request.param == REDIS:
            layers.use(REDIS, settings)
        else:
            hosts = [{"address": server.url, "socket_timeout": None}]
            settings.CHANNEL_LAYERS = one_layer(request.param, hosts=hosts)
        yield server


async def turned_away() -> None:
    """Connect and be told to come later."""
    socket = Socket("/ws/f?subscribe-broadcast", subprotocols=["v1"])
    assert await socket.connect(timeout=TIMEOUT) == (True, "v1")
    assert await socket.close_code() == 1013
    await socket.leave(1013)


async def test_client_that_comes_while_redis_is_down_is_told_to_come_later(
    own_redis: RedisServer,
    counted: dict[str, int],
    caplog: pytest.LogCaptureFixture,
    what_is_left: Callable[[], list[Any]],
) -> None:
    """It is accepted, closed with 1013, and logged with host and port; once Redis is back, the server works again."""
    own_redis.stop()
    await turned_away()
    tasks = len(asyncio.all_tasks())
    for _ in range(4):
        await turned_away()
    text = f"Closed a new websocket, because 127.0.0.1:{own_redis.port} does not answer: "
    ours = [message for message in caplog.messages if message.startswith("Closed")]
    assert len(ours) == 5
    assert all(message.startswith(text) for message in ours)
    assert since(counted, "redis_failures", "sockets_opened") == [5, 0]
    caplog.clear()  # the errors in its records hold on to the frames that they passed
    await eventually(lambda: what_is_left() == [], "nothing is left of those clients")
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "no task is left of those clients")
    own_redis.start()
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
        await socket.send_to("hello again")
        assert await socket.next() == "hello again"


async def test_counters_agree_after_clients_that_were_turned_away(
    own_redis: RedisServer, counted: dict[str, int]
) -> None:
    """A client that was never served counts neither as opened nor as closed."""
    own_redis.stop()
    await turned_away()
    opened, closed = since(counted, "sockets_opened", "sockets_closed")
    assert opened == closed


@pytest.mark.parametrize("own_redis", [PUBSUB, REDIS], ids=["pubsub", "redis"], indirect=True)
async def test_client_that_publishes_while_redis_is_down_is_closed(
    own_redis: RedisServer, counted: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """A message that cannot be published closes its client's websocket with 1013, and the log says why."""
    socket = await Socket("/ws/f?publish-broadcast").open()
    own_redis.stop()
    await socket.send_to("lost")
    assert await socket.close_code() == 1013
    await socket.leave(1013)
    [message] = [each for each in caplog.messages if each.startswith("Could not")]
    assert message.startswith("Could not publish a client's message: Redis does not answer: ")
    assert since(counted, "redis_failures") == [1]
    own_redis.start()
    async with connected("/ws/f?publish-broadcast") as socket:
        await socket.send_to("published")
    with own_redis.client() as client:
        assert client.get("broadcast:f") == b"published"


@pytest.mark.parametrize("own_redis", [CORE], ids=["core"], indirect=True)
async def test_client_that_leaves_while_redis_is_down_ends(
    own_redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """A group that cannot be left because Redis is down is logged, and the client's websocket ends all the same."""
    caplog.set_level("DEBUG", "ws4channels.delivery.hub")
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    own_redis.stop()
    await socket.leave(1001)
    [message] = [each for each in caplog.messages if each.startswith("Could not leave")]
    assert message.startswith(f"Could not leave keys that nobody wants any more at 127.0.0.1:{own_redis.port}: ")


# --- many sockets -----------------------------------------------------------------------------------------------------


async def test_sockets_share_one_event_object() -> None:
    """The server is given the very same event for each of the sockets that a message goes to."""
    sockets = [await Socket("/ws/f?subscribe-broadcast").open() for _ in range(10)]
    await broadcast("f", "shared")
    events = [await socket.receive_output(timeout=TIMEOUT) for socket in sockets]
    assert len({id(event) for event in events}) == 1
    assert events[0] == {"type": "websocket.send", "text": "shared"}
    await asyncio.gather(*(socket.leave() for socket in sockets))


async def test_heartbeats_cost_no_task(settings: Any) -> None:
    """A hundred sockets have as many tasks with heartbeats as without, and each is sent them."""
    tasks = []
    for heartbeat in (None, "--heartbeat--"):
        settings.WS4REDIS_HEARTBEAT = heartbeat
        settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 0.3
        before = len(asyncio.all_tasks())
        sockets = [await Socket("/ws/f?subscribe-broadcast").open() for _ in range(100)]
        tasks.append(len(asyncio.all_tasks()) - before)
        for socket in sockets:
            if heartbeat:
                assert await socket.take(2) == ["--heartbeat--"] * 2
        await asyncio.gather(*(socket.leave() for socket in sockets))
    assert tasks[1] <= tasks[0]
    assert tasks[0] <= 2 * 100 + 5


@pytest.mark.parametrize("backend", [PUBSUB, REDIS], ids=["pubsub", "redis"])
async def test_everything_is_given_back_when_sockets_close(
    settings: Any, redis_client: redis.Redis, backend: str, what_is_left: Callable[[], list[Any]]
) -> None:
    """After many connects and disconnects there are as many tasks, connections and objects as after the first."""
    layers.use(backend, settings)
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"

    async def come_and_go(count: int) -> None:
        query = "subscribe-broadcast&subscribe-user&publish-broadcast"
        people = [signed_in(f"user{number}") for number in range(count)]
        sockets = [Socket(f"/ws/f{n}?{query}", **person) for n, person in enumerate(people)]
        await asyncio.gather(*(socket.open() for socket in sockets))
        for socket in sockets:
            await socket.send_to("hello")
        await asyncio.gather(*(socket.leave() for socket in sockets))

    await come_and_go(1)
    tasks = len(asyncio.all_tasks())
    await come_and_go(60)
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks, "all tasks have ended")
    await eventually(lambda: what_is_left() == [], "nothing is left of those clients")
    await eventually(lambda: joined_groups(redis_client) == set(), "all groups have been left")
    assert redis_client.pubsub_channels("*:f*") == []


@pytest.fixture
def what_is_left() -> Callable[[], list[Any]]:
    """A function that returns the consumers and outboxes that were not there before the test."""
    # Tests of other files may have left some in this process.
    earlier = consumers_and_outboxes()
    return lambda: [each for each in consumers_and_outboxes() if not any(each is other for other in earlier)]


def consumers_and_outboxes() -> list[Any]:
    """Return those that there are in this process."""
    gc.collect()
    return [each for each in gc.get_objects() if isinstance(each, (FacilityConsumer, Outbox))]


def joined_groups(client: redis.Redis) -> set[str]:
    """Return the groups that any process has joined in Redis for its websockets."""
    names = client.pubsub_channels("asgi__group__ws4channels.*")
    return {name.decode().removeprefix("asgi__group__") for name in names} - {group_of(close_commands_key(None))}


@pytest.mark.parametrize("backend", [PUBSUB, IN_MEMORY, REDIS], ids=["pubsub", "in-memory", "redis"])
async def test_burst_reaches_all_who_read(settings: Any, backend: str) -> None:
    """Twice as many messages as an outbox holds, published as fast as possible, arrive in order, all, none twice."""
    layers.use(backend, settings)
    sockets = [await Socket("/ws/f?subscribe-broadcast").open() for _ in range(5)]
    publisher = RedisPublisher(facility="f", broadcast=True)
    expected = [str(number) for number in range(2000)]

    def publish_all() -> None:
        for payload in expected:
            publisher.publish_message(payload, expire=0)

    publishing = asyncio.create_task(asyncio.to_thread(publish_all))
    for socket in sockets:
        assert await socket.take(2000) == expected
    await publishing
    await asyncio.gather(*(socket.leave() for socket in sockets))


@pytest.mark.parametrize("backend", [PUBSUB, REDIS], ids=["pubsub", "redis"])
async def test_burst_that_comes_at_once_reaches_all_who_read(settings: Any, backend: str) -> None:
    """Three times as many messages as an outbox holds arrive as well when the server was busy and finds them all."""
    layers.use(backend, settings)
    sockets = [await Socket("/ws/f?subscribe-broadcast").open() for _ in range(5)]
    publisher = RedisPublisher(facility="f", broadcast=True)
    expected = [str(number) for number in range(3000)]

    def publish_all() -> None:
        for payload in expected:
            publisher.publish_message(payload, expire=0)

    thread = threading.Thread(target=publish_all)
    thread.start()
    thread.join()  # blocks this event loop, so that it reads nothing meanwhile
    for socket in sockets:
        assert await socket.take(3000) == expected
    await asyncio.gather(*(socket.leave() for socket in sockets))


class Stalling:
    """An ASGI application whose server does not get rid of some types of events while `reads` is not set."""

    def __init__(self, *types: str) -> None:
        self.types = types or ("websocket.send",)
        self.reads = asyncio.Event()
        self.consumer = FacilityConsumer.as_asgi()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_when_read(event: dict[str, Any]) -> None:
            if event["type"] in self.types:
                await self.reads.wait()
            await send(event)

        await self.consumer(scope, receive, send_when_read)


async def test_slow_reader_delays_nobody_and_is_closed(
    settings: Any, counted: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    """One client that does not read is closed with 4008, counted and logged, while all others get everything."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 100
    stalled = await Socket("/ws/f?subscribe-broadcast", Stalling()).open()
    readers = [await Socket("/ws/f?subscribe-broadcast").open() for _ in range(3)]
    expected = [str(number) for number in range(150)]
    for payload in expected:
        await broadcast("f", payload)
        for reader in readers:
            assert await reader.next() == payload
    assert await stalled.close_code() == 4008
    await stalled.leave(4008)
    assert since(counted, "slow_clients_closed") == [1]
    [dropped] = since(counted, "messages_dropped")
    assert dropped == 101
    assert caplog.messages == [f"Closed a websocket whose client did not keep up; {dropped} messages were dropped."]
    await asyncio.gather(*(reader.leave() for reader in readers))


async def test_slow_reader_that_cannot_even_be_closed_is_given_up(settings: Any, redis_client: redis.Redis) -> None:
    """Where the server's send waits for the client for ever, the consumer ends by itself and leaves its groups."""
    settings.WS4CHANNELS_CLOSE_TIMEOUT = 0.1
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 10
    stalled = await Socket("/ws/f?subscribe-broadcast", Stalling("websocket.send", "websocket.close")).open()
    await broadcast("f", *map(str, range(20)))
    await stalled.wait(timeout=TIMEOUT)
    assert stalled.future.done()
    assert not stalled.future.cancelled()
    assert stalled.output_queue.empty()
    await eventually(lambda: joined_groups(redis_client) == set(), "the group has been left")


async def test_reader_that_catches_up_is_not_closed(settings: Any, counted: dict[str, int]) -> None:
    """A client that pauses with fewer messages waiting than may gets all of them when it reads on."""
    settings.WS4CHANNELS_OUTBOX_MESSAGES = 100
    application = Stalling()
    async with connected("/ws/f?subscribe-broadcast", application) as socket:
        expected = [str(number) for number in range(100)]
        await broadcast("f", *expected)
        async with connected("/ws/f?subscribe-broadcast") as other:
            await broadcast("f", "now")
            await other.next()
        application.reads.set()
        assert await socket.take(101) == [*expected, "now"]
    assert since(counted, "slow_clients_closed") == [0]


async def test_websockets_get_all_numbers_of_a_counting_publisher() -> None:
    """Websockets that open while a publisher counts up with expire get a gapless sequence, from their first number."""
    publisher = RedisPublisher(facility="f", broadcast=True)
    last = 400

    def count() -> None:
        for number in range(1, last + 1):
            publisher.publish_message(str(number), expire=60)

    sockets: list[Socket] = []
    async with connected("/ws/f?subscribe-broadcast"):
        publishing = asyncio.create_task(asyncio.to_thread(count))
        while not publishing.done():
            sockets.append(await Socket("/ws/f?subscribe-broadcast").open())
        await publishing
        for socket in sockets:
            numbers = [int(payload) for payload in await socket.until(str(last))]
            assert numbers == list(range(numbers[0], last)) if numbers else True
        assert len(sockets) > 5
        await asyncio.gather(*(socket.leave() for socket in sockets))


# --- cancellation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8, 13, 21, 100])
async def test_server_may_cancel_at_any_moment(
    turns: int, redis_client: redis.Redis, what_is_left: Callable[[], list[Any]]
) -> None:
    """A websocket whose task the server cancels, however early, leaves the hub and no task behind."""
    async with connected("/ws/f?subscribe-broadcast") as other:
        before = len(asyncio.all_tasks())
        socket = Socket("/ws/f?subscribe-broadcast&subscribe-user", **signed_in("john"))
        await socket.send_input({"type": "websocket.connect"})
        for _ in range(turns):
            await asyncio.sleep(0)
        socket.future.cancel()
        await asyncio.wait([socket.future], timeout=TIMEOUT)
        assert socket.future.cancelled()
        await eventually(lambda: len(asyncio.all_tasks()) <= before, "all tasks have ended")
        await eventually(
            lambda: joined_groups(redis_client) == {group_name("broadcast", facility="f")}, "its groups have been left"
        )
        del socket
        await eventually(lambda: len(what_is_left()) == 2, "only the other websocket's consumer and outbox are left")
        await broadcast("f", "still here")
        assert await other.next() == "still here"


async def test_websocket_that_the_server_cancels_is_closed_with_1012() -> None:
    """A server that ends its websockets' tasks, as when it shuts down, tells the clients to come back."""
    socket = await Socket("/ws/f?subscribe-broadcast").open()
    socket.future.cancel()
    await asyncio.wait([socket.future], timeout=TIMEOUT)
    assert socket.future.cancelled()
    await eventually(lambda: not socket.output_queue.empty(), "something is sent")
    event = socket.output_queue.get_nowait()
    assert (event["type"], event["code"]) == ("websocket.close", 1012)


async def test_counters_agree_after_clients_that_were_cancelled(counted: dict[str, int]) -> None:
    """A client whose handshake the server cancels counts neither as opened nor as closed."""
    for turns in (5, 10, 15, 20, 30):
        socket = Socket("/ws/f?subscribe-broadcast")
        await socket.send_input({"type": "websocket.connect"})
        for _ in range(turns):
            await asyncio.sleep(0)
        socket.future.cancel()
        await asyncio.wait([socket.future], timeout=TIMEOUT)
    opened, closed = since(counted, "sockets_opened", "sockets_closed")
    assert opened == closed


# --- subclasses -------------------------------------------------------------------------------------------------------

# Before each event of a subclass, Channels visits a thread to close database connections that have gone stale.
subclass = pytest.mark.django_db(transaction=True)


class Notifying(FacilityConsumer):
    """A site's consumer: greets, has a group and a handler of its own, and closes on demand."""

    groups = ["everybody"]

    async def connect(self) -> None:
        await super().connect()
        await self.send(f"welcome to {self.agreement.facility}")

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data == "bye":
            await self.send("goodbye")
            await self.close(4001)
        else:
            await super().receive(text_data, bytes_data)

    async def site_notice(self, event: dict[str, Any]) -> None:
        await self.send(bytes_data=event["data"])


class Plain(FacilityConsumer):
    """A site's consumer without handlers."""

    async def connect(self) -> None:
        await super().connect()


class NoticeMixin:
    """A handler that several consumers of a site share."""

    async def site_notice(self, event: dict[str, Any]) -> None:
        await self.send(event["data"].decode())  # type: ignore[attr-defined]


class Mixed(NoticeMixin, FacilityConsumer):
    """A site's consumer whose handler and group come from elsewhere."""

    async def connect(self) -> None:
        await self.channel_layer.group_add("everybody", self.channel_name)
        await super().connect()


class Inheriting(Notifying):
    """A subclass of a subclass."""


@subclass
@pytest.mark.parametrize("consumer", [Notifying, Inheriting])
async def test_subclass_has_groups_and_handlers_of_its_own(consumer: type[FacilityConsumer]) -> None:
    """Events of the site's own groups reach the subclass's handlers, between the published messages."""
    async with connected("/ws/f?subscribe-broadcast", consumer.as_asgi()) as socket:
        assert await socket.next() == "welcome to f"
        await broadcast("f", "published")
        assert await socket.next() == "published"
        layer = get_channel_layer()
        await layer.group_send("everybody", {"type": "site.notice", "data": b"\x00\xff"})
        assert await socket.next() == b"\x00\xff"


@subclass
async def test_subclass_may_get_its_handler_from_a_mixin() -> None:
    """A handler counts wherever the subclass inherits it from."""
    async with connected("/ws/f", Mixed.as_asgi()) as socket:
        await get_channel_layer().group_send("everybody", {"type": "site.notice", "data": b"noticed"})
        assert await socket.receive_from(timeout=TIMEOUT / 10) == "noticed"


@subclass
@pytest.mark.parametrize(("consumer", "opens"), [(FacilityConsumer, False), (Plain, False), (Notifying, True)])
async def test_own_channel_is_opened_when_it_is_needed(consumer: type[FacilityConsumer], opens: bool) -> None:
    """A channel in the layer belongs to a socket only where a subclass has groups or handlers; the hub has its own."""
    async with connected("/ws/f?subscribe-broadcast"):
        layer = get_channel_layer()
        before = len(layer.channels)
        async with connected("/ws/f?subscribe-broadcast", consumer.as_asgi()):
            assert len(layer.channels) - before == int(opens)
        await eventually(lambda: len(layer.channels) == before, "the channel is closed with its socket")


@subclass
async def test_own_messages_and_published_ones_keep_their_order() -> None:
    """What a subclass sends goes after what was published before, and its close after both."""
    await broadcast("f", "kept", expire=60)
    socket = await Socket("/ws/f?subscribe-broadcast", Notifying.as_asgi()).open()
    assert await socket.take(2) == ["kept", "welcome to f"]
    await broadcast("f", *map(str, range(50)))
    await eventually(lambda: socket.output_queue.qsize() == 50, "all are sent")
    await socket.send_to("bye")
    assert await socket.take(51) == [*map(str, range(50)), "goodbye"]
    assert await socket.close_code() == 4001
    await socket.leave(4001)


class Looking(FacilityConsumer):
    """A site's consumer that looks at who its client is."""

    async def connect(self) -> None:
        await super().connect()
        await self.send(f"{self.scope['user'].get_username()} {self.scope['session'].session_key}")


@subclass
async def test_subclass_finds_user_and_session_in_its_scope() -> None:
    """After the handshake a subclass has the client's user and session at hand, as under Channels' middleware."""
    mary = signed_in("mary")
    async with connected("/ws/f", Looking.as_asgi(), **mary) as socket:
        assert await socket.next() == f"mary {mary['session'].session_key}"
    async with connected("/ws/f", Looking.as_asgi()) as socket:
        assert await socket.next() == " None"


class Listening(Plain):
    """Does everything that Channels documents for consumers, `close=True` of `send` included."""

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send("over", close=True)


@subclass
async def test_send_may_close() -> None:
    """`send(…, close=True)` sends and closes, as with any consumer."""
    socket = await Socket("/ws/f", Listening.as_asgi()).open()
    await socket.send_to("?")
    assert await socket.next() == "over"
    assert await socket.receive_output(timeout=TIMEOUT) == {"type": "websocket.close"}
    await socket.leave()


@subclass
async def test_send_without_a_message_is_an_error() -> None:
    """`send()` without text or bytes raises what Channels' own raises."""

    class Silent(FacilityConsumer):
        async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
            await self.send()

    socket = await Socket("/ws/f", Silent.as_asgi()).open()
    await socket.send_to("?")
    with pytest.raises(ValueError, match=r"^You must pass one of bytes_data or text_data$"):
        await socket.wait(timeout=TIMEOUT)


class Deciding(FacilityConsumer):
    """A site's consumer that accepts by itself, without a handshake of ours."""

    async def connect(self) -> None:
        await self.accept()
        await self.send("no facility today")
        await self.close(4002)


@subclass
async def test_subclass_may_do_without_our_handshake() -> None:
    """`accept`, `send` and `close` work as in any consumer where the parent's `connect` is not called."""
    socket = await Socket("/ws/f?subscribe-broadcast", Deciding.as_asgi()).open()
    assert await socket.next() == "no facility today"
    assert await socket.close_code() == 4002
    await socket.send_to("ignored")
    await socket.leave(4002)


class Refusing(FacilityConsumer):
    """A site's consumer that turns clients away itself after the handshake."""

    async def connect(self) -> None:
        await super().connect()
        await self.close(4321, reason="not today")


@subclass
async def test_subclass_may_close_with_a_reason() -> None:
    """The code and the reason that a subclass gives reach the client."""
    socket = await Socket("/ws/f", Refusing.as_asgi()).open()
    event = await socket.receive_output(timeout=TIMEOUT)
    assert event == {"type": "websocket.close", "code": 4321, "reason": "not today"}
    await socket.leave(4321)


# --- beside other code ------------------------------------------------------------------------------------------------


async def test_site_s_own_consumer_hears_what_is_published() -> None:
    """Any channel that joins the group of an audience gets each message as an event with its key."""
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(group_name("broadcast", facility="f"), channel)
    async with connected("/ws/f?subscribe-broadcast"):
        await broadcast("f", "text", b"\xff")
        events = [await asyncio.wait_for(layer.receive(channel), TIMEOUT) for _ in range(2)]
    assert list(map(without_numbers, events)) == [
        {"type": "ws4channels.message", "key": "broadcast:f", "text": "text"},
        {"type": "ws4channels.message", "key": "broadcast:f", "bytes": b"\xff"},
    ]


async def test_communicator_of_our_own_works_too() -> None:
    """`ws4channels.testing.FacilityCommunicator` opens a websocket through the whole application."""
    async with FacilityCommunicator("a b/ü", "subscribe-broadcast", "publish-broadcast", "echo") as client:
        await client.send_to("hello")
        assert await client.receive_from(timeout=TIMEOUT) == "hello"
        await broadcast("a b/ü", "from the site")
        assert await client.receive_from(timeout=TIMEOUT) == "from the site"


async def test_communicator_says_that_it_was_refused(settings: Any) -> None:
    """A refusal makes an error that names the path and the logged reason."""
    settings.WS4REDIS_ALLOWED_CHANNELS = refuse_everybody
    with pytest.raises(ConnectionError) as caught:
        async with FacilityCommunicator("f", "subscribe-broadcast"):
            pytest.fail("It was let in.")
    assert str(caught.value) == (
        "The websocket to /ws/f was refused with close code 1000. Refused a websocket to /ws/f: PermissionDenied: "
        "Members only."
    )


# --- Redis itself -----------------------------------------------------------------------------------------------------


async def test_sockets_share_channels_with_programs_that_use_redis_alone(
    settings: Any, redis_client: redis.Redis
) -> None:
    """Over the redis transport, any program reaches a client with SET and PUBLISH, and hears what the client says."""
    layers.use(layers.REDIS, settings)
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    settings.WS4CHANNELS_HEARTBEAT_INTERVAL = 60
    redis_client.set("broadcast:f", "kept by a program")
    with listening(redis_client, "broadcast:f") as program:
        async with connected("/ws/f?subscribe-broadcast&publish-broadcast&echo") as socket:
            assert await socket.next() == "kept by a program"
            assert redis_client.pubsub_numsub("broadcast:f") == [(b"broadcast:f", 2)]
            redis_client.publish("broadcast:f", "--heartbeat--")
            redis_client.publish("broadcast:f", b"\xff\x00")
            assert await socket.next() == b"\xff\x00"
            await socket.send_to("from a page")
            assert await socket.next() == "from a page"
        assert arrived(redis_client, program) == [b"--heartbeat--", b"\xff\x00", b"from a page"]
    await eventually(lambda: redis_client.pubsub_numsub("broadcast:f") == [(b"broadcast:f", 0)], "nobody listens")
    assert redis_client.get("broadcast:f") == b"from a page"


async def test_message_without_echo_is_withheld_from_who_sent_it_over_redis(settings: Any) -> None:
    """Over the redis transport as over layers: a client without `echo` is not sent its own last message."""
    layers.use(layers.REDIS, settings)
    async with connected("/ws/f?subscribe-broadcast&publish-broadcast") as socket:
        await socket.send_to("mine")
        await broadcast("f", "another's")
        assert await socket.next() == "another's"
