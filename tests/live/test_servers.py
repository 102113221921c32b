"""What every server has to bring across: one suite, over Daphne and uvicorn, on ports and on unix sockets."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.live.client import shown, told
from tests.live.servers import APPLICATION, RunningSite, Surroundings, daphne, daphne_on_unix_socket, on_unix_socket
from tests.live.servers import uvicorn as uvicorn_on_port
from tests.live.site.hooks import SECRET
from tests.waiting import SCALE

pytestmark = pytest.mark.live

SETTINGS = {
    "WS4REDIS_ALLOWED_CHANNELS": "tests.live.site.hooks.allow_channels",
    "WS4REDIS_SUBSCRIBER": "tests.live.site.hooks.FailingSubscriber",
    "WS4CHANNELS_CLOSE_TIMEOUT": 0.5 * SCALE,
}
MEBIBYTE = 1024 * 1024
SIZES = [1, 125, 126, 65_535, 65_536, MEBIBYTE]
"""The lengths at which RFC 6455 changes the form of a frame's header, and the largest that a client may send."""


def uvicorn_on_unix_socket(surroundings: Surroundings, settings: dict[str, str]):
    path = surroundings.new_path(".sock")
    command = [sys.executable, "-m", "uvicorn", "--uds", str(path), APPLICATION]
    return on_unix_socket(surroundings, command, path, settings)


def uvicorn_sansio(surroundings: Surroundings, settings: dict[str, str]):
    options = ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]
    return uvicorn_on_port(surroundings, *options, settings=settings)


SERVERS = {
    "daphne": daphne,
    "daphne-unix-socket": daphne_on_unix_socket,
    "uvicorn-sansio": uvicorn_sansio,
    "uvicorn-unix-socket": uvicorn_on_unix_socket,
}


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind one of the servers."""
    with SERVERS[request.param](surroundings, settings=SETTINGS) as site:
        yield site
        for complaint in ("never retrieved", "never awaited", "Task was destroyed"):
            assert complaint not in site.output()


def test_page_names_the_websockets_of_its_host(site):
    """The context processor sends browsers to the host from which they have the page."""
    page = shown(site.get("/"))
    assert page["uri"] == f"ws://{site.host}/ws/"
    assert page["heartbeat"] == "null"


def test_message_reaches_other_sockets_once(site, facility):
    """What one browser sends comes to the others, and not back to itself."""
    with (
        site.connect(facility, "subscribe-broadcast", "publish-broadcast") as sender,
        site.connect(facility, "subscribe-broadcast") as receiver,
    ):
        # One after the other: what is held back is what equals the last message that a socket sent.
        for message in ("hello", "again"):
            sender.send(message)
            assert receiver.receive() == message
        assert receiver.is_quiet()
        assert sender.is_quiet()


def test_kept_message_is_sent_first(site, facility):
    """A socket that opens after a message was published gets it at once."""
    site.get(f"/publish/?facility={facility}&text=kept")
    with site.connect(facility, "subscribe-broadcast") as late:
        assert late.receive() == "kept0"


@pytest.mark.parametrize("view", ["publish", "publish-async"])
def test_view_reaches_sockets_in_order(site, facility, view):
    """Sync and async views of the same process publish to its sockets."""
    with site.connect(facility, "subscribe-broadcast") as socket:
        assert site.get(f"/{view}/?facility={facility}&text=from a view &count=20").status_code == 200
        assert socket.receive_many(20) == [f"from a view {number}" for number in range(20)]
        assert socket.is_quiet()


def test_text_arrives_byte_for_byte(site, facility):
    """Text of every length that RFC 6455 frames differently comes out as it went in."""
    with (
        site.connect(facility, "publish-broadcast") as sender,
        site.connect(facility, "subscribe-broadcast") as receiver,
    ):
        for size in SIZES:
            text = "".join(chr(33 + number * 7 % 90) for number in range(size))
            sender.send(text)
            assert receiver.receive() == text


def test_bytes_arrive_byte_for_byte(site, facility):
    """Bytes that are no text come out in a binary frame as they went in."""
    pattern = bytes(range(255, -1, -1))
    with (
        site.connect(facility, "publish-broadcast") as sender,
        site.connect(facility, "subscribe-broadcast") as receiver,
    ):
        for size in SIZES:
            raw = (pattern * (size // 256 + 1))[:size]
            sender.send(raw)
            assert receiver.receive() == raw


def test_unicode_arrives_as_text(site, facility):
    """UTF-8 in a binary frame is text to those who receive it, whatever planes its characters are from."""
    text = "naïve, 日本語, 🙂 and \x00"
    with site.connect(facility, "subscribe-broadcast", "publish-broadcast", "echo") as socket:
        socket.send(text)
        socket.send(text.encode())
        assert socket.receive_many(2) == [text, text]


def test_compressing_client_gets_what_was_sent(site, facility):
    """Browsers offer compression; whether the server takes the offer or not, the messages are the same."""
    texts = [f"{number} " * 1000 for number in range(20)]
    with (
        site.connect(facility, "subscribe-broadcast", compression="deflate") as receiver,
        site.connect(facility, "publish-broadcast", compression="deflate") as sender,
    ):
        for text in texts:
            sender.send(text)
        assert receiver.receive_many(20) == texts


@pytest.mark.parametrize("name", ["US~CA#General", "a/b//c", "what?", "50% off", "ß-日本", "a:b", "trailing/", "a+b&c"])
def test_facility_may_hold_anything(site, facility, name):
    """What a URL quotes belongs to the facility unquoted."""
    name = f"{facility}{name}"
    with site.connect(name, "subscribe-broadcast") as socket, site.pages() as pages:
        pages.get("/publish/", params={"facility": name})
        assert socket.receive() == "0"


def test_plain_request_is_told_to_upgrade(site):
    """A browser that opens a websocket's address as a page is answered with what is wrong."""
    answer = site.get("/ws/news?subscribe-broadcast")
    assert answer.status_code == 400
    assert answer.text == "This address serves websockets: a websocket upgrade is needed.\n"


def test_refusing_rule_means_403(site):
    """PermissionDenied in WS4REDIS_ALLOWED_CHANNELS is status 403, with its text in the log alone."""
    answer = site.refusal("forbidden", "subscribe-broadcast")
    assert answer.status_code == 403
    assert_secret_is_kept(answer)
    assert f"Refused a websocket to /ws/forbidden: PermissionDenied: {SECRET}" in site.output()


def test_failing_rule_means_500(site):
    """Any other exception of a rule is status 500, with its traceback in the log alone."""
    answer = site.refusal("broken", "subscribe-broadcast")
    assert answer.status_code == 500
    assert_secret_is_kept(answer)
    output = site.output()
    assert "Traceback (most recent call last)" in output
    assert f"LookupError: {SECRET}" in output


def test_failure_while_open_means_1011(request, site, facility):
    """A failing override of RedisSubscriber ends its socket with 1011 and says no more; others go on."""
    with (
        site.connect(facility, "publish-broadcast") as victim,
        site.connect(facility, "subscribe-broadcast", "publish-broadcast", "echo") as other,
    ):
        victim.send("explode")
        code, reason = victim.closing()
        assert code == 1011
        assert SECRET not in reason
        other.send("still here")
        assert other.receive() == "still here"


def test_foreign_origin_means_403(site, facility):
    """A page of another site cannot open a websocket, and the log says why."""
    answer = site.refusal(facility, "subscribe-broadcast", origin="https://evil.example")
    assert answer.status_code == 403
    assert f"Refused a websocket to /ws/{facility} from origin 'https://evil.example': it is neither" in site.output()


@pytest.mark.parametrize("origin", ["http://127.0.0.1", "https://site.test", None])
def test_own_origin_is_let_in(site, facility, origin):
    """Pages of the site's hosts are let in, and so are clients that are no browsers."""
    with site.connect(facility, "subscribe-broadcast", "publish-broadcast", "echo", origin=origin) as socket:
        socket.send("in")
        assert socket.receive() == "in"


def test_first_subprotocol_is_taken(site, facility):
    """A subprotocol that the client offers comes back; without an offer there is none."""
    with site.connect(facility, subprotocols=["ws4redis", "other"]) as socket:
        assert socket.subprotocol == "ws4redis"
    with site.connect(facility) as socket:
        assert socket.subprotocol is None


@pytest.mark.parametrize("code", [1000, 1001, 1011, 3000, 4999])
def test_any_close_code_is_taken(site, facility, code):
    """However a client closes, the server closes as well and has nothing to complain about."""
    before = site.output().count("Traceback")
    with site.connect(facility, "subscribe-broadcast") as socket:
        socket.close(code, "bye")
        # RFC 6455, 5.5.1: an endpoint typically echoes the code. uvicorn does; Daphne says 1000.
        assert socket.connection.close_code in (code, 1000)
    # A request later, whatever the end of that socket set off has been done.
    assert shown(site.get("/"))
    assert site.output().count("Traceback") == before


def test_too_large_message_means_1009(request, site, facility):
    """A byte above WS4CHANNELS_MAX_MESSAGE_SIZE ends the socket; nobody receives the message."""
    with (
        site.connect(facility, "publish-broadcast") as sender,
        site.connect(facility, "subscribe-broadcast") as receiver,
    ):
        sender.send_until_closed("x" * (MEBIBYTE + 1))
        assert sender.closing()[0] == 1009
        assert receiver.is_quiet()


def test_signed_in_user_is_known_to_websockets(site, facility):
    """The session that the sign-in page starts gives a socket its user and the user's groups."""
    cookie = site.signed_in()
    with (
        site.connect(facility, "subscribe-user", "subscribe-group", additional_headers=cookie) as mary,
        site.connect(facility, "publish-user", additional_headers=cookie) as user_sender,
        site.connect(facility, "publish-group", additional_headers=cookie) as group_sender,
        site.connect(facility, "subscribe-user", "subscribe-group", "subscribe-session") as anonymous,
    ):
        user_sender.send("for mary")
        assert mary.receive() == "for mary"
        group_sender.send("for chatters")
        assert mary.receive() == "for chatters"
        assert anonymous.is_quiet()


def test_rules_see_the_request(site, facility):
    """Hooks get the client's address, the host and the user, as views do."""
    with site.connect(f"whoami{facility}", "subscribe-broadcast", additional_headers=site.signed_in()) as socket:
        seen = told(socket)
    assert seen["host"] == site.host
    assert seen["user"] == "mary"
    assert seen["is_secure"] is False
    assert seen["address"] == (None if site.unix_socket else "127.0.0.1")


def assert_secret_is_kept(answer) -> None:
    """Check that nothing of a refusal says what the rule's exception says."""
    everything = [answer.reason_phrase, (answer.body or b"").decode(), *map(str, answer.headers.raw_items())]
    assert not any(SECRET in part for part in everything)
