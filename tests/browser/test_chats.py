"""The three chats of the example project, as people use them."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Route, expect

from .conftest import VIOLATION, skip_without_chromium
from .pages import (
    BROADCAST_TOO,
    CHATS,
    RawWebSocket,
    messages,
    senders,
    wait_until_connected,
    write,
)
from .policy import POLICY

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live]


def test_two_windows_chat_by_broadcast(open_window):
    """What one window writes both show, and the other can answer; no one needs to sign in."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    one.get_by_label("Your name").fill("Ada")
    write(one, "Is anybody there?")
    expect(messages(other)).to_have_text(["Is anybody there?"])
    write(other, "I am.")
    for page in (one, other):
        expect(messages(page)).to_have_text(["Is anybody there?", "I am."])
        expect(senders(page)).to_have_text(["Ada", "anonymous"])
    expect(one.locator(".own .text")).to_have_text(["Is anybody there?"])
    expect(other.locator(".own .text")).to_have_text(["I am."])


def test_broadcast_marks_names_as_self_declared(open_window):
    """Names that the server has not checked are marked."""
    page = open_window("/", "john")
    wait_until_connected(page)
    expect(page.get_by_label("Your name")).to_have_value("john")
    write(page, "Hello")
    expect(senders(page)).to_have_class([re.compile("self-declared")])
    page.goto("/group/")
    wait_until_connected(page)
    write(page, "Hello")
    expect(senders(page)).to_have_class(["sender"])


def test_user_message_reaches_its_user_alone(open_window):
    """John writes to mary: both see it, and an anonymous third receives nothing, whatever they subscribe to."""
    john, mary, third = open_window("/user/", "john"), open_window("/user/", "mary"), open_window("/")
    wait_until_connected(john, mary, third)
    everything = "subscribe-user&subscribe-group&subscribe-session&" + BROADCAST_TOO
    raw = RawWebSocket(third, f"/ws/user-chat?{everything}")
    write(john, "Only for you")
    for page in (john, mary):
        expect(messages(page)).to_have_text(["Only for you"])
        expect(senders(page)).to_have_text(["john"])
        expect(page.locator(".said .recipient")).to_have_text(["to mary"])
    assert raw.received() == []
    expect(messages(third)).to_have_count(0)


def test_group_message_reaches_its_members(open_window):
    """Both members see it; an anonymous third is asked to sign in and receives nothing."""
    john, mary, third = open_window("/group/", "john"), open_window("/group/", "mary"), open_window("/group/")
    expect(third).to_have_url(re.compile(r"/login/\?next=/group/$"))
    raw = RawWebSocket(third, f"/ws/group-chat?subscribe-group&{BROADCAST_TOO}")
    wait_until_connected(john, mary)
    write(mary, "Hello, chatters")
    for page in (john, mary):
        expect(messages(page)).to_have_text(["Hello, chatters"])
        expect(senders(page)).to_have_text(["mary"])
    assert raw.received() == []


def test_sign_out_stops_user_messages(open_window):
    """After signing out, a visitor sees the broadcast chat, receives no user message, and is asked to sign in again."""
    john, mary = open_window("/user/", "john"), open_window("/user/", "mary")
    wait_until_connected(john, mary)
    write(john, "First")
    expect(messages(mary)).to_have_text(["First"])
    mary.get_by_role("button", name="Sign out").click()
    mary.wait_for_url("**/")
    wait_until_connected(mary)
    raw = RawWebSocket(mary, f"/ws/user-chat?subscribe-user&{BROADCAST_TOO}")
    write(john, "Second")
    expect(messages(john)).to_have_text(["First", "Second"])
    assert raw.received() == []
    expect(messages(mary)).to_have_count(0)
    mary.get_by_role("link", name="One user").click()
    expect(mary).to_have_url(re.compile(r"/login/\?next=/user/$"))


class ForeignPage(BaseHTTPRequestHandler):
    """A page of another site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>Evil")

    def log_message(self, *args: object) -> None:
        """Write nothing."""


@pytest.fixture
def foreign_origin() -> Iterator[str]:
    """The origin of another site's page."""
    with ThreadingHTTPServer(("127.0.0.2", 0), ForeignPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.2:{server.server_port}"
        server.shutdown()
        thread.join()


def test_page_of_a_foreign_origin_opens_no_websocket(open_window, site, foreign_origin):
    """The page of another site, in the browser of a signed-in visitor, is refused; the log says why."""
    page = open_window("/", username="mary")
    page.goto(foreign_origin)
    outcome = page.evaluate(
        """url => new Promise(resolve => {
            const socket = new WebSocket(url);
            socket.onopen = () => resolve("open");
            socket.onclose = event => resolve(event.code);
        })""",
        f"{site.url.replace('http', 'ws')}/ws/broadcast-chat?subscribe-broadcast",
    )
    assert outcome == 1006
    assert f"from origin '{foreign_origin}': it is neither" in site.log()


def test_markup_in_names_and_texts_stays_text(open_window):
    """Markup in a message is shown and not executed."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    markup = "<img src=x onerror=alert(1)>"
    one.get_by_label("Your name").fill(markup)
    write(one, f"<b>{markup}</b>")
    expect(messages(other)).to_have_text([f"<b>{markup}</b>"])
    expect(senders(other)).to_have_text([markup])
    assert other.locator(".messages img, .messages b").count() == 0


def test_foreign_payload_is_shown_as_text(open_window):
    """A payload of redis-cli or of another program is shown as it is."""
    page = open_window("/")
    wait_until_connected(page)
    raw = RawWebSocket(page, f"/ws/broadcast-chat?{BROADCAST_TOO}")
    for payload in ("just text", "null", '{"text": 5}', '["a", "list"]'):
        raw.send(payload)
        expect(messages(page).last).to_have_text(payload)
    assert raw.received() == ["just text", "null", '{"text": 5}', '["a", "list"]']
    expect(senders(page).last).to_have_text("anonymous")


@pytest.mark.parametrize("chat", CHATS)
def test_pages_work_under_a_strict_content_security_policy(open_window, chat):
    """No inline script or style, nothing from elsewhere: `open_window` fails the test when the browser objects."""
    page = open_window("/", "john")
    assert page.goto(CHATS[chat]).headers["content-security-policy"] == POLICY
    wait_until_connected(page)
    write(page, "Within the rules")
    expect(messages(page)).to_have_text(["Within the rules"])


def test_policy_violation_is_noticed(open_window, complaints):
    """The browser reports a page that violates the policy in the words that `open_window` looks for."""
    page = open_window("/")
    with page.expect_console_message(lambda message: VIOLATION in message.text):
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    assert len(complaints) == 1
    complaints.clear()


def test_equal_messages_are_all_shown(open_window):
    """Three equal messages are three bubbles, in the window that wrote them and in others, and from other programs."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    for _ in range(3):
        write(one, "ping")
    raw = RawWebSocket(one, f"/ws/broadcast-chat?{BROADCAST_TOO}")
    for page in (one, other):
        expect(messages(page)).to_have_text(["ping"] * 3)
    for _ in range(3):
        raw.send("pong")
    for page in (one, other):
        expect(messages(page)).to_have_text(["ping"] * 3 + ["pong"] * 3)


@pytest.mark.parametrize("chat", ["user", "group"])
def test_equal_posted_messages_are_all_shown(open_window, chat):
    """Three equal messages that a view publishes are three bubbles."""
    john, mary = open_window(CHATS[chat], "john"), open_window(CHATS[chat], "mary")
    wait_until_connected(john, mary)
    for _ in range(3):
        write(john, "ping")
    for page in (john, mary):
        expect(messages(page)).to_have_text(["ping"] * 3)


def test_message_posted_twice_is_shown_once(open_window):
    """A message that is posted again, because the answer was lost, is shown once."""
    john, mary = open_window("/group/", "john"), open_window("/group/", "mary")
    wait_until_connected(john, mary)
    bodies = []
    john.route("**/group/", lambda route: lose_first_answer(route, bodies), times=1)
    write(john, "Once")
    expect(messages(mary)).to_have_text(["Once"])
    write(john, "Next")
    for page in (john, mary):
        expect(messages(page)).to_have_text(["Once", "Next"])
    assert bodies == [204]


def lose_first_answer(route: Route, statuses: list[int]) -> None:
    """Let the request reach the server, but not the answer the page."""
    statuses.append(route.fetch().status)
    route.abort()


def test_client_offers_subprotocols_and_takes_its_binary_type(open_window):
    """The server accepts the first subprotocol, and bytes arrive as an ArrayBuffer."""
    page = open_window("/")
    outcome = page.evaluate(
        """async () => {
            const received = new Promise((resolve, reject) => {
                const client = new WS4Redis({
                    uri: async () => `ws://${location.host}/ws/bytes?subscribe-broadcast&publish-broadcast&echo`,
                    protocols: () => ['chat', 'token.abc'],
                    binaryType: 'arraybuffer',
                    connected: () => client.send_message(new Uint8Array([255, 0, 1])),
                    receive_message: message => resolve([...new Uint8Array(message)]),
                    disconnected: event => reject(new Error(event.code)),
                });
            });
            return received;
        }"""
    )
    assert outcome == [255, 0, 1]
