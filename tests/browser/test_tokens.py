"""The client with tokens that expire, on a site that refuses expired ones with 4403."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from unittest import mock

import pytest
from django.core import signing
from playwright.sync_api import Page

from example_project.redis_server import RedisServer
from example_project.settings import SECRET_KEY
from tests.example.site import Site

from .conftest import skip_without_chromium
from .tokens import SALT

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live]

ADDRESS = "`ws://${location.host}/ws/tokens?subscribe-user`"


@pytest.fixture(scope="module")
def running_site(site_redis: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The example site, with tokens in place of sessions."""
    site = Site(tmp_path_factory.mktemp("site"), site_redis.url, settings="tests.browser.token_settings")
    site.prepare()
    site.start()
    yield site
    site.stop()


def token(age: float) -> str:
    """Return a token that was made `age` seconds ago."""
    with mock.patch.object(time, "time", return_value=time.time() - age):
        return signing.dumps("mary", key=SECRET_KEY, salt=SALT)


@pytest.fixture
def open_page(open_window: Callable[..., Page]) -> Callable[[], Page]:
    """Open a page that can fetch tokens: the first has expired, the second can't be had, the third is valid."""

    def open_page() -> Page:
        page = open_window("/login/")
        page.add_script_tag(url="/static/js/ws4redis.js")
        answers = iter([{"body": token(age=3600)}, {"status": 503}])
        page.route("**/token/", lambda route: route.fulfill(**next(answers, {"body": token(age=0)})))
        return page

    return open_page


def log_of_client(page: Page, options: str) -> list[object]:
    """Return what a client with these options reported until it had been connected for a while, or gave up."""
    return page.evaluate(
        """() => new Promise(resolve => {
            Math.random = () => 0;
            const log = [];
            const fetchToken = async () => {
                const response = await fetch('/token/');
                if (!response.ok) throw new Error(`status ${response.status}`);
                return response.text();
            };
            const client = new WS4Redis({
                ...OPTIONS,
                receive_message: text => { log.push(text); resolve(log); },
                disconnected: event => {
                    log.push(event.code);
                    if (log.length === 4) { client.close(); resolve(log); }
                },
            });
        })""".replace("OPTIONS", options)
    )


@pytest.fixture
def kept_message(site: Site, site_redis: RedisServer) -> None:
    """What mary's websockets are sent when they connect."""
    with site_redis.client() as client:
        client.set("ws:user:mary:tokens", "for mary")


@pytest.mark.usefixtures("kept_message")
def test_address_function_gets_over_an_expired_token(open_page):
    """A refused token gives 4403, one that could not be fetched 1006, and the next attempt has a valid one."""
    options = f"{{uri: async () => {ADDRESS} + '&token=' + encodeURIComponent(await fetchToken())}}"
    assert log_of_client(open_page(), options) == [4403, 1006, "for mary"]


@pytest.mark.usefixtures("kept_message")
def test_protocols_function_gets_over_an_expired_token(open_page):
    """The same with the token as a subprotocol."""
    options = f"{{uri: {ADDRESS}, protocols: async () => ['tokens', (await fetchToken()).replaceAll(':', '~')]}}"
    assert log_of_client(open_page(), options) == [4403, 1006, "for mary"]


@pytest.mark.usefixtures("kept_message")
def test_fixed_address_with_an_expired_token_is_refused_visibly(open_page):
    """The page sees 4403 each time, and can end the client."""
    options = f"{{uri: {ADDRESS} + '&token={token(age=3600)}'}}"
    assert log_of_client(open_page(), options) == [4403, 4403, 4403, 4403]
