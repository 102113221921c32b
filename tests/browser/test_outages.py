"""What the example's pages show while there is no connection, and after the visitor was signed out."""

import re
import signal

import pytest
from playwright.sync_api import expect

from .conftest import sign_in, skip_without_chromium
from .pages import (
    BROADCAST_TOO,
    CHATS,
    RawWebSocket,
    assert_end_is_shown,
    messages,
    reconnect_now,
    sign_out_in_another_tab,
    state,
    text_field,
    wait_until_connected,
    waiting,
    write,
)

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

LOW = {"width": 800, "height": 500}


@pytest.mark.parametrize("chat", CHATS)
def test_message_waits_visibly_until_the_server_is_back(open_window, site, chat):
    """What is written without a connection is shown as waiting, and arrives once and in its order afterwards."""
    john, mary = open_window(CHATS[chat], "john", viewport=LOW), open_window(CHATS[chat], "mary")
    wait_until_connected(john, mary)
    write(john, "Before")
    expect(messages(mary)).to_have_text(["Before"])
    site.kill()
    for page in (john, mary):
        expect(state(page)).to_have_text("disconnected")
    write(john, "First")
    expect(john.locator(".hint")).to_have_text("1 message is waiting for the connection.")
    write(john, "Second")
    expect(john.locator(".hint")).to_have_text("2 messages are waiting for the connection.")
    assert_end_is_shown(john)
    expect(waiting(john).locator(".note")).to_have_text(["waiting for the connection"] * 2)
    expect(messages(john)).to_have_text(["Before"])
    site.start()
    wait_until_connected(john, mary)
    expect(messages(john)).to_have_text(["Before", "First", "Second"])
    expect(waiting(john)).to_have_count(0)
    expect(john.locator(".hint")).to_be_empty()
    write(mary, "After")
    for page in (john, mary):
        expect(messages(page).last).to_have_text("After")


def test_message_of_another_program_is_not_repeated_after_an_outage(open_window, site):
    """The kept message comes again after a reconnection, and is shown once although it has no id."""
    page = open_window("/")
    wait_until_connected(page)
    RawWebSocket(page, f"/ws/broadcast-chat?{BROADCAST_TOO}").send("plain")
    expect(messages(page)).to_have_text(["plain"])
    site.kill()
    expect(state(page)).to_have_text("disconnected")
    site.start()
    wait_until_connected(page)
    write(page, "After")
    expect(messages(page)).to_have_text(["plain", "After"])


def test_message_lost_with_its_connection_is_sent_again(open_window, site):
    """What the browser sent and the server never read is shown as being sent, and is sent again."""
    one, other = open_window("/"), open_window("/")
    wait_until_connected(one, other)
    site.process.send_signal(signal.SIGSTOP)
    write(one, "Never read")
    expect(waiting(one).locator(".note")).to_have_text(["sending"])
    site.kill()
    expect(state(one)).to_have_text("disconnected")
    site.start()
    wait_until_connected(one, other)
    for page in (one, other):
        expect(messages(page)).to_have_text(["Never read"])
    expect(waiting(one)).to_have_count(0)


def test_message_beyond_the_limit_is_refused_visibly(open_window, site):
    """A hundred messages wait; the next one stays in the field, and the page says that it was not sent."""
    page = open_window("/")
    wait_until_connected(page)
    site.kill()
    expect(state(page)).to_have_text("disconnected")
    page.evaluate(
        """() => {
            const form = document.querySelector('.composer');
            for (let number = 0; number <= 100; number++) {
                form.elements.text.value = `Message ${number}`;
                form.requestSubmit();
            }
        }"""
    )
    expect(page.get_by_role("alert")).to_have_text("Not sent: too many messages are waiting for the connection.")
    expect(text_field(page)).to_have_value("Message 100")
    expect(waiting(page)).to_have_count(100)
    site.start()
    reconnect_now(page)
    expect(messages(page)).to_have_count(100)
    page.get_by_role("button", name="Send").click()
    expect(messages(page).last).to_have_text("Message 100")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_outage_is_announced_once(open_window, site):
    """However many attempts fail, the live region changes once at the beginning of an outage and once at its end."""
    page = open_window("/")
    wait_until_connected(page)
    page.evaluate(
        """() => {
            window.announced = [];
            window.attempts = 0;
            const badge = document.querySelector('.state');
            new MutationObserver(changes => {
                const outside = changes.filter(change => !badge.querySelector('.retry').contains(change.target));
                if (outside.length > 0) window.announced.push(badge.textContent.trim().replace(/\\s+/g, ' '));
            }).observe(badge, { childList: true, characterData: true, subtree: true });
            const Original = window.WebSocket;
            window.WebSocket = class extends Original {
                constructor(...details) { super(...details); window.attempts += 1; }
            };
        }"""
    )
    site.kill()
    page.wait_for_function("() => window.attempts >= 3")
    expect(page.get_by_role("timer")).to_have_text(re.compile(r"^trying again in \d+ s$"))
    site.start()
    reconnect_now(page)
    wait_until_connected(page)
    first, last = page.evaluate("window.announced")
    assert re.fullmatch(r"disconnected trying again in \d+ s", first)
    assert last == "connected"


@pytest.mark.parametrize("chat", CHATS)
def test_signing_out_elsewhere_is_shown(open_window, chat):
    """The tab says so, connects no more, keeps what was written in the field, and offers to sign in again."""
    page = open_window(CHATS[chat], "john")
    wait_until_connected(page)
    text_field(page).fill("Not finished")
    sign_out_in_another_tab(page)
    expect(state(page)).to_have_text("signed out elsewhere")
    expect(page.get_by_role("alert")).to_contain_text("You were signed out in another window")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    expect(text_field(page)).to_have_value("Not finished")
    page.get_by_role("link", name="Sign in again").click()
    expect(page).to_have_url(re.compile(rf"/login/\?next={CHATS[chat]}$"))


def test_broadcast_chat_goes_on_without_signing_in(open_window):
    """Signed out elsewhere, a visitor can go on as an anonymous one."""
    page = open_window("/", "john")
    wait_until_connected(page)
    sign_out_in_another_tab(page)
    page.get_by_role("link", name="go on without signing in").click()
    wait_until_connected(page)
    write(page, "Still here")
    expect(messages(page)).to_have_text(["Still here"])


def test_own_signing_out_is_not_reported(open_window):
    """The tab in which the visitor signs out says nothing about another window."""
    page = open_window("/group/", "john")
    wait_until_connected(page)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/")
    wait_until_connected(page)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_text_posted_without_a_session_is_not_lost(open_window):
    """Where the session has ended, the page says so, marks the text as not sent, and lets the visitor edit it."""
    page = open_window("/user/", "john")
    wait_until_connected(page)
    page.context.clear_cookies(name="sessionid")
    write(page, "Too late")
    expect(state(page)).to_have_text("signed out elsewhere")
    expect(waiting(page).locator(".note")).to_have_text(["not sent"])
    page.get_by_role("button", name="Edit").click()
    expect(text_field(page)).to_have_value("Too late")
    expect(waiting(page)).to_have_count(0)


def test_page_with_an_old_csrf_token_says_that_it_was_not_sent(open_window):
    """A page whose CSRF token is not valid any more says that the text was not sent, and what to do."""
    page = open_window("/user/", "john")
    wait_until_connected(page)
    page.context.clear_cookies(name="csrftoken")
    write(page, "As whom?")
    expect(waiting(page).locator(".note")).to_have_text(
        ["not sent: the server answered 403; reload the page and try again"]
    )


def test_old_tab_sends_nothing_in_the_name_of_the_next_user(open_window):
    """After john signed out and mary signed in, john's tab sends nothing."""
    page = open_window("/user/", "john")
    wait_until_connected(page)
    tab = sign_out_in_another_tab(page)
    sign_in(tab, "mary", "/user/")
    wait_until_connected(tab)
    expect(state(page)).to_have_text("signed out elsewhere")
    text_field(page).fill("As whom?")
    text_field(page).press("Enter")
    expect(text_field(page)).to_have_value("As whom?")
    expect(messages(tab)).to_have_count(0)


def test_refused_message_shows_the_reason_of_the_server(open_window):
    """The server's sentence, here about an unknown recipient, is shown next to the text."""
    page = open_window("/user/", "john")
    wait_until_connected(page)
    page.evaluate("document.querySelector('[name=recipient] option').value = 'nobody'")
    write(page, "Hello?")
    expect(waiting(page).locator(".note")).to_contain_text("not sent: Select a valid choice.")
