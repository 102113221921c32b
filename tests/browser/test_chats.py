"""The three chats of the example project, as people use them."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from .conftest import VIOLATION, sign_in, skip_without_chromium
from .policy import POLICY

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live]

CHATS = {"broadcast": "/", "user": "/user/", "group": "/group/"}
DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
BROADCAST_TOO = "subscribe-broadcast&publish-broadcast&echo"


def messages(page: Page):
    """Return the texts of the messages that the page shows."""
    return page.locator(".messages .text")


def senders(page: Page):
    """Return the names of their senders."""
    return page.locator(".messages .sender")


def state(page: Page):
    """Return the badge that shows the state of the connection."""
    return page.locator("[role=status]")


def wait_until_connected(*pages: Page) -> None:
    """Return when all pages say that they are connected."""
    for page in pages:
        expect(state(page)).to_have_text("connected")


def write(page: Page, text: str) -> None:
    """Send a message with the page's form."""
    page.get_by_label("Message", exact=True).fill(text)
    page.get_by_role("button", name="Send").click()


class Eavesdropper:
    """A websocket that a script in the page opens with the page's cookies, and that keeps all it receives."""

    def __init__(self, page: Page, path: str) -> None:
        self.page = page
        self.page.evaluate(
            """path => new Promise((resolve, reject) => {
                window.heard = [];
                window.eavesdropper = new WebSocket(`ws://${location.host}${path}`);
                window.eavesdropper.onmessage = event => window.heard.push(event.data);
                window.eavesdropper.onopen = resolve;
                window.eavesdropper.onerror = reject;
            })""",
            path,
        )

    def heard(self) -> list[str]:
        """Return what came so far: a broadcast is sent and waited for, after which nothing older can come."""
        return self.page.evaluate(
            """async () => {
                window.eavesdropper.send('that was all');
                while (!window.heard.includes('that was all')) await new Promise(go => setTimeout(go, 10));
                return window.heard.filter(text => text !== 'that was all' && text !== '--heartbeat--');
            }"""
        )


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
    """Names that the server can't vouch for look different from those that it can."""
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
    """John writes to mary: both see it, and an anonymous third hears nothing, whatever they subscribe to."""
    john, mary, third = open_window("/user/", "john"), open_window("/user/", "mary"), open_window("/")
    wait_until_connected(john, mary, third)
    everything = "subscribe-user&subscribe-group&subscribe-session&" + BROADCAST_TOO
    eavesdropper = Eavesdropper(third, f"/ws/user-chat?{everything}")
    write(john, "Only for you")
    for page in (john, mary):
        expect(messages(page)).to_have_text(["Only for you"])
        expect(senders(page)).to_have_text(["john"])
        expect(page.locator(".messages .recipient")).to_have_text(["to mary"])
    assert eavesdropper.heard() == []
    expect(messages(third)).to_have_count(0)


def test_group_message_reaches_its_members(open_window):
    """Both members see it, and an anonymous third is asked to sign in and hears nothing."""
    john, mary, third = open_window("/group/", "john"), open_window("/group/", "mary"), open_window("/group/")
    expect(third).to_have_url(re.compile(r"/login/\?next=/group/$"))
    eavesdropper = Eavesdropper(third, f"/ws/group-chat?subscribe-group&{BROADCAST_TOO}")
    wait_until_connected(john, mary)
    write(mary, "Hello, chatters")
    for page in (john, mary):
        expect(messages(page)).to_have_text(["Hello, chatters"])
        expect(senders(page)).to_have_text(["mary"])
    assert eavesdropper.heard() == []


def test_sign_out_stops_user_messages(open_window):
    """Who signed out sees the broadcast chat, hears nothing sent to them, and is asked to sign in again."""
    john, mary = open_window("/user/", "john"), open_window("/user/", "mary")
    wait_until_connected(john, mary)
    write(john, "First")
    expect(messages(mary)).to_have_text(["First"])
    mary.get_by_role("button", name="Sign out").click()
    mary.wait_for_url("**/")
    wait_until_connected(mary)
    eavesdropper = Eavesdropper(mary, f"/ws/user-chat?subscribe-user&{BROADCAST_TOO}")
    write(john, "Second")
    expect(messages(john)).to_have_text(["First", "Second"])
    assert eavesdropper.heard() == []
    expect(messages(mary)).to_have_count(0)
    mary.get_by_role("link", name="One user").click()
    expect(mary).to_have_url(re.compile(r"/login/\?next=/user/$"))


@pytest.mark.parametrize("chat", CHATS)
def test_reload_shows_the_kept_message(open_window, chat):
    """The newest message is there again after a reload, once."""
    page = open_window(CHATS[chat], "john")
    wait_until_connected(page)
    for text in ("Older", "Newest"):
        write(page, text)
        expect(messages(page).last).to_have_text(text)
    page.reload()
    expect(messages(page)).to_have_text(["Newest"])


def test_page_reconnects_when_the_server_is_back(open_window, site):
    """Daphne dies and comes back: the page shows both, sends what was written meanwhile, and goes on."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    write(one, "Before")
    expect(messages(other)).to_have_text(["Before"])
    site.kill()
    for page in (one, other):
        expect(state(page)).to_have_text("disconnected")
    write(one, "Meanwhile")
    site.start()
    wait_until_connected(one, other)
    for page in (one, other):
        expect(messages(page)).to_have_text(["Before", "Meanwhile"])
    write(other, "After")
    for page in (one, other):
        expect(messages(page)).to_have_text(["Before", "Meanwhile", "After"])


class ForeignPage(BaseHTTPRequestHandler):
    """A page of somebody else's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<p>Evil")

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def foreign_origin() -> Iterator[str]:
    """The origin of a page that is none of the site's."""
    with ThreadingHTTPServer(("127.0.0.2", 0), ForeignPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.2:{server.server_port}"
        server.shutdown()
        thread.join()


def test_page_of_a_foreign_origin_opens_no_websocket(open_window, site, foreign_origin):
    """Somebody else's page, in the browser of one who is signed in here, is turned away; the log says why."""
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


def test_lost_sign_in_leads_to_the_sign_in_page(open_window):
    """Who signs out in one tab and writes in another is asked to sign in; nothing fails silently."""
    first_tab = open_window("/user/", "john")
    wait_until_connected(first_tab)
    second_tab = first_tab.context.new_page()
    second_tab.goto("/")
    second_tab.get_by_role("button", name="Sign out").click()
    second_tab.wait_for_url("**/")
    write(first_tab, "Too late")
    expect(first_tab).to_have_url(re.compile(r"/login/\?next=/user/$"))


def test_page_of_another_sign_in_is_told_to_reload(open_window):
    """A page from before somebody else signed in has an old CSRF token: it says that the message was not sent."""
    first_tab = open_window("/user/", "john")
    wait_until_connected(first_tab)
    second_tab = first_tab.context.new_page()
    second_tab.goto("/")
    second_tab.get_by_role("button", name="Sign out").click()
    second_tab.wait_for_url("**/")
    sign_in(second_tab, "mary", "/user/")
    write(first_tab, "As whom?")
    problem = first_tab.get_by_role("alert")
    expect(problem).to_have_text("Not sent. The server answered 403. Reload the page and try again.")
    expect(messages(second_tab)).to_have_count(0)


def test_markup_in_names_and_texts_stays_text(open_window):
    """What strangers write can't become part of the page."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    markup = "<img src=x onerror=alert(1)>"
    one.get_by_label("Your name").fill(markup)
    write(one, f"<b>{markup}</b>")
    expect(messages(other)).to_have_text([f"<b>{markup}</b>"])
    expect(senders(other)).to_have_text([markup])
    assert other.locator(".messages img, .messages b").count() == 0


def test_foreign_payload_is_shown_as_text(open_window):
    """What is no message of the chat's own form, from redis-cli or from another program, is shown as it came."""
    page = open_window("/")
    wait_until_connected(page)
    stranger = Eavesdropper(page, f"/ws/broadcast-chat?{BROADCAST_TOO}")
    for payload in ("just text", "null", '{"text": 5}', '["a", "list"]'):
        page.evaluate("payload => window.eavesdropper.send(payload)", payload)
        expect(messages(page).last).to_have_text(payload)
    assert stranger.heard() == ["just text", "null", '{"text": 5}', '["a", "list"]']
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
    """A page that did not keep to the policy would be told of by the browser, in the words we look for."""
    page = open_window("/")
    with page.expect_console_message(lambda message: VIOLATION in message.text):
        page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: '1'}))")
    assert len(complaints) == 1
    complaints.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=lambda size: f"{size['width']}x{size['height']}")
@pytest.mark.parametrize("chat", CHATS)
def test_chat_fits_the_screen(open_window, artifacts, chat, size, scheme):
    """A conversation fits on a desktop and on a phone, without scrolling sideways; a screenshot is kept."""
    look = {"viewport": size, "color_scheme": scheme}
    path = CHATS[chat]
    john = open_window(path, "john", **look)
    mary = open_window(path, "mary")
    wait_until_connected(john, mary)
    said = [
        (john, "Good morning! Did the delivery reach you?"),
        (mary, "It did, thank you. The red one is even nicer than on the picture."),
        (john, "Glad to hear it. https://example.com/a/very/long/address/that/no/line/can/hold/" + "x" * 60),
        (mary, "See you at noon, then!"),
    ]
    for number, (page, text) in enumerate(said, start=1):
        write(page, text)
        for reader in (john, mary):
            expect(messages(reader)).to_have_count(number)
    john.screenshot(path=artifacts / f"{chat}-{size['width']}x{size['height']}-{scheme}.png")
    assert_fits(john)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=lambda size: f"{size['width']}x{size['height']}")
def test_sign_in_page_fits_the_screen(open_window, artifacts, size):
    """So does the sign-in page, after a wrong password, too."""
    page = open_window("/login/", viewport=size)
    page.get_by_label("User name").fill("john")
    page.get_by_label("Password").fill("wrong")
    page.locator(".card button").click()
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    page.screenshot(path=artifacts / f"sign-in-{size['width']}x{size['height']}.png")
    assert_fits(page)


def assert_fits(page: Page) -> None:
    """Fail when the page is wider than the window, or when a form or badge is outside of it."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    size = page.viewport_size
    for box in (element.bounding_box() for element in page.locator("form:visible, nav, [role=status]").all()):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]
        assert box["y"] + box["height"] <= size["height"]
