"""Tests of `ws4channels.admin` and `ws4channels.admin.pages`."""

from __future__ import annotations

import asyncio
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.test import Client
from django.urls import set_script_prefix

import ws4channels
from tests.admin.addresses import EXPLAIN, KEYS, LIVE, PUBLISH, ROOT, text_of
from tests.admin.conftest import Visit
from tests.layers import REDIS, use
from tests.scripts import run_script
from tests.sockets import connected
from tests.topologies import cluster_of_three
from ws4channels.admin import WebsocketsAdmin
from ws4channels.admin.pages import ACT, CONTENTS, FIRST, VIEW
from ws4channels.models import Websockets

ADDRESSES = {page.name: f"{ROOT}{'' if page.name == FIRST else page.name + '/'}" for page in WebsocketsAdmin.pages}
NEEDED = {page.name: page.permission for page in WebsocketsAdmin.pages}


@pytest.mark.parametrize("name", ADDRESSES)
def test_anonymous_visitor_is_sent_to_the_sign_in_page(name: str, db: None) -> None:
    """Nothing is told to somebody who is not signed in."""
    response = Client().get(ADDRESSES[name])
    assert (response.status_code, response.headers["Location"]) == (302, f"/admin/login/?next={ADDRESSES[name]}")


@pytest.mark.parametrize("name", ADDRESSES)
def test_visitor_who_is_no_staff_is_sent_to_the_sign_in_page(name: str, db: None) -> None:
    """A permission alone opens nothing."""
    user = User.objects.create_user("mary")
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="ws4channels"))
    client = Client()
    client.force_login(user)
    assert client.get(ADDRESSES[name]).status_code == 302


@pytest.mark.parametrize("name", ADDRESSES)
def test_staff_without_the_permission_to_view_websockets_is_refused(name: str, visit: Visit) -> None:
    """The other two permissions are of no use without it."""
    assert visit().get(ADDRESSES[name]).status_code == 403
    assert visit(CONTENTS, ACT).get(ADDRESSES[name]).status_code == 403
    assert visit(CONTENTS, ACT).post(ADDRESSES[name]).status_code == 403


@pytest.mark.parametrize("name", ADDRESSES)
def test_page_is_open_to_staff_with_its_permission(name: str, visit: Visit) -> None:
    """The page's own permission is needed besides that to view websockets, and no other."""
    assert visit(VIEW, NEEDED[name]).get(ADDRESSES[name]).status_code == 200
    if NEEDED[name] != VIEW:
        others = {VIEW, CONTENTS, ACT} - {NEEDED[name]}
        assert visit(*others).get(ADDRESSES[name]).status_code == 403


def test_menu_leads_to_the_pages_that_one_may_see(visit: Visit) -> None:
    """A page that would be refused is not in the menu."""
    assert "Publish" in text_of(visit(VIEW, ACT).get(ROOT))
    assert "Publish" not in text_of(visit(VIEW, CONTENTS).get(ROOT))


def test_index_of_the_admin_leads_to_the_pages(visit: Visit) -> None:
    """Who may view websockets sees them in the admin's list of apps, and others do not."""
    assert f'href="{ROOT}"'.encode() in visit(VIEW).get("/admin/").content
    assert f'href="{ROOT}"'.encode() in visit(VIEW).get("/admin/ws4channels/").content
    assert ROOT.encode() not in visit().get("/admin/").content
    assert visit().get("/admin/ws4channels/").status_code == 404


def test_nothing_can_be_added_changed_or_deleted(visit: Visit) -> None:
    """There are no rows, also not for a superuser."""
    client = visit()
    User.objects.update(is_superuser=True)
    for path in ("add/", "1/change/", "1/delete/"):
        assert client.get(ROOT + path).status_code == 404


def test_permissions_are_there_after_migrate(db: None) -> None:
    """An administrator can give them to users and groups."""
    names = Permission.objects.filter(content_type__app_label="ws4channels").values_list("codename", flat=True)
    assert set(names) == {VIEW, CONTENTS, ACT}


def test_model_needs_no_migration_and_no_table(db: None) -> None:
    """makemigrations finds nothing to do, and dumpdata, which reads all models, asks for no table."""
    call_command("makemigrations", check=True, dry_run=True, stdout=StringIO())
    assert list(Websockets.objects.all()) == []
    dumped = StringIO()
    call_command("dumpdata", "ws4channels", stdout=dumped)
    assert dumped.getvalue().strip() == "[]"


def test_setting_turns_the_pages_off(visit: Visit, settings: Any) -> None:
    """With WS4CHANNELS_ADMIN = False there is no page, and the admin's index knows of none, also for superusers."""
    settings.WS4CHANNELS_ADMIN = False
    client = visit()
    User.objects.update(is_superuser=True)
    assert {client.get(address).status_code for address in ADDRESSES.values()} == {404}
    assert ROOT.encode() not in client.get("/admin/").content
    assert client.get("/admin/ws4channels/").status_code == 404


def test_site_without_the_admin_does_not_import_it() -> None:
    """The model alone imports nothing of Django's admin."""
    output = run_script(
        """
        import sys
        print([name for name in sys.modules if name.startswith(("django.contrib.admin", "ws4channels.admin"))])
        """,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "ws4channels"],
    )
    assert output.strip() == "[]"


def test_admin_site_of_ones_own_shows_the_pages(visit: Visit, settings: Any) -> None:
    """A second AdminSite that registers them serves them, and its pages link to each other."""
    settings.ROOT_URLCONF = "tests.admin.other_urls"
    response = visit(VIEW, ACT).get("/staff/ws4channels/websockets/")
    assert response.status_code == 200
    assert b'href="/staff/ws4channels/websockets/publish/"' in response.content
    assert b'"/admin/' not in response.content


def test_site_below_a_path_links_to_itself(visit: Visit) -> None:
    """All addresses of the pages, also those of scripts, websocket and tickets, begin with the script name."""
    client = visit(VIEW, CONTENTS, ACT)
    address = f"{ADDRESSES['live']}?facility=news&audience=broadcast"
    set_script_prefix("/below/")  # as Django's handlers do, but not that of the test client
    try:
        response = client.get(address, SCRIPT_NAME="/below")
    finally:
        set_script_prefix("/")
    watched = response.context["watched"]
    assert watched["uri"].startswith("ws://testserver/below/ws/ws4channels-live?")
    assert watched["ticket_url"] == f"/below{ADDRESSES['ticket']}"
    addresses = re.findall(rb'(?:href|src|action)="(/[^"]*)"', response.content)
    assert [each for each in addresses if not each.startswith((b"/below", b"/static/"))] == []


@pytest.mark.parametrize("name", ADDRESSES)
def test_page_has_nothing_inline(name: str, visit: Visit) -> None:
    """No inline style, script or handler of an event: a strict Content-Security-Policy forbids them."""
    form = {"facility": "news", **({"audience": "broadcast"} if name == "live" else {})}
    response = visit(VIEW, CONTENTS, ACT).get(ADDRESSES[name], form)
    assert re.findall(rb"<style|<script(?![^>]* src=)", response.content) == []
    # The frame around it is Django's.
    content = response.content.partition(b'<div id="content-main"')[2].partition(b"<footer")[0]
    assert re.findall(rb"<[^>]* (?:style|on\w+)=", content) == []


def test_styles_suit_both_directions() -> None:
    """Nothing is said of left and right, only of start and end."""
    css = (Path(ws4channels.__file__).parent / "static/ws4channels/admin.css").read_text("utf-8")
    assert re.findall(r"\b(?:left|right)\b", css) == []


def test_texts_are_marked_for_translation() -> None:
    """No template says anything outside of a tag that translates it."""
    for template in (Path(ws4channels.__file__).parent / "templates/admin/ws4channels").glob("*.html"):
        text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", template.read_text("utf-8"), flags=re.S)
        text = re.sub(r"{% block bodyclass %}.*?{% endblock %}", "", text)
        text = re.sub(r"{%.*?%}|{{.*?}}|<[^<>]*>|&\w+;", " ", text, flags=re.S)
        assert re.findall(r"[A-Za-z]{2,}", text) == [], template.name


async def test_pages_work_with_a_redis_cluster(staff: Client, settings: Any) -> None:
    """Also for a facility whose name holds a hash tag: what belongs together is asked of one node."""
    use(REDIS, settings)
    settings.WS4CHANNELS_HISTORY = 10
    everybody = {"facility": "a{b}c", "audience": "broadcast"}
    with cluster_of_three() as nodes:
        settings.WS4REDIS_CONNECTION = {"cluster": True, "startup_nodes": [("127.0.0.1", node.port) for node in nodes]}
        async with connected("/ws/a{b}c?subscribe-broadcast") as socket:
            await asyncio.to_thread(staff.post, PUBLISH, {**everybody, "message": "hello", "confirmed": "yes"})
            assert await socket.next() == "hello"
            live = await asyncio.to_thread(staff.get, LIVE, everybody)
            assert [message.text for message in live.context["passed"]] == ["hello"]
            keys = await asyncio.to_thread(staff.post, KEYS, {"facility": "a{b}c"})
            assert [row.key for row in keys.context["rows"]] == ["broadcast:a{b}c"]
            explained = await asyncio.to_thread(staff.post, EXPLAIN, {"url": "/ws/a{b}c?subscribe-broadcast"})
            assert explained.context["outcome"].keys[0][1].history_messages == 1
