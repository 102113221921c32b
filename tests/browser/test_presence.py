"""Who is here, as the pages of the example project show it."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import skip_without_chromium
from .pages import wait_until_connected

skip_without_chromium()
pytestmark = [pytest.mark.browser, pytest.mark.live, pytest.mark.slow]


@pytest.mark.parametrize("path", ["/", "/user/", "/group/"])
def test_page_shows_who_is_here(open_window, path):
    """Names appear as users come, and go some seconds after their last tab is closed."""
    john, mary = open_window(path, "john"), open_window(path, "mary")
    tab = mary.context.new_page()
    tab.goto(path)
    wait_until_connected(john, mary, tab)
    for page in (john, mary, tab):
        expect(page.locator(".here")).to_have_text("2 here: john, mary")
    mary.close()
    john.reload()
    expect(john.locator(".here")).to_have_text("2 here: john, mary")
    tab.close()
    expect(john.locator(".here")).to_have_text("1 here: john", timeout=15_000)


def test_anonymous_visitors_are_counted(open_window):
    """They have no names that the server has checked."""
    one, other = open_window("/"), open_window("/", "john")
    wait_until_connected(one, other)
    for page in (one, other):
        expect(page.locator(".here")).to_have_text(re.compile("^2 here: john, 1 anonymous$"))
