"""The example's views, for clients that do not behave as its own pages do."""

import json

import httpx
import pytest
from django.test import RequestFactory

from example_project.chat.rules import allowed_channels
from example_project.redis_server import RedisServer
from tests.waiting import SCALE

from .site import Site, manage

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The example site, running on a Redis of its own, with one user more: otto, who is in no group."""
    with RedisServer() as server:
        site = Site(tmp_path_factory.mktemp("site"), server.url, settings="tests.example.settings")
        site.prepare()
        add_otto = "from django.contrib.auth.models import User; User.objects.create_user('otto', password='secret')"
        done = manage("shell", "-c", add_otto, env=site.env)
        assert done.returncode == 0, done.stderr
        site.env["METRICS_TOKEN"] = "known to Prometheus"
        site.start()
        site.redis = server
        yield site
        site.stop()


@pytest.fixture
def stored(site):
    """Return the kept message of a key, decoded, or None; there is none before the test."""
    with site.redis.client() as client:
        client.flushall()
        yield lambda key: json.loads(client.get(key) or "null")


@pytest.fixture
def visit(site):
    """Return an HTTP client of the site, signed in if a username is given."""
    clients = []

    def visit(username=None):
        client = httpx.Client(base_url=site.url, timeout=20 * SCALE, trust_env=False)
        clients.append(client)
        client.get("/login/")
        if username is not None:
            response = post(client, "/login/", username=username, password="secret")
            assert response.status_code == 302, response.text
        return client

    yield visit
    for client in clients:
        client.close()


def post(client, path, **fields):
    """Post a form as a page does, with its CSRF token."""
    return client.post(path, data={"csrfmiddlewaretoken": client.cookies["csrftoken"], **fields})


def test_user_message_is_kept_for_both(visit, stored):
    """What john posts is stored under mary's key and his own, with his name in it, whatever the form claims."""
    response = post(visit("john"), "/user/", recipient="mary", text="Hello", **{"from": "mary"})
    assert response.status_code == 204
    message = stored("ws:user:mary:user-chat")
    assert (message["from"], message["to"], message["text"]) == ("john", "mary", "Hello")
    assert stored("ws:user:john:user-chat") == message


def test_message_keeps_the_id_that_the_page_chose(visit, stored):
    """A page that posts a message again, since the answer was lost, sends the same id; else the server chooses one."""
    john = visit("john")
    chosen = "0123456789abcdef0123456789abcdef"
    for _ in range(2):
        assert post(john, "/group/", text="Hello", id=chosen).status_code == 204
        assert stored("ws:group:chatters:group-chat")["id"] == chosen
    ids = set()
    for _ in range(2):
        assert post(john, "/group/", text="Hello").status_code == 204
        ids.add(stored("ws:group:chatters:group-chat")["id"])
    assert len(ids - {chosen}) == 2


def test_group_message_is_kept_for_the_group(visit, stored):
    """What mary posts is stored once, under the group's key."""
    assert post(visit("mary"), "/group/", text="Hello").status_code == 204
    message = stored("ws:group:chatters:group-chat")
    assert (message["from"], message["text"]) == ("mary", "Hello")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"recipient": "mary"}, "text"),
        ({"recipient": "mary", "text": "  "}, "text"),
        ({"recipient": "mary", "text": "x" * 501}, "text"),
        ({"recipient": "nobody", "text": "Hello"}, "recipient"),
        ({"recipient": "john", "text": "To myself"}, "recipient"),
        ({"text": "To whom?"}, "recipient"),
        ({"recipient": "mary", "text": "Hello", "id": "<script>"}, "id"),
    ],
)
def test_bad_user_message_is_refused(visit, stored, fields, wrong):
    """The answer names the field at fault, and nothing is published."""
    response = post(visit("john"), "/user/", **fields)
    assert response.status_code == 400
    assert list(response.json()) == [wrong]
    assert stored("ws:user:john:user-chat") is None


def test_user_outside_of_the_group_is_refused(visit, stored):
    """Only members read and write in the group chat."""
    otto = visit("otto")
    page = otto.get("/group/")
    assert page.status_code == 403
    assert "Only the members of the group <b>chatters</b>" in page.text
    assert post(otto, "/group/", text="Let me in").status_code == 403
    assert stored("ws:group:chatters:group-chat") is None


@pytest.mark.parametrize("path", ["/user/", "/group/"])
def test_anonymous_visitor_is_sent_to_the_sign_in_page(visit, path):
    """The chats that need to know who writes ask for it, and come back afterwards."""
    anyone = visit()
    for response in (anyone.get(path), post(anyone, path, text="Hello", recipient="mary")):
        assert response.status_code == 302
        assert response.headers["location"] == f"/login/?next={path}"


@pytest.mark.parametrize("path", ["/user/", "/group/", "/logout/"])
def test_post_without_csrf_token_is_refused(visit, path):
    """Another site can't make a signed-in visitor's browser write or sign out."""
    john = visit("john")
    assert john.post(path, data={"recipient": "mary", "text": "Not by me"}).status_code == 403
    assert john.get("/user/").status_code == 200


def test_anonymous_page_holds_no_user_channel(visit):
    """The page of everyone's chat is the only one that anonymous visitors get a socket from."""
    page = visit().get("/").text
    assert "broadcast-chat?subscribe-broadcast&amp;publish-broadcast&amp;echo" in page
    assert "subscribe-user" not in page
    assert "subscribe-group" not in page


def test_metrics_are_for_prometheus(visit):
    """Clients with the token read the metrics of the server; signed-in and other visitors do not."""
    for client in (visit(), visit("john")):
        for headers in ({}, {"Authorization": "Bearer None"}, {"Authorization": "Bearer"}):
            assert client.get("/metrics", headers=headers).status_code == 403
    answer = visit().get("/metrics", headers={"Authorization": "Bearer known to Prometheus"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "\nws4channels_sockets_open 0.0\n" in answer.text


def test_browsers_speak_to_everybody_only():
    """The site's rule lets websockets subscribe to all that is theirs, and publish to everybody and to nobody else."""
    audiences = ("broadcast", "user", "group", "session")
    subscribing = [f"subscribe-{audience}" for audience in audiences]
    publishing = [f"publish-{audience}" for audience in audiences]
    for facility, granted in (("broadcast-chat", ["publish-broadcast"]), ("user-chat", []), ("group-chat", [])):
        request = RequestFactory().get(f"/ws/{facility}")
        asked = [*subscribing, *publishing, "presence"]
        assert allowed_channels(request, asked) == [*subscribing, *granted, "presence"]


def test_admin_sees_what_happens_and_others_do_not(visit):
    """The page links to the admin's pages for the user who may see them; they open; nobody writes to that user."""
    admin, john = visit("admin"), visit("john")
    address = "/admin/ws4channels/websockets/"
    assert f'href="{address}"' in admin.get("/").text
    assert address not in john.get("/").text
    for path in ("", "processes/", "keys/", "explain/", "live/", "publish/", "close/"):
        assert admin.get(address + path).status_code == 200
        assert john.get(address + path).status_code == 302
    assert 'value="mary"' in john.get("/user/").text
    assert 'value="admin"' not in john.get("/user/").text
