"""The admin's pages in Chromium, under a strict policy: what they look like, the live view, the keyboard."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenWindow, skip_without_chromium
from tests.browser.pages import messages, reconnect_now, sign_out_in_another_tab, wait_until_connected, write
from tests.browser.test_layout import DESKTOP, PHONE, SCHEMES, assert_axe_finds_nothing, name_of
from tests.example.site import Site, manage
from tests.waiting import SCALE, wait_until

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]

ROOT = "/admin/ws4channels/websockets/"
LIVE = f"{ROOT}live/"
PAGES = ("", "processes/", "keys/", "explain/", "live/", "publish/", "close/")


def named(path: str) -> str:
    """Return the name of a page."""
    return path.partition("/")[0] or "health"


@pytest.mark.parametrize("path", PAGES)
def test_page_fits_the_screen(open_window: OpenWindow, artifacts: Path, path: str) -> None:
    """Each page fits on a desktop and on a phone, and violates no policy; screenshots are kept."""
    page = open_window(ROOT + path, "admin")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    shoot(page, artifacts, named(path))


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing(open_window: OpenWindow, path: str, scheme: str) -> None:
    """What is ours of each page is accessible, in light and in dark colours; the frame around it is Django's."""
    # axe itself sets styles, which the policy forbids. The admin's colours change slowly, so they are chosen before.
    page = open_window(ROOT + path, "admin", bypass_csp=True, color_scheme=scheme)
    assert_axe_finds_nothing(page, scheme, part="#content")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_in_what_forms_lead_to(open_window: OpenWindow, site: Site, scheme: str) -> None:
    """Errors, the question before an action, an explanation and messages are as accessible as the rest."""
    publish(site, "kept")
    page = open_window(f"{ROOT}publish/", "admin", bypass_csp=True, color_scheme=scheme)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Please correct the errors below.")).to_be_visible()
    assert_axe_finds_nothing(page, scheme, part="#content")
    page.get_by_label("Facility").fill("news")
    page.get_by_label("Text").fill("hello")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Publish this?")).to_be_visible()
    assert_axe_finds_nothing(page, scheme, part="#content")
    page.goto(f"{ROOT}explain/")
    page.get_by_label("URL").fill("/ws/news?subscribe-user")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", level=2)).to_be_visible()
    assert_axe_finds_nothing(page, scheme, part="#content")
    page.goto(f"{ROOT}keys/?facility=news")
    expect(page.get_by_role("link", name="Live").last).to_be_visible()
    assert_axe_finds_nothing(page, scheme, part="#content")
    page.goto(NEWS)
    expect(texts(page)).to_have_count(1)
    assert_axe_finds_nothing(page, scheme, part="#content")


# --- live -------------------------------------------------------------------------------------------------------------

NEWS = f"{LIVE}?facility=news&audience=broadcast&name="
HOSTILE = "</pre><script>document.title = 'run'</script><img src=x onerror=\"document.title='run'\">"
FLOOD = """
import time
publisher = RedisPublisher(facility="news", broadcast=True)
began = time.monotonic()
for number in range(5000):
    publisher.publish_message(f"Message {number}")
    time.sleep(max(0, began + number / 1000 - time.monotonic()))
"""


def run(site: Site, code: str) -> None:
    """Run code in another process of the site."""
    done = manage("shell", "-c", f"from ws4channels.publisher import RedisPublisher\n{code}", env=site.env)
    assert done.returncode == 0, done.stderr


def publish(site: Site, *messages: str | bytes, facility: str = "news") -> None:
    """Publish to everybody."""
    run(site, f"for each in {messages!r}: RedisPublisher(facility={facility!r}, broadcast=True).publish_message(each)")


def texts(page: Page) -> Locator:
    """Return the messages that the page shows, newest first."""
    return page.locator(".ws4-messages pre")


def open_live(open_window: OpenWindow, address: str = NEWS, **options: Any) -> Page:
    """Return a window that watches."""
    page = open_window(LIVE, "admin", **options)
    page.goto(address)
    expect(page.locator(".ws4-state")).to_have_text("connected")
    return page


def test_live_view_shows_what_is_published(open_window: OpenWindow, site: Site, artifacts: Path) -> None:
    """First what there was, then each message as it comes, newest first; hostile text is shown and not run."""
    publish(site, "kept")
    page = open_live(open_window)
    expect(texts(page)).to_have_text(["kept"])
    publish(site, HOSTILE, b"\xff\x00", "two\nlines")
    expect(texts(page)).to_have_text(["two\nlines", "<2 bytes>", HOSTILE, "kept"])
    expect(page.locator(".ws4-counts")).to_have_text("4 received")
    expect(page.locator(".ws4-messages .ws4-number").nth(1)).to_have_text("9")
    assert page.title() != "run"
    shoot(page, artifacts, "live-used")


def test_live_view_of_a_hostile_name(open_window: OpenWindow, site: Site) -> None:
    """A facility that looks like HTML can be watched."""
    facility = "<script>document.title = 'run'</script>&a=\"'"
    page = open_live(open_window, f"{LIVE}?facility={quote(facility)}&audience=broadcast&name=")
    expect(page.get_by_role("heading", level=2)).to_have_text(f"ws:broadcast:{facility}")
    publish(site, "hello", facility=facility)
    expect(texts(page)).to_have_text(["hello"])
    assert page.title() != "run"


def test_paused_view_says_how_much_it_does_not_show(open_window: OpenWindow, site: Site) -> None:
    """While it is paused nothing moves, and what passes is counted; then it goes on with later messages."""
    page = open_live(open_window)
    page.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Enter")
    publish(site, "one", "two")
    expect(page.locator(".ws4-counts")).to_have_text("2 received, 2 not shown")
    expect(texts(page)).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    publish(site, "three")
    expect(texts(page)).to_have_text(["three"])
    expect(page.locator(".ws4-counts")).to_have_text("3 received, 2 not shown")


def test_thousand_messages_a_second_delay_nobody(open_window: OpenWindow, site: Site) -> None:
    """What the page cannot show is counted and said; it obeys, and others receive at once meanwhile."""
    page, john, mary = open_live(open_window), open_window("/", "john"), open_window("/", "mary")
    wait_until_connected(john, mary)
    with ThreadPoolExecutor(1) as threads:
        flood = threads.submit(run, site, FLOOD)
        expect(page.locator(".ws4-counts")).to_contain_text("not shown")
        delays = []
        while not flood.done():
            text = f"Mine {len(delays)}"
            began = time.monotonic()
            write(john, text)
            expect(messages(mary).last).to_have_text(text)
            delays.append(time.monotonic() - began)
        flood.result()
    assert sorted(delays)[len(delays) // 2] < SCALE
    expect(page.locator(".ws4-counts")).to_contain_text("5,000 received")
    expect(texts(page).first).to_have_text("Message 4999")
    shown, counted = texts(page).count(), page.locator(".ws4-counts").text_content()
    assert shown <= 200
    assert int(re.search(r"([\d,]+) not shown", counted or "")[1].replace(",", "")) >= 5000 - 50 * 25 * SCALE


def test_view_goes_on_after_a_restart_of_the_server(open_window: OpenWindow, site: Site) -> None:
    """Each connection gets a ticket of its own, and what was missed is shown."""
    page = open_live(open_window)
    site.stop()
    expect(page.locator(".ws4-state")).to_contain_text("disconnected")
    site.start()
    reconnect_now(page)
    expect(page.locator(".ws4-state")).to_have_text("connected")
    publish(site, "after")
    expect(texts(page)).to_have_text(["after"])


def test_live_view_falls_back_to_an_event_stream(open_window: OpenWindow, site: Site) -> None:
    """Where websockets do not open, the page shows the same by server-sent events."""
    page = open_window(LIVE, "admin")
    page.add_init_script(
        "const Real = WebSocket; WebSocket = function (url, ...more) {"
        " return new Real(url.replace('/ws/', '/nowhere/'), ...more); };"
    )
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.resource_type))
    page.goto(NEWS)
    reconnect_until(page, "connected")
    publish(site, "hello")
    expect(texts(page)).to_have_text(["hello"])
    assert "eventsource" in requested


def reconnect_until(page: Page, state: str) -> None:
    """Have the page try again at once until it has this state."""

    def has_state() -> bool:
        reconnect_now(page)
        return page.locator(".ws4-state").text_content() == state

    wait_until(has_state, f"the page is not {state}")


def test_who_signs_out_sees_no_more(open_window: OpenWindow, site: Site) -> None:
    """Signing out in another tab ends the view, and the page says what to do."""
    page = open_live(open_window)
    sign_out_in_another_tab(page)
    expect(page.locator(".ws4-state")).to_have_text("refused: reload the page")
    publish(site, "a secret")
    expect(texts(page)).to_have_count(0)


def test_page_without_javascript_is_one_to_reload(open_window: OpenWindow, site: Site) -> None:
    """It shows what Redis has, and says that it does not change by itself."""
    publish(site, "kept")
    page = open_window(LIVE, "admin", java_script_enabled=False)
    page.goto(NEWS)
    expect(texts(page)).to_have_text(["kept"])
    expect(page.locator(".ws4-state")).to_have_text("as of now: reload for later ones")
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    publish(site, "newer")
    page.reload()
    expect(texts(page)).to_contain_text(["newer"])


# --- what the site does ---------------------------------------------------------------------------------------------


def test_pages_show_what_goes_on(open_window: OpenWindow, site: Site, artifacts: Path) -> None:
    """Two visitors in a chat: their process, their facility, their keys, who is here, and why one hears nothing."""
    john, mary, page = open_window("/user/", "john"), open_window("/", "mary"), open_window(ROOT, "admin")
    wait_until_connected(john, mary)
    write(mary, "Good morning!")
    expect(messages(mary)).to_have_text(["Good morning!"])
    expect_after_reloads(page, f"{ROOT}processes/", "tbody tr", "daphne")
    shoot(page, artifacts, "processes-used")
    for facility in ("broadcast-chat", "user-chat"):
        expect_after_reloads(page, f"{ROOT}keys/", "th a", facility)
    expect(page.locator("tbody").last).to_contain_text("ws:user:john:user-chat")
    expect(page.locator("tbody").last).to_contain_text("mary")
    expect(page.locator("body")).not_to_contain_text("Good morning")
    shoot(page, artifacts, "keys-used")
    page.get_by_role("link", name="user-chat", exact=True).click()
    expect(page.get_by_label("Facility")).to_have_value("user-chat")
    page.get_by_role("link", name="Explain").click()
    page.get_by_label("URL").fill("/ws/user-chat?subscribe-user&publish-user")
    page.get_by_label("User").fill("john")
    page.get_by_label("Published to the facility").fill("broadcast-chat")
    page.get_by_role("button", name="Explain").click()
    expect(page.get_by_role("heading", level=2)).to_contain_text("does not receive what is published")
    shoot(page, artifacts, "explain-used")


def expect_after_reloads(page: Page, address: str, selector: str, text: str) -> None:
    """Open a page again and again until it shows a text: processes tell of themselves every few seconds."""

    def shows() -> bool:
        page.goto(address)
        return any(text in each for each in page.locator(selector).all_inner_texts())

    wait_until(shows, f"{address} does not show {text}")


def shoot(page: Page, artifacts: Path, name: str) -> None:
    """Keep screenshots, of a desktop and of a phone, in light and dark; the page fits on each."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=artifacts / f"admin-{name}-{name_of(size)}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.set_viewport_size(DESKTOP)


# --- rights and actions -----------------------------------------------------------------------------------------------


def test_staff_without_rights_sees_nothing(open_window: OpenWindow, site: Site) -> None:
    """A visitor without the permissions gets 403, and one without that of contents gets no live view."""
    run(
        site,
        "from django.contrib.auth.models import Permission, User\n"
        "for name, rights in {'otto': [], 'vera': ['view_websockets']}.items():\n"
        "    user = User.objects.create_user(name, password='secret', is_staff=True)\n"
        "    user.user_permissions.set(Permission.objects.filter(codename__in=rights))\n",
    )
    page = open_window("/admin/", "otto")
    assert page.goto(ROOT).status == 403
    page = open_window(ROOT, "vera")
    expect(page.get_by_role("link", name="Health")).to_be_visible()
    expect(page.get_by_role("link", name="Live")).to_have_count(0)
    assert page.goto(NEWS).status == 403


def test_publishing_asks_and_then_does(open_window: OpenWindow) -> None:
    """With the keyboard alone: fill in, confirm, and read that it is done; the other window has it."""
    live, page = open_live(open_window), open_window(f"{ROOT}publish/", "admin")
    page.get_by_label("Facility").focus()
    page.keyboard.type("news")
    for word in ("", "", HOSTILE):
        page.keyboard.press("Tab")
        page.keyboard.type(word)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Publish this?")).to_be_visible()
    expect(page.locator(".ws4-message")).to_have_text(HOSTILE)
    page.get_by_role("button", name="Publish").press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("bytes to ws:broadcast:news. Done.")
    expect(texts(live)).to_have_text([HOSTILE])
    assert page.title() != "run"


def test_closing_closes(open_window: OpenWindow) -> None:
    """The websocket of the user is closed with 4401, and the admin's log says who did it."""
    john, page = open_window("/", "john"), open_window(f"{ROOT}close/", "admin")
    wait_until_connected(john)
    page.get_by_label("Name").fill("john")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Close").click()
    expect(page.locator(".messagelist")).to_have_text("Close the websockets of the user john. Done.")
    page.goto("/admin/")
    expect(page.locator("#recent-actions-module")).to_contain_text("the user john")
