"""Tests of `ws4channels.asgi`: the whole application of a site in one line."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import HttpCommunicator
from django.contrib.auth import get_user_model

from tests.sockets import Socket, broadcast, connected
from tests.waiting import TIMEOUT
from ws4channels.asgi import get_asgi_application
from ws4channels.exceptions import ConfigurationError
from ws4channels.publisher import RedisPublisher
from ws4channels.testing import FacilityCommunicator

SAME_ORIGIN = [(b"host", b"testserver"), (b"origin", b"http://testserver")]


@pytest.fixture
def application() -> Any:
    """What a site's asgi.py has."""
    return get_asgi_application()


def test_app_that_is_not_installed_is_an_error_of_the_server_s_start(settings: Any) -> None:
    """No check can tell of it, because the app's checks are not there; so the application does."""
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "ws4channels"]
    with pytest.raises(ConfigurationError) as refused:
        get_asgi_application()
    assert str(refused.value) == "INSTALLED_APPS has no 'ws4channels'; add it, and 'daphne' first, for runserver."


async def test_websockets_are_served(application: Any) -> None:
    """A browser on a page of the site opens a websocket, publishes and receives."""
    query = "subscribe-broadcast&publish-broadcast&echo"
    async with connected(f"/ws/f?{query}", application, headers=SAME_ORIGIN) as socket:
        await socket.send_to("hello")
        assert await socket.next() == "hello"
        await broadcast("f", "from the site")
        assert await socket.next() == "from the site"


async def test_websockets_of_foreign_pages_are_refused(application: Any) -> None:
    """The Origin check stands before everything else."""
    headers = [(b"host", b"testserver"), (b"origin", b"https://evil.com")]
    assert await Socket("/ws/f?subscribe-broadcast", application, headers=headers).is_refused()


async def test_websockets_elsewhere_are_refused(application: Any) -> None:
    """A path that is not below WEBSOCKET_URL is refused, not an error."""
    assert await Socket("/elsewhere", application, headers=SAME_ORIGIN).is_refused()


async def test_plain_http_to_a_websocket_is_told_to_upgrade(application: Any) -> None:
    """Status 400 says that a websocket upgrade is needed."""
    response = await HttpCommunicator(application, "GET", "/ws/f").get_response(timeout=TIMEOUT)
    assert (response["status"], b"websocket upgrade" in response["body"]) == (400, True)


async def test_pages_are_django_s(application: Any) -> None:
    """All else is answered by Django; the tests' site has no page, so that is Django's 404."""
    communicator = HttpCommunicator(application, "GET", "/no-such-page/", headers=[(b"host", b"testserver")])
    response = await communicator.get_response(timeout=TIMEOUT)
    await communicator.wait(timeout=TIMEOUT)
    assert (response["status"], b"Not Found" in response["body"]) == (404, True)


@pytest.mark.django_db(transaction=True)
async def test_signed_in_user_is_known_by_the_cookie(application: Any) -> None:
    """Session and user come from Django's cookies without any middleware."""
    mary = await sync_to_async(get_user_model().objects.create_user)("mary", password="secret")
    async with FacilityCommunicator("f", "subscribe-user", user=mary, headers=SAME_ORIGIN) as client:
        await RedisPublisher(facility="f", users=[mary]).apublish_message("for mary")
        assert await client.receive_from(timeout=TIMEOUT) == "for mary"


async def test_other_protocols_are_none_of_ours(application: Any) -> None:
    """What is neither HTTP, a websocket nor the lifespan is refused as Channels does it."""
    with pytest.raises(ValueError, match="No application configured for scope type 'other'"):
        await application({"type": "other"}, None, None)
