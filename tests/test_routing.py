"""Tests of `ws4channels.routing`: websockets in a site's own router, and what else is under their URLs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from channels.testing import HttpCommunicator
from django.contrib.auth import get_user_model
from django.urls import path, re_path

from tests.sockets import Socket, broadcast, connected
from tests.waiting import TIMEOUT
from ws4channels.asgi import get_asgi_application
from ws4channels.consumers import FacilityConsumer
from ws4channels.counters import counts
from ws4channels.origins import OriginCheck
from ws4channels.publisher import RedisPublisher
from ws4channels.routing import UpgradeRequired, WebsocketUrls, get_websocket_urlpatterns, websocket_urlpatterns
from ws4channels.testing import FacilityCommunicator

FACILITIES = ["chat", "a/b/c", "trailing/", "", "a:b", "line\nbreak", "ünï"]


@pytest.mark.parametrize("facility", FACILITIES)
@pytest.mark.parametrize("application", [URLRouter(websocket_urlpatterns), WebsocketUrls()], ids=["router", "urls"])
async def test_facilities_of_all_shapes_are_routed(redis_client: redis.Redis, application: Any, facility: str) -> None:
    """Everything below WEBSOCKET_URL is a facility, in Channels' router and in ours."""
    redis_client.set(f"broadcast:{facility}", "kept")
    socket = Socket("/ws/?subscribe-broadcast", application)
    socket.scope["path"] = f"/ws/{facility}"
    await socket.open()
    assert await socket.next() == "kept"
    await socket.leave()


async def test_router_serves_other_consumers_beside(redis_client: redis.Redis) -> None:
    """Our patterns leave a site's other websockets alone."""

    async def other(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "other"})

    application = URLRouter([path("other/", other), *websocket_urlpatterns])
    socket = Socket("/other/", application)
    assert await socket.connect(timeout=TIMEOUT) == (True, "other")
    redis_client.set("broadcast:f", "kept")
    async with connected("/ws/f?subscribe-broadcast", application) as ours:
        assert await ours.next() == "kept"


async def test_path_outside_is_not_routed() -> None:
    """A path that is not below WEBSOCKET_URL is none of ours."""
    await is_not_routed("/wsx", URLRouter(websocket_urlpatterns))


async def is_not_routed(url: str, router: URLRouter) -> None:
    """Connect; Channels' router must know no route."""
    socket = Socket(url, router)
    await socket.send_input({"type": "websocket.connect"})
    with pytest.raises(ValueError, match=f"No route found for path '{url[1:]}'"):
        await socket.wait(timeout=TIMEOUT)


@pytest.fixture
def mounted_at(settings: Any) -> Callable[[str], None]:
    """Return a function that sets WEBSOCKET_URL."""
    return lambda url: setattr(settings, "WEBSOCKET_URL", url)


@pytest.mark.parametrize(
    ("websocket_url", "url", "facility"),
    [
        ("/stream", "/stream/chat", "/chat"),
        ("/stream", "/streamchat", "chat"),
        ("/live.ws/", "/live.ws/chat", "chat"),
        ("/", "/chat", "chat"),
    ],
)
async def test_patterns_follow_the_setting(
    mounted_at: Any, redis_client: redis.Redis, websocket_url: str, url: str, facility: str
) -> None:
    """WEBSOCKET_URL may lack the trailing slash or hold what means something in regular expressions."""
    mounted_at(websocket_url)
    redis_client.set(f"broadcast:{facility}", "kept")
    for application in (URLRouter(get_websocket_urlpatterns()), WebsocketUrls()):
        async with connected(f"{url}?subscribe-broadcast", application) as socket:
            assert await socket.next() == "kept"


async def test_dot_in_the_setting_is_a_dot(mounted_at: Any) -> None:
    """The setting is a path, not a pattern."""
    mounted_at("/live.ws/")
    await is_not_routed("/live-ws/chat", URLRouter(get_websocket_urlpatterns()))


async def test_site_s_own_route_may_capture_the_facility(redis_client: redis.Redis) -> None:
    """A route with `facility` in it decides what the facility is, wherever the websocket's URL is."""
    application = URLRouter(
        [
            path("live/<str:facility>/socket/", FacilityConsumer.as_asgi()),
            re_path(r"^room/(?P<facility>\d+)$", FacilityConsumer.as_asgi()),
        ]
    )
    query = "subscribe-broadcast&publish-broadcast&echo"
    for url, facility in (("/live/chat/socket/", "chat"), ("/room/7", "7")):
        async with connected(f"{url}?{query}", application) as socket:
            await socket.send_to("hello")
            assert await socket.next() == "hello"
        assert redis_client.get(f"broadcast:{facility}") == b"hello"


async def test_route_below_another_one(redis_client: redis.Redis) -> None:
    """Routers nest, and what the outer one captured counts as well."""
    inner = URLRouter([path("socket/", FacilityConsumer.as_asgi())])
    application = URLRouter([path("live/<str:facility>/", inner)])
    redis_client.set("broadcast:chat", "kept")
    async with connected("/live/chat/socket/?subscribe-broadcast", application) as socket:
        assert await socket.next() == "kept"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("routes", ["router", "urls"])
async def test_user_and_session_of_channels_middleware_are_used(routes: str) -> None:
    """Under AuthMiddlewareStack, the user and the session are those that it found."""
    inner = URLRouter(websocket_urlpatterns) if routes == "router" else WebsocketUrls()
    application = ProtocolTypeRouter({"websocket": AuthMiddlewareStack(inner)})
    mary = await sync_to_async(get_user_model().objects.create_user)("mary", password="secret")
    channels = ("subscribe-user", "subscribe-group", "subscribe-session", "publish-user")
    async with FacilityCommunicator("f", *channels, user=mary, groups=["staff"], application=application) as client:
        session_key = client.scope["headers"][-1][1].decode().partition("=")[2]
        for audience in ({"users": [mary]}, {"groups": ["staff"]}, {"sessions": [session_key]}):
            await RedisPublisher(facility="f", **audience).apublish_message(str(audience), expire=0)
            assert await client.receive_from(timeout=TIMEOUT) == str(audience)
    async with connected("/ws/f?subscribe-user&subscribe-session&subscribe-broadcast", application) as anonymous:
        await RedisPublisher(facility="f", users=[mary]).apublish_message("for mary")
        await broadcast("f", "for all")
        assert await anonymous.next() == "for all"


# --- what is outside WEBSOCKET_URL ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/", "/chat", "/wsx", "/ws", "/other/ws/f"])
async def test_websocket_elsewhere_is_refused_and_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A websocket to a path that is not below WEBSOCKET_URL gets status 403 and a log line."""
    before = counts["refused"]
    socket = Socket(url, WebsocketUrls())
    assert await socket.is_refused()
    await socket.wait(timeout=TIMEOUT)
    assert caplog.messages == [f"Refused a websocket to {url}: WEBSOCKET_URL is '/ws/'."]
    assert counts["refused"] == before + 1


@pytest.mark.parametrize("root_path", ["", "/app"])
@pytest.mark.parametrize("path", ["/ws/f", "/app/ws/f"])
async def test_script_name_may_be_forced_and_passed_on_or_not(
    settings: Any, redis_client: redis.Redis, root_path: str, path: str
) -> None:
    """With FORCE_SCRIPT_NAME websockets are found and named, whatever the server and the proxy do with the path."""
    settings.FORCE_SCRIPT_NAME = "/app"
    redis_client.set("broadcast:f", "kept")
    applications = [get_asgi_application(), OriginCheck(URLRouter(websocket_urlpatterns))]
    if path.startswith(root_path):
        # Else Channels' router refuses what it is given.
        applications.append(URLRouter(get_websocket_urlpatterns()))
    for application in applications:
        socket = Socket("/?subscribe-broadcast", application, root_path=root_path)
        socket.scope["path"] = path
        await socket.open()
        assert await socket.next() == "kept"
        await socket.leave()
    plain = HttpCommunicator(UpgradeRequired(page), "GET", path)
    plain.scope["root_path"] = root_path
    assert (await plain.get_response(timeout=TIMEOUT))["status"] == 400


async def test_root_path_is_taken_away_first(redis_client: redis.Redis) -> None:
    """Where the site is mounted below a path, WEBSOCKET_URL follows that."""
    redis_client.set("broadcast:f", "kept")
    async with connected("/site/ws/f?subscribe-broadcast", WebsocketUrls(), root_path="/site") as socket:
        assert await socket.next() == "kept"
    assert await Socket("/site/other/ws/f", WebsocketUrls(), root_path="/site").is_refused()


# --- plain HTTP -------------------------------------------------------------------------------------------------------


async def page(scope: Any, receive: Any, send: Any) -> None:
    """Stand for Django."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"a page"})


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("url", ["/ws/", "/ws/chat", "/ws/a/b?subscribe-broadcast"])
async def test_plain_http_is_told_to_upgrade(method: str, url: str) -> None:
    """A plain HTTP request to a websocket's URL gets status 400 and a text that says what is missing."""
    response = await HttpCommunicator(UpgradeRequired(page), method, url).get_response(timeout=TIMEOUT)
    body = b"This address serves websockets: a websocket upgrade is needed.\n"
    assert (response["status"], response["body"]) == (400, body)
    assert dict(response["headers"]) == {
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": str(len(body)).encode(),
    }


@pytest.mark.parametrize("url", ["/", "/ws", "/chat/ws/"])
async def test_pages_are_left_alone(url: str) -> None:
    """Every other request goes to the application behind."""
    response = await HttpCommunicator(UpgradeRequired(page), "GET", url).get_response(timeout=TIMEOUT)
    assert (response["status"], response["body"]) == (200, b"a page")


def test_patterns_at_hand_are_those_of_the_setting() -> None:
    """`websocket_urlpatterns` stands ready for `URLRouter(websocket_urlpatterns)`."""
    assert [str(route.pattern) for route in websocket_urlpatterns] == [
        str(route.pattern) for route in get_websocket_urlpatterns()
    ]
