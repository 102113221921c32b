"""Tests of `ws4channels.access.posts`: what is published, and what the others are answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from tests.access.scopes import a_scope
from tests.inbox import Inbox
from tests.sockets import connected
from tests.tickets import by_header
from tests.visitors import signed_in
from tests.waiting import TIMEOUT, eventually
from ws4channels.access import posts
from ws4channels.counters import counts
from ws4channels.delivery.hub import get_hub
from ws4channels.exceptions import RedisRefusal
from ws4channels.streams import EventStreams
from ws4channels.subscriber import RedisSubscriber
from ws4channels.tickets import create_ticket
from ws4channels.transports.configured import get_transport

SECRET = "s" * 32
CSRF = [(b"cookie", f"csrftoken={SECRET}".encode()), (b"x-csrftoken", SECRET.encode())]
TEXT = [(b"content-type", b"text/plain;charset=UTF-8")]
ORIGIN = "https://app.example.com"


class Post:
    """One request and what it is answered."""

    def __init__(
        self,
        body: bytes | Iterable[dict[str, Any]] = b"hello",
        query: str = "publish-broadcast",
        headers: Iterable[tuple[bytes, bytes]] = (*CSRF, *TEXT),
        **extra: Any,
    ) -> None:
        self.scope = a_scope(query, **{"type": "http", "method": "POST", "scheme": "http", **extra})
        self.scope["headers"] += headers
        self.events = [{"type": "http.request", "body": body}] if isinstance(body, bytes) else list(body)
        self.sent: list[dict[str, Any]] = []
        self.received = 0

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        if not self.events:
            await asyncio.Event().wait()
        return self.events.pop(0)

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)

    async def answer(self, application: Any = None) -> int | None:
        """Send it; return the status of the answer, or None where there is none."""
        await asyncio.wait_for((application or EventStreams())(self.scope, self.receive, self.send), TIMEOUT)
        return int(self.sent[0]["status"]) if self.sent else None

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def text(self) -> bytes:
        return bytes(self.sent[1]["body"])


@pytest.mark.parametrize(
    ("headers", "body", "received"),
    [
        (TEXT, "hëllo".encode(), "hëllo"),
        (TEXT, b"a\r\nb", "a\r\nb"),
        ([(b"content-type", b"application/octet-stream")], b"\xff\x00", b"\xff\x00"),
        ([(b"content-type", b"application/json")], b"{}", "{}"),
        ([], b"\xff", b"\xff"),
    ],
)
async def test_body_is_published_as_a_frame_would_be(headers: Any, body: bytes, received: Any) -> None:
    """Valid UTF-8 is text, all else bytes; the answer is 204 and empty."""
    async with connected("/ws/f?subscribe-broadcast") as socket:
        post = Post(body, headers=[*CSRF, *headers])
        assert await post.answer() == 204
        assert post.text == b""
        assert b"content-length" not in post.headers
        assert await socket.next() == received


async def test_message_is_kept_as_settings_say(settings: Any, redis_client: redis.Redis) -> None:
    """Who comes later gets it as from a websocket."""
    settings.WS4REDIS_EXPIRE = 60
    assert await Post().answer() == 204
    assert redis_client.get("broadcast:f") == b"hello"
    assert 0 < redis_client.ttl("broadcast:f") <= 60


async def test_pieces_of_a_body_are_one_message(redis_client: redis.Redis) -> None:
    """A chunked body is published when it is complete."""
    pieces = [{"type": "http.request", "body": piece, "more_body": piece != b"c"} for piece in (b"a", b"", b"b", b"c")]
    assert await Post(pieces).answer() == 204
    assert redis_client.get("broadcast:f") == b"abc"


async def test_client_that_leaves_in_the_middle_publishes_nothing(redis_client: redis.Redis) -> None:
    """Half a message is none, whatever Content-Length promised."""
    begun = {"type": "http.request", "body": b"half", "more_body": True}
    assert await Post([begun, {"type": "http.disconnect"}]).answer() is None
    assert redis_client.get("broadcast:f") is None


async def test_client_that_does_not_finish_is_answered_408(monkeypatch: Any, redis_client: redis.Redis) -> None:
    """Nobody holds a request open for ever."""
    monkeypatch.setattr(posts, "BODY_SECONDS", 0.05)
    assert await Post([{"type": "http.request", "body": b"half", "more_body": True}]).answer() == 408
    assert redis_client.get("broadcast:f") is None


async def test_bodies_that_do_not_end_are_held_up_to_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    """Of all clients together; what has ended counts no more."""
    site = EventStreams()
    site._posts = posts.Posts(most_reading=10)
    gate = asyncio.Event()

    class Unfinished(Post):
        async def receive(self) -> dict[str, Any]:
            event = await super().receive()
            if self.received > 1:
                await gate.wait()
            return event

    pieces = [{"type": "http.request", "body": b"012345", "more_body": True}, {"type": "http.request", "body": b""}]
    post = Unfinished(pieces)
    unfinished = asyncio.create_task(post.answer(site))
    await eventually(lambda: post.received == 2, "the first piece is read")
    assert await Post(b"0123").answer(site) == 204
    assert await Post(b"01234").answer(site) == 503
    assert caplog.messages == ["Refused a message to /ws/f: too many are being received at once."]
    gate.set()
    assert await unfinished == 204
    assert await Post(b"0123456789").answer(site) == 204


async def test_large_body_is_read_no_further_than_the_limit(
    settings: Any, caplog: pytest.LogCaptureFixture, redis_client: redis.Redis
) -> None:
    """The limit is that of websockets; headers are not believed."""
    settings.WS4CHANNELS_MAX_MESSAGE_SIZE = 10
    assert await Post(b"0123456789").answer() == 204
    pieces = [{"type": "http.request", "body": b"012345", "more_body": True}] * 100
    post = Post(pieces, headers=[*CSRF, (b"content-length", b"1")])
    before = counts["too_large"]
    assert await post.answer() == 413
    assert post.received == 2
    assert post.headers[b"connection"] == b"close"
    assert counts["too_large"] == before + 1
    assert caplog.messages == [
        "Refused a message to /ws/f whose client sent 12 bytes; WS4CHANNELS_MAX_MESSAGE_SIZE is 10."
    ]
    assert redis_client.get("broadcast:f") == b"0123456789"


@pytest.mark.parametrize(("headers", "body"), [(TEXT, b"\xff"), (TEXT, b"")])
async def test_what_is_no_message_is_answered_400(headers: Any, body: bytes, redis_client: redis.Redis) -> None:
    """Text that is not UTF-8 would close a websocket; an empty message is none."""
    assert await Post(body, headers=[*CSRF, *headers]).answer() == 400
    assert redis_client.keys("broadcast*") == []


@pytest.mark.parametrize("query", ["subscribe-broadcast", "", "publish-user"])
async def test_who_may_publish_nowhere_is_told(query: str) -> None:
    """The answer says it in plain words, and the body is not read."""
    post = Post(query=query)
    assert await post.answer() == 403
    assert post.text == posts.NOT_AGREED
    assert post.received == 0


def refuse(request: Any, channels: Any) -> Any:
    raise PermissionDenied("Not today.")


def fail(request: Any, channels: Any) -> Any:
    raise ZeroDivisionError


@pytest.mark.parametrize(("hook", "status"), [(refuse, 403), (fail, 500)])
async def test_rules_hold_for_posts(settings: Any, caplog: pytest.LogCaptureFixture, hook: Any, status: int) -> None:
    """The log says why, the client is told nothing of it."""
    settings.WS4REDIS_ALLOWED_CHANNELS = hook
    post = Post()
    assert await post.answer() == status
    assert b"today" not in post.text
    assert "message to /ws/f" in caplog.messages[-1]


async def test_foreign_origins_may_not_post(caplog: pytest.LogCaptureFixture, redis_client: redis.Redis) -> None:
    """The Origin rule of websockets comes first."""
    post = Post(headers=[*CSRF, (b"origin", b"https://evil.example")])
    assert await post.answer() == 403
    assert b"access-control-allow-origin" not in post.headers
    assert caplog.messages[-1].startswith("Refused a message to /ws/f from origin 'https://evil.example'")
    assert redis_client.get("broadcast:f") is None


async def test_allowed_origins_may_post_and_read_the_answer(settings: Any) -> None:
    """Origins of WS4CHANNELS_ALLOWED_ORIGINS need not be in CSRF_TRUSTED_ORIGINS."""
    settings.WS4CHANNELS_ALLOWED_ORIGINS = [ORIGIN]
    post = Post(headers=[*CSRF, (b"origin", ORIGIN.encode())], scheme="https")
    assert await post.answer() == 204
    assert post.headers[b"access-control-allow-origin"] == ORIGIN.encode()
    assert post.headers[b"access-control-allow-credentials"] == b"true"


@pytest.mark.parametrize("headers", [[], CSRF[:1], CSRF[1:], [CSRF[0], (b"x-csrftoken", b"o" * 32)]])
async def test_without_the_token_nothing_is_published(
    headers: Any, caplog: pytest.LogCaptureFixture, redis_client: redis.Redis
) -> None:
    """Django's CSRF check decides, and the log has its reason; the answer does not."""
    before = counts["refused"]
    post = Post(headers=headers)
    assert await post.answer() == 403
    assert post.text == b""
    assert counts["refused"] == before + 1
    assert caplog.messages[-1].startswith("Refused a message to /ws/f: PermissionDenied: CSRF check: CSRF ")
    assert redis_client.get("broadcast:f") is None


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ([(b"cookie", b"csrftoken=\xff\xfe; sessionid=\xff"), (b"x-csrftoken", b"\xff")], "/ws/f"),
        ([(b"cookie", b";;=;,"), CSRF[1]], "/ws/f"),
        ([CSRF[0], CSRF[0], (b"x-csrftoken", b"-" * 64), CSRF[1]], "/ws/f"),
        ([(b"x-csrftoken", b""), (b"content-type", b"multipart/form-data; boundary=\xff")], "/ws/\ufffd\r\n"),
        ([(b"authorization", b"Ticket"), (b"authorization", b"Ticket \xff.\xff")], "/ws/"),
    ],
)
async def test_odd_headers_are_refused_quietly(
    headers: Any, path: str, caplog: pytest.LogCaptureFixture, redis_client: redis.Redis
) -> None:
    """Nothing fails because of what a client makes up, and a log line stays one line."""
    assert await Post(headers=headers, path=path).answer() == 403
    assert not [each for each in caplog.records if each.exc_info or "\n" in each.getMessage()]
    assert redis_client.keys("broadcast*") == []


@pytest.mark.django_db(transaction=True)
async def test_ticket_without_cookies_needs_no_token(redis_client: redis.Redis) -> None:
    """Who has a ticket was given it; with a cookie the token is needed all the same."""
    mary = await sync_to_async(User.objects.create_user)("mary")
    ticket = by_header(create_ticket(mary, "f"))
    assert await Post(query="publish-user", headers=ticket).answer() == 204
    assert redis_client.get("user:mary:f") == b"hello"
    assert await Post(query="publish-user", headers=[*ticket, (b"cookie", b"sessionid=x")]).answer() == 403
    assert await Post(query="publish-user", headers=[*ticket, *CSRF]).answer() == 204
    assert await Post(query="publish-user", headers=by_header("forged.x")).answer() == 403


async def test_secret_in_the_session_is_looked_up_in_a_thread(settings: Any) -> None:
    """CSRF_USE_SESSIONS works with sessions that only sync code can read."""
    settings.CSRF_USE_SESSIONS = True
    mary = signed_in("mary")
    mary["session"]["_csrftoken"] = SECRET
    await sync_to_async(mary["session"].save)()
    assert await Post(query="publish-user", headers=CSRF[1:], **mary).answer() == 204
    assert await Post(query="publish-user", headers=CSRF, **signed_in("john")).answer() == 403


async def test_flood_is_answered_429(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Ten seconds' worth may come at once, of each user and each address; the log has one line."""
    settings.WS4CHANNELS_MAX_MESSAGES_PER_SECOND = 0.3
    site = EventStreams()
    before = counts["too_many_messages"]
    assert [await Post().answer(site) for _ in range(5)] == [204, 204, 204, 429, 429]
    assert await Post(client=["203.0.113.8", 1]).answer(site) == 204
    assert await Post(query="publish-user", **signed_in("mary")).answer(site) == 204
    assert counts["too_many_messages"] == before + 2
    assert len([text for text in caplog.messages if "posts too many" in text and "/ws/f" in text]) == 1


async def test_rates_of_many_clients_are_bounded(monkeypatch: Any) -> None:
    """Who has not posted for longest is forgotten."""
    monkeypatch.setattr(posts, "_REMEMBERED", 2)
    site = EventStreams()
    for last in (1, 2, 1, 3):
        assert await Post(client=[f"203.0.113.{last}", 1]).answer(site) == 204
    assert [network for _, network in site._posts._rates] == ["203.0.113.1", "203.0.113.3"]


async def test_redis_that_does_not_answer_is_503(settings: Any) -> None:
    """The message is not published, and may be posted again later."""
    settings.WS4REDIS_CONNECTION = {"host": "127.0.0.1", "port": 1}
    settings.WS4CHANNELS_TRANSPORT = "redis"
    assert await Post().answer() == 503


@pytest.mark.parametrize(("is_delivered", "status"), [(True, 204), (False, 503)])
async def test_redis_that_refuses_is_503_unless_it_delivers(monkeypatch: Any, is_delivered: bool, status: int) -> None:
    """A message that is sent and not kept counts as published."""

    async def refusing(*args: Any) -> None:
        error = RedisRefusal.of("SET", ["broadcast:f"], Exception("OOM"))
        error.is_delivered = is_delivered
        raise error

    monkeypatch.setattr(posts.custom_subscribers, "publish", refusing)
    assert await Post().answer() == status


class Recording(RedisSubscriber):
    """Publishes in its own way."""

    published: list[bytes] = []
    released = 0

    def publish_message(self, message: Any, expire: Any = None) -> None:
        self.published.append(bytes(message))

    def release(self) -> None:
        type(self).released += 1
        super().release()


async def test_own_subscriber_publishes_and_is_released(settings: Any, monkeypatch: Any) -> None:
    """A subscriber that overrides publishing gets the message, as from a websocket."""
    settings.WS4REDIS_SUBSCRIBER = f"{__name__}.Recording"
    monkeypatch.setattr(Recording, "published", [])
    before = Recording.released
    assert await Post(query="").answer() == 204
    assert Recording.published == [b"hello"]
    assert Recording.released == before + 1


async def test_heartbeat_is_not_published(settings: Any, redis_client: redis.Redis) -> None:
    """The text of heartbeats is no message here either."""
    settings.WS4REDIS_HEARTBEAT = "--heartbeat--"
    assert await Post(b"--heartbeat--").answer() == 204
    assert redis_client.get("broadcast:f") is None


async def test_posts_join_no_key_and_count_as_no_socket(settings: Any) -> None:
    """A client whose stream is its only socket may post."""
    settings.WS4CHANNELS_MAX_SOCKETS_PER_ADDRESS = 1
    hub = get_hub(get_transport())
    inbox = Inbox()
    await hub.join(inbox, ("broadcast:f",))
    assert await Post(query="subscribe-broadcast&publish-broadcast&subscribe-user").answer() == 204
    assert hub.listening == ("broadcast:f",)
    await hub.leave(inbox, ("broadcast:f",))


def preflight(origin: bytes | None, *, method: bytes | None = b"POST") -> Post:
    """Return what a browser asks before a page of another origin posts."""
    headers = [(b"origin", origin), (b"access-control-request-method", method)]
    return Post(headers=[(name, value) for name, value in headers if value is not None], method="OPTIONS")


async def test_preflight_of_an_allowed_origin_is_answered(settings: Any) -> None:
    """It may read streams and post, with cookies and all headers that clients need."""
    settings.WS4CHANNELS_ALLOWED_ORIGINS = [ORIGIN]
    request = preflight(ORIGIN.encode())
    assert await request.answer() == 204
    assert request.headers == {
        b"access-control-allow-origin": ORIGIN.encode(),
        b"access-control-allow-credentials": b"true",
        b"vary": b"Origin",
        b"access-control-allow-methods": b"GET, HEAD, POST",
        b"access-control-allow-headers": b"authorization, content-type, last-event-id, x-csrftoken",
        b"access-control-max-age": b"600",
    }


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (preflight(b"https://evil.example"), 403),
        (preflight(None), 400),
        (preflight(b"http://testserver", method=None), 400),
    ],
    ids=["foreign", "no origin", "no preflight"],
)
async def test_other_options_are_told_nothing(request_: Post, status: int) -> None:
    """Nothing of CORS is in the answer."""
    assert await request_.answer() == status
    assert not [name for name in request_.headers if name.startswith(b"access-control")]
