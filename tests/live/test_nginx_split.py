"""nginx between old and new servers, as docs/deployment/nginx-split.conf has it: a shift of weights disturbs nobody."""

from __future__ import annotations

import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from example_project.redis_server import HOST, free_port
from tests.live.certificates import make_certificate
from tests.live.client import Site, shown
from tests.live.nginx import nginx
from tests.live.processes import ServerProcess
from tests.live.recipes import render
from tests.live.servers import RunningSite, Surroundings, daphne_on_unix_socket, find_program, wsgi
from tests.waiting import wait_until

pytestmark = pytest.mark.live

SOCKETS = 10
OLD = "server unix:/run/example-old/websocket.sock weight=9;"
NEW = "server unix:/run/example-1/daphne.sock weight=1;"


@dataclass(frozen=True)
class Split:
    """nginx, its configuration, and the servers behind it."""

    site: Site
    old: RunningSite
    new: RunningSite
    nginx: ServerProcess
    configuration: Path
    recipe: str

    def shift(self, old: str, new: str) -> None:
        """Give the servers other weights and reload; return when nginx has dropped its old worker from the listen."""
        text = self.recipe.replace("weight=9", old).replace("weight=1", new)
        self.configuration.write_text(text, "utf-8")
        seen = self.nginx.output().count("start worker process ")
        self.nginx.signal(signal.SIGHUP)
        wait_until(lambda: self.nginx.output().count("start worker process ") > seen, "nginx did not reload")
        wait_until(lambda: self.nginx.output().count("gracefully shutting down") >= seen, "the old worker went on")


@pytest.fixture(scope="module")
def split(surroundings: Surroundings) -> Iterator[Split]:
    """Two servers of websockets and one of pages behind nginx. The original is stood for by another Daphne."""
    program = find_program("nginx", package="nginx-light")
    prefix = surroundings.directory / "split"
    prefix.mkdir()
    certificate, key = make_certificate(prefix)
    port = free_port()
    with ExitStack() as stack:
        old = stack.enter_context(daphne_on_unix_socket(surroundings))
        new = stack.enter_context(daphne_on_unix_socket(surroundings))
        pages = stack.enter_context(wsgi(surroundings))
        recipe = render(
            "nginx-split.conf",
            {
                "listen 443 ssl;": f"listen {HOST}:{port} ssl;",
                "server_name example.com;": f"server_name {HOST};",
                "/etc/ssl/example.pem": certificate,
                "/etc/ssl/example.key": key,
                OLD: OLD.replace("/run/example-old/websocket.sock", str(old.unix_socket)),
                NEW: NEW.replace("/run/example-1/daphne.sock", str(new.unix_socket)),
                "server unix:/run/example/pages.sock;": f"server {pages.host};",
            },
        )
        server = stack.enter_context(nginx(surroundings, program, prefix, port, recipe))
        tls = ssl.create_default_context(cafile=certificate)
        yield Split(Site(f"{HOST}:{port}", tls=tls), old, new, server, prefix / "example.conf", recipe)


def opened(server: RunningSite, facility: str) -> int:
    """Return how many websockets of a facility a server has accepted."""
    return len(re.findall(rf'"WSCONNECT /ws/{re.escape(facility)}"', server.output()))


def test_weights_share_websockets_between_servers(split: Split, facility: str) -> None:
    """Of ten websockets nine come to the old server and one to the new; all receive what a page publishes."""
    split.shift("weight=9", "weight=1")
    with ExitStack() as stack:
        sockets = [stack.enter_context(split.site.connect(facility, "subscribe-broadcast")) for _ in range(SOCKETS)]
        assert shown(split.site.get("/"))["uri"].endswith("/ws/")
        split.site.get("/publish/", params={"facility": facility, "text": "to both "}).raise_for_status()
        assert [socket.receive() for socket in sockets] == ["to both 0"] * SOCKETS
        wait_until(lambda: opened(split.old, facility) == 9, "the old server did not get nine")
        wait_until(lambda: opened(split.new, facility) == 1, "the new server did not get one")


def test_open_websockets_stay_when_the_old_server_is_taken_out(split: Split, facility: str) -> None:
    """After the shift new websockets come to the new server alone; the old one's stay open and receive the same."""
    split.shift("weight=9", "down")
    with split.site.connect(facility, "subscribe-broadcast") as before:
        split.shift("down", "weight=1")
        with split.site.connect(facility, "subscribe-broadcast") as after:
            wait_until(lambda: opened(split.new, facility) == 1, "the new server did not get it")
            assert opened(split.old, facility) == 1
            split.site.get("/publish/", params={"facility": facility, "text": "to both "}).raise_for_status()
            assert before.receive() == after.receive() == "to both 0"


def test_way_back_is_open(split: Split, facility: str) -> None:
    """With the weights put back, websockets come to the old server again."""
    split.shift("down", "weight=1")
    split.shift("weight=9", "down")
    with split.site.connect(facility, "subscribe-broadcast"):
        wait_until(lambda: opened(split.old, facility) == 1, "the old server did not get it")
        assert opened(split.new, facility) == 0
