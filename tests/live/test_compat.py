"""A site whose code says ws4redis throughout runs on Daphne, with one line in its settings and an asgi.py."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from example_project.redis_server import HOST
from tests.live.processes import ServerProcess
from tests.live.servers import RunningSite, Surroundings

pytestmark = pytest.mark.live

ADDRESS = r"Listening on TCP address ([\d.]+:\d+)"


def environment(surroundings: Surroundings) -> dict[str, str]:
    """Return the environment of the site's processes; database and Redis are those of `tests.live.site`."""
    return surroundings.environment() | {"DJANGO_SETTINGS_MODULE": "tests.live.legacy_site.settings"}


@pytest.fixture(scope="module")
def site(surroundings: Surroundings) -> Iterator[RunningSite]:
    """The site on Daphne."""
    command = [sys.executable, "-m", "daphne", "-b", HOST, "-p", "0", "tests.live.legacy_site.asgi:application"]
    log = surroundings.new_path(".log")
    with ServerProcess(command, environment(surroundings), log, lambda output: re.search(ADDRESS, output)) as process:
        found = re.search(ADDRESS, process.output())
        assert found is not None
        yield RunningSite(found[1], process=process)
        assert "Traceback" not in process.output()


def test_views_publish_to_sockets(site: RunningSite, facility: str) -> None:
    """What views publish with ``ws4redis`` comes to the sockets: by broadcast, and by the groups of the login."""
    with site.pages() as client:
        assert client.get("/login/").text == "chatters"
        cookie = {"Cookie": f"sessionid={client.cookies['sessionid']}"}
        with (
            site.connect(facility, "subscribe-broadcast") as anybody,
            site.connect(facility, "subscribe-group", additional_headers=cookie) as mary,
        ):
            answer = client.get("/publish/", params={"facility": facility, "text": "hello"})
            assert answer.text == "hello to groups"
            assert anybody.receive() == "hello to all"
            assert mary.receive() == "hello to groups"


def test_page_knows_the_address_of_websockets(site: RunningSite) -> None:
    """The context processor works under its old path."""
    assert site.get("/").text == f"ws://{site.host}/ws/"


def test_hooks_of_the_site_decide(site: RunningSite, facility: str) -> None:
    """A rule that is assigned to ``ws4redis.settings`` counts, and so do the keys of a subclass of RedisSubscriber."""
    site.get("/")  # Loads the module that assigns the rule.
    with (
        site.connect(facility, "subscribe-broadcast", "no") as silenced,
        site.connect("elsewhere", "subscribe-broadcast") as listener,
    ):
        site.get("/publish/", params={"facility": facility, "text": "hello"})
        site.get("/publish/", params={"facility": "elsewhere", "text": "hello"})
        assert listener.receive() == "hello to all"
        assert silenced.is_quiet()
