"""Tests of `ws4channels.explain.walking`: sites with applications, consumers and subscribers of their own."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any, ClassVar

import pytest
import redis
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator
from django.contrib.auth.models import User
from django.core.asgi import get_asgi_application
from django.core.exceptions import SynchronousOnlyOperation
from django.urls import path

from tests.waiting import TIMEOUT
from ws4channels.consumers import FacilityConsumer
from ws4channels.explain import Explanation, Step, explain, explain_publishing
from ws4channels.origins import OriginCheck
from ws4channels.routing import get_websocket_urlpatterns
from ws4channels.subscriber import RedisSubscriber
from ws4channels.testing import _signed_in_session
from ws4channels.tickets import create_ticket

pytestmark = pytest.mark.django_db(transaction=True)


class Foreign(AsyncWebsocketConsumer):  # type: ignore[misc]
    """A consumer of the site's own."""

    connected: ClassVar[list[str]] = []

    async def connect(self) -> None:
        self.connected.append(self.scope["path"])


class Choosy(FacilityConsumer):
    """A consumer that decides for itself."""

    async def connect(self) -> None:
        raise AssertionError("is not called")


composed = ProtocolTypeRouter(
    {
        "websocket": OriginCheck(
            AuthMiddlewareStack(
                URLRouter(
                    [
                        path("ws/own/", Foreign.as_asgi()),
                        path("ws/choosy/<str:facility>", Choosy.as_asgi()),
                        *get_websocket_urlpatterns(),
                    ]
                )
            )
        )
    }
)
validated = OriginValidator(composed, ["https://example.com"])
pages = get_asgi_application()


@pytest.fixture
def use(settings: Any) -> Any:
    """Have the site use one of the applications above."""

    def use(name: str | None) -> None:
        settings.ASGI_APPLICATION = name and f"tests.explain.test_walking.{name}"

    return use


@pytest.fixture
def john() -> User:
    """A user."""
    return User.objects.create_user("john")


def last_of(explanation: Explanation) -> Step:
    """Return the last step of a handshake that is not accepted."""
    assert not explanation.is_accepted
    return explanation.steps[-1]


def test_router_and_middleware_of_the_site_decide(use: Any, john: User) -> None:
    """Channels' own router and session middleware are passed, and the session's user is found by the cookie."""
    use("composed")
    session = _signed_in_session(john, [])
    for person in ({"user": "john"}, {"session": session.session_key}, {"user": "john", "session": "made-up"}):
        explanation = explain("/ws/news?subscribe-user", **person)
        assert [key.key for key in explanation.keys] == ["user:john:news"], person
    assert explain("/ws/news?subscribe-user").dropped == {"subscribe-user": "nobody is signed in"}


@pytest.mark.parametrize("surroundings", [ThreadSensitiveContext, nullcontext], ids=["a request", "none"])
async def test_view_under_asgi_may_ask(use: Any, settings: Any, surroundings: Any) -> None:
    """Middleware and hooks that need the thread of a sync view get it, although the view waits for them."""

    async def look_up(request: Any) -> None:
        await sync_to_async(request.session.keys)()

    settings.WS4REDIS_PROCESS_REQUEST = look_up
    use("composed")
    async with surroundings():
        explanation = await asyncio.wait_for(
            sync_to_async(explain)("/ws/news?subscribe-user&subscribe-broadcast"), TIMEOUT
        )
    assert explanation.dropped == {"subscribe-user": "nobody is signed in"}
    assert [key.processes for key in explanation.keys] == [0]


async def test_event_loop_is_not_blocked_by_asking() -> None:
    """In a thread that runs an event loop, asking is an error that names the way round it."""
    with pytest.raises(SynchronousOnlyOperation, match=r"await sync_to_async\(explain\)\(\) instead"):
        explain("/ws/news")
    with pytest.raises(SynchronousOnlyOperation, match=r"await sync_to_async\(explain_publishing\)\(\) instead"):
        explain_publishing("news", broadcast=True)


def test_path_without_a_route_is_refused_as_channels_says(use: Any) -> None:
    """What Channels' router raises is the step's text."""
    use("composed")
    last = last_of(explain("/elsewhere/"))
    assert (last.name, last.verdict) == ("router", "refused")
    assert last.text.startswith("ValueError: No route found for path 'elsewhere/'. (status 500, raised in line ")


def test_consumer_of_the_site_is_not_connected(use: Any) -> None:
    """Somebody else's consumer serves the URL: what it would do is unknown, and it is not done."""
    use("composed")
    last = last_of(explain("/ws/own/"))
    assert (last.name, last.verdict) == ("router", "unknown")
    assert Foreign.connected == []


def test_origin_validator_of_channels_is_told_as_unknown(use: Any) -> None:
    """Middleware that refuses says nothing to us, so the step names it as one of the possible reasons."""
    use("validated")
    last = last_of(explain("/ws/news", origin="https://evil.example"))
    assert (last.name, last.verdict) == ("router", "unknown")
    assert "OriginValidator" in last.text


def test_subclass_that_connects_its_own_way_is_named(use: Any) -> None:
    """A `connect` of the site's is not called: whatever it does is no part of the answer."""
    use("composed")
    explanation = explain("/ws/choosy/news?subscribe-broadcast")
    assert explanation.is_accepted
    assert [key.key for key in explanation.keys] == ["broadcast:news"]
    assert Step("consumer", "unknown", "Choosy.connect() is not called: it may refuse, too") in explanation.steps


def test_application_without_websockets_is_named(use: Any) -> None:
    """An asgi.py as startproject wrote it serves no websockets; Django says so."""
    use("pages")
    last = last_of(explain("/ws/news"))
    assert (last.name, last.verdict) == ("router", "refused")
    assert "Django can only handle ASGI/HTTP connections, not websocket." in last.text


@pytest.mark.parametrize("name", ["no_such_name", "nowhere.at.all"])
def test_application_that_does_not_import_is_named(use: Any, name: str) -> None:
    """The setting is wrong: the step names it."""
    use(name)
    last = last_of(explain("/ws/news"))
    assert (last.name, last.verdict) == ("application", "refused")
    assert name.split(".")[0] in last.text


def test_site_without_the_setting_gets_our_application(use: Any) -> None:
    """Servers that are started with the application's path need no ASGI_APPLICATION."""
    use(None)
    explanation = explain("/ws/news?subscribe-broadcast")
    assert explanation.is_accepted
    assert explanation.steps[0] == Step(
        "application", "unknown", "ASGI_APPLICATION is not set; taken is ws4channels.asgi.get_asgi_application()"
    )


def test_too_long_url_is_refused_by_its_size() -> None:
    """The limit of sizes is the server's."""
    last = last_of(explain("/ws/" + 8000 * "x"))
    assert (last.name, last.verdict) == ("size", "refused")
    assert last.text == "its URL has 8005 bytes; 7168 are allowed (status 414)"


def test_too_many_keys_are_refused_by_the_limit(settings: Any, john: User) -> None:
    """So is the limit of keys."""
    settings.WS4CHANNELS_MAX_KEYS = 1
    last = last_of(explain("/ws/news?subscribe-user&subscribe-broadcast", user="john"))
    assert last == Step(
        "limits",
        "refused",
        "TooManyKeys: The client would subscribe to 2 keys; WS4CHANNELS_MAX_KEYS is 1. (status 403)",
    )


def test_ticket_for_one_use_is_good_afterwards(john: User, redis_client: redis.Redis) -> None:
    """Looking uses nothing up, and the ticket is in no text."""
    ticket = create_ticket(john, once=True)
    for _ in range(2):
        explanation = explain(f"/ws/news?subscribe-user&ticket={ticket}")
        assert explanation.is_accepted
        assert ticket not in str(explanation)
    assert redis_client.keys() == []
    assert last_of(explain(f"/ws/news?subscribe-user&ticket=x{ticket}")).name == "ticket"


class Counted(RedisSubscriber):
    """Counts its websockets."""

    opened = 0

    def set_pubsub_channels(self, request: Any, channels: Any) -> None:
        super().set_pubsub_channels(request, channels)
        self._subscription.subscribe("broadcast:all")
        Counted.opened += 1

    def release(self) -> None:
        super().release()
        Counted.opened -= 1


def test_subscriber_of_the_site_is_asked_and_released(settings: Any) -> None:
    """A subscriber's own keys are there, and it is told of the end as after a websocket."""
    settings.WS4REDIS_SUBSCRIBER = "tests.explain.test_walking.Counted"
    explanation = explain("/ws/news?subscribe-broadcast")
    assert [key.key for key in explanation.keys] == ["broadcast:news", "broadcast:all"]
    assert Counted.opened == 0
