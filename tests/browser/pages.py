"""What the tests read from the example's pages, and do with them."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

CHATS = {"broadcast": "/", "user": "/user/", "group": "/group/"}
BROADCAST_TOO = "subscribe-broadcast&publish-broadcast&echo"


def messages(page: Page) -> Locator:
    """Return the texts of the confirmed messages that the page shows."""
    return page.locator(".said .text")


def waiting(page: Page) -> Locator:
    """Return the messages that the page shows as not confirmed yet, or refused."""
    return page.locator(".waiting li")


def senders(page: Page) -> Locator:
    """Return the names of the senders."""
    return page.locator(".said .sender")


def state(page: Page) -> Locator:
    """Return the text that says whether the page is connected."""
    return page.locator(".state .label")


def notice(page: Page) -> Locator:
    """Return the sentence that messages may be missing, empty if none are."""
    return page.locator(".gap")


def text_field(page: Page) -> Locator:
    """Return the field in which a message is written."""
    return page.get_by_label("Message", exact=True)


def wait_until_connected(*pages: Page) -> None:
    """Return when all pages say that they are connected."""
    for page in pages:
        expect(state(page)).to_have_text("connected")


def reconnect_now(*pages: Page) -> None:
    """End the wait for the next attempt to connect, as a network that is back does."""
    for page in pages:
        page.evaluate("dispatchEvent(new Event('online'))")


def write(page: Page, text: str) -> None:
    """Send a message with the page's form."""
    text_field(page).fill(text)
    page.get_by_role("button", name="Send").click()


def sign_out_in_another_tab(page: Page) -> Page:
    """Open a second tab with the cookies of `page`, sign out there, and return that tab."""
    tab = page.context.new_page()
    tab.goto("/")
    tab.get_by_role("button", name="Sign out").click()
    expect(tab.get_by_role("link", name="Sign in")).to_be_visible()
    return tab


def assert_end_is_shown(page: Page) -> None:
    """Fail unless the newest message, confirmed or waiting, comes into view above the form."""
    page.wait_for_function(
        """() => {
            const items = [...document.querySelectorAll('.said li, .waiting li')];
            const newest = items.at(-1).getBoundingClientRect();
            return newest.bottom <= document.querySelector('.bottom').getBoundingClientRect().top;
        }"""
    )


class RawWebSocket:
    """A websocket that a script in the page opens with the page's cookies, and that keeps all that it receives."""

    def __init__(self, page: Page, path: str) -> None:
        self.page = page
        self.page.evaluate(
            """path => new Promise((resolve, reject) => {
                window.received = [];
                window.raw = new WebSocket(`ws://${location.host}${path}`);
                window.raw.onmessage = event => window.received.push(event.data);
                window.raw.onopen = resolve;
                window.raw.onerror = reject;
            })""",
            path,
        )

    def send(self, payload: str) -> None:
        """Publish a payload that the page's own form would not write."""
        self.page.evaluate("payload => window.raw.send(payload)", payload)

    def received(self) -> list[str]:
        """Return what came so far: two heartbeats are waited for, after which nothing older can come."""
        return self.page.evaluate(
            """async () => {
                const heartbeats = () => window.received.filter(text => text === '--heartbeat--').length;
                const enough = heartbeats() + 2;
                while (heartbeats() < enough) await new Promise(go => setTimeout(go, 10));
                return window.received.filter(text => text !== '--heartbeat--');
            }"""
        )
