"""How the example's pages look and read: small windows, chosen colours, screen readers, other scripts."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from .conftest import skip_without_chromium
from .pages import (
    CHATS,
    assert_end_is_shown,
    messages,
    notice,
    senders,
    sign_out_in_another_tab,
    state,
    text_field,
    wait_until_connected,
    waiting,
    write,
)

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
PHONE_WITH_KEYBOARD = {"width": 360, "height": 380}
LANDSCAPE = {"width": 740, "height": 360}
LANDSCAPE_WITH_KEYBOARD = {"width": 740, "height": 180}
ENLARGED = {"width": 320, "height": 256}  # 1280 by 1024 at 400 %: WCAG 2.2, 1.4.10
SCHEMES = ("light", "dark")
LOW = [PHONE_WITH_KEYBOARD, LANDSCAPE, LANDSCAPE_WITH_KEYBOARD, ENLARGED]


def name_of(size: object) -> str | None:
    """Return how pytest names a window's size."""
    return f"{size['width']}x{size['height']}" if isinstance(size, dict) else None


def assert_axe_finds_nothing(page: Page, *schemes: str, part: str | None = None) -> None:
    """Fail with axe's own words about what is wrong with a page, or its part, in light or in dark colours."""
    for scheme in schemes or SCHEMES:
        page.emulate_media(color_scheme=scheme)
        violations = Axe().run(page, part).response["violations"]
        assert [(each["id"], each["help"], [node["html"] for node in each["nodes"]]) for each in violations] == []


def assert_fits(page: Page) -> None:
    """Fail when the page is wider than the window, or when a form or badge is outside of it."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    size = page.viewport_size
    for box in (element.bounding_box() for element in page.locator("form:visible, nav, [role=status]").all()):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= size["width"]
        assert box["y"] + box["height"] <= size["height"]


def assert_composer_is_in_view(page: Page) -> None:
    """Fail unless field and button are in the window, and wide enough to be used."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    for part in (text_field(page), page.get_by_role("button", name="Send")):
        expect(part).to_be_in_viewport(ratio=1)
        assert part.bounding_box()["width"] >= 60


def fill_with_messages(reader: Page, writer: Page, count: int) -> None:
    """Have `writer` write until `reader` has to scroll."""
    for number in range(count):
        write(writer, f"Message {number}")
    expect(messages(reader).last).to_have_text(f"Message {count - 1}")


@pytest.mark.parametrize("chat", CHATS)
def test_chat_fits_the_screen(open_window, artifacts, chat):
    """A conversation fits on a desktop and on a phone, without scrolling sideways; screenshots are kept."""
    john, mary = open_window(CHATS[chat], "john"), open_window(CHATS[chat], "mary")
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
    for size in (DESKTOP, PHONE):
        john.set_viewport_size(size)
        for scheme in SCHEMES:
            john.emulate_media(color_scheme=scheme)
            john.screenshot(path=artifacts / f"{chat}-{name_of(size)}-{scheme}.png")
        assert_fits(john)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=name_of)
def test_sign_in_page_fits_the_screen(open_window, artifacts, size):
    """So does the sign-in page, after a wrong password, too."""
    page = open_window("/login/", viewport=size)
    page.get_by_label("User name").fill("john")
    page.get_by_label("Password").fill("wrong")
    page.locator(".card button").click()
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    page.screenshot(path=artifacts / f"sign-in-{name_of(size)}.png")
    assert_fits(page)


@pytest.mark.parametrize("chat", CHATS)
def test_form_is_reachable_in_low_windows(open_window, artifacts, chat):
    """The form is in view at once and stays there, and the newest message is above it."""
    john, mary = open_window(CHATS[chat], "john"), open_window(CHATS[chat], "mary")
    wait_until_connected(john, mary)
    for size in LOW:
        john.set_viewport_size(size)
        john.reload()
        wait_until_connected(john)
        assert_composer_is_in_view(john)
        fill_with_messages(john, mary, 6)
        write(john, "Answer")
        expect(messages(john).last).to_have_text("Answer")
        assert_composer_is_in_view(john)
        assert_end_is_shown(john)
        john.screenshot(path=artifacts / f"{chat}-{name_of(size)}.png")
        john.evaluate("scrollTo(0, 0)")
        expect(john.get_by_role("heading", level=1)).to_be_in_viewport()
        assert_composer_is_in_view(john)


@pytest.mark.parametrize(("before", "after"), [(PHONE, PHONE_WITH_KEYBOARD), (PHONE, LANDSCAPE)], ids=name_of)
def test_newest_message_stays_in_view_when_the_window_changes(open_window, before, after):
    """A phone's keyboard that opens, and a phone that is turned, hide neither form nor newest message."""
    john, mary = open_window("/", "john", viewport=before), open_window("/", "mary")
    wait_until_connected(john, mary)
    fill_with_messages(john, mary, 20)
    for size in (after, before, after):
        john.set_viewport_size(size)
        assert_composer_is_in_view(john)
        assert_end_is_shown(john)


@pytest.mark.parametrize("size", [DESKTOP, ENLARGED], ids=name_of)
def test_reader_of_older_messages_sees_that_there_are_new_ones(open_window, size):
    """A reader who scrolled up stays there; a button shows that there is more below, leads there, and disappears."""
    john, mary = open_window("/", "john", viewport=size), open_window("/", "mary")
    wait_until_connected(john, mary)
    fill_with_messages(john, mary, 20)
    below = john.get_by_role("button", name="New messages below")
    expect(below).to_be_hidden()
    messages(john).first.scroll_into_view_if_needed()
    john.evaluate("new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))")  # scroll events
    write(mary, "News")
    expect(below).to_be_visible()
    expect(messages(john).first).to_be_in_viewport()
    below.click()
    assert_end_is_shown(john)
    expect(below).to_be_hidden()


@pytest.mark.parametrize("chat", CHATS)
def test_axe_finds_nothing_in_a_chat(open_window, chat):
    """Neither before the first message, nor with messages of both."""
    john, mary = open_window(CHATS[chat], "john"), open_window(CHATS[chat], "mary")
    wait_until_connected(john, mary)
    expect(john.get_by_text("No messages yet.")).to_be_visible()
    assert_axe_finds_nothing(john)
    fill_with_messages(john, mary, 12)
    write(john, "Answer")
    expect(messages(john).last).to_have_text("Answer")
    assert_axe_finds_nothing(john)
    messages(john).first.scroll_into_view_if_needed()
    assert_axe_finds_nothing(john)


def test_axe_finds_nothing_in_an_outage_and_after_signing_out(open_window, site):
    """Waiting messages, the countdown, refused messages and the notice are as accessible as the rest."""
    page = open_window("/user/", "john")
    wait_until_connected(page)
    site.kill()
    expect(state(page)).to_have_text("disconnected")
    write(page, "Waiting")
    expect(waiting(page).locator(".note")).to_have_text(["waiting for the connection"])
    assert_axe_finds_nothing(page)
    site.start()
    wait_until_connected(page)
    page.evaluate("document.querySelector('[name=recipient] option').value = 'nobody'")
    write(page, "Refused")
    expect(waiting(page).locator(".note")).to_contain_text("not sent")
    sign_out_in_another_tab(page)
    expect(state(page)).to_have_text("signed out elsewhere")
    assert_axe_finds_nothing(page)


def test_notice_of_missing_messages_fits_and_is_accessible(open_window, site, site_redis, artifacts):
    """It is above the form on each screen, and hides neither form nor newest message; screenshots are kept."""
    john, mary = open_window("/", "john"), open_window("/", "mary")
    wait_until_connected(john, mary)
    fill_with_messages(john, mary, 6)
    site.kill()
    with site_redis.client() as client:
        client.flushall()
    site.start()
    expect(notice(john)).to_have_text("Some messages may be missing.")
    for size in (DESKTOP, PHONE, PHONE_WITH_KEYBOARD, ENLARGED):
        john.set_viewport_size(size)
        expect(notice(john)).to_be_in_viewport(ratio=1)
        assert_composer_is_in_view(john)
        assert_end_is_shown(john)
        for scheme in SCHEMES:
            john.emulate_media(color_scheme=scheme)
            john.screenshot(path=artifacts / f"missing-{name_of(size)}-{scheme}.png")
    assert_axe_finds_nothing(john)


def test_axe_finds_nothing_in_other_pages(open_window):
    """The sign-in page, with and without an error, and the chat of an anonymous visitor."""
    page = open_window("/login/")
    assert_axe_finds_nothing(page)
    page.get_by_label("User name").fill("john")
    page.get_by_label("Password").fill("wrong")
    page.locator(".card button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert_axe_finds_nothing(page)
    page.goto("/")
    wait_until_connected(page)
    assert_axe_finds_nothing(page)


def test_axe_finds_a_missing_label(open_window):
    """A page with a fault fails the check."""
    page = open_window("/")
    page.evaluate("document.querySelector('[name=text]').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('[name=text]').removeAttribute('placeholder')")
    with pytest.raises(AssertionError, match="label"):
        assert_axe_finds_nothing(page)


def test_names_of_other_scripts_are_isolated(open_window):
    """A name that is written from right to left reorders nothing around it, and a text has its own direction."""
    page = open_window("/")
    wait_until_connected(page)
    page.get_by_label("Your name").fill("משה (1)")
    write(page, "שלום, world!")
    expect(messages(page)).to_have_css("direction", "rtl")
    expect(senders(page)).to_have_css("unicode-bidi", "isolate")
    expect(senders(page)).to_have_css("direction", "rtl")
    name, time = senders(page).bounding_box(), page.locator(".said time").bounding_box()
    assert name["x"] + name["width"] <= time["x"]
    expect(page.get_by_label("Your name")).to_have_css("direction", "rtl")


def test_forced_colours_keep_own_messages_and_current_chat_visible(open_window, artifacts):
    """With forced colours, bubbles have borders, own ones a thicker one, and the current chat is underlined."""
    john, mary = open_window("/group/", "john", forced_colors="active"), open_window("/group/", "mary")
    wait_until_connected(john, mary)
    write(john, "Mine")
    expect(messages(john)).to_have_count(1)
    write(mary, "Hers")
    expect(messages(john)).to_have_count(2)
    bubbles = john.locator(".said li")
    expect(bubbles.first).to_have_css("border-right-width", "4px")
    expect(bubbles.last).to_have_css("border-right-width", "1px")
    expect(john.get_by_role("link", name="Group")).to_have_css("text-decoration-line", "underline")
    john.screenshot(path=artifacts / "group-forced-colours.png")


@pytest.mark.parametrize("chat", CHATS)
def test_page_without_javascript_says_what_it_needs(open_window, chat):
    """There is a sentence, and no form that would do nothing."""
    page = open_window(CHATS[chat], "john", java_script_enabled=False)
    # Playwright finds no elements in <noscript>, but the text is part of what the browser shows.
    shown = page.locator(".chat").inner_text()
    assert shown.endswith("This chat needs JavaScript, which is turned off in this browser.")
    assert "connecting" not in shown
    expect(page.locator(".composer")).to_be_hidden()


def test_field_has_the_focus_after_signing_in(open_window):
    """A visitor who signed in can write at once, and again after each message."""
    page = open_window("/group/", "john")
    wait_until_connected(page)
    expect(text_field(page)).to_be_focused()
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(messages(page)).to_have_text(["Hello"])
    expect(text_field(page)).to_be_focused()


def test_messages_can_be_scrolled_by_keyboard(open_window):
    """The list can be reached with the tab key, and moved with the arrow keys."""
    john, mary = open_window("/group/", "john"), open_window("/group/", "mary")
    wait_until_connected(john, mary)
    fill_with_messages(john, mary, 20)
    john.keyboard.press("Shift+Tab")
    expect(john.get_by_role("log")).to_be_focused()
    john.keyboard.press("Home")
    expect(messages(john).first).to_be_in_viewport()
