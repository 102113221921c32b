"""A site below a path of its host, behind a real nginx that passes the path on or removes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from example_project.redis_server import HOST, free_port
from tests.live.client import Site, shown
from tests.live.nginx import nginx
from tests.live.servers import RunningSite, Surroundings, daphne, find_program, uvicorn

pytestmark = pytest.mark.live

SERVERS = {"daphne": daphne, "uvicorn": uvicorn}
TOLD = {
    "root-path": (["--root-path", "/app"], {}),
    "forced": ([], {"FORCE_SCRIPT_NAME": "/app"}),
}

# As a site's recipe has it, with another site at "/". A URI behind the address is what replaces the location's path.
_CONFIGURATION = """\
map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
server {{
    listen {host}:{port};
    location / {{ return 404 "another site"; }}
    location /app/ {{
        proxy_pass http://{backend}{uri};
        proxy_http_version 1.1;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
    }}
}}
"""


@contextmanager
def behind_nginx(surroundings: Surroundings, backend: RunningSite, uri: str) -> Iterator[Site]:
    """Run nginx, which passes what is below ``/app/`` on to `backend`; with the `uri` in the place of ``/app/``."""
    prefix = surroundings.new_path("-nginx")
    prefix.mkdir()
    port = free_port()
    configuration = _CONFIGURATION.format(host=HOST, port=port, backend=backend.host, uri=uri)
    with nginx(surroundings, find_program("nginx", package="nginx-light"), prefix, port, configuration):
        yield Site(f"{HOST}:{port}", script_name="/app")


@pytest.fixture(scope="module", params=[f"{server} {told}" for server in SERVERS for told in TOLD])
def backend(request, surroundings) -> Iterator[RunningSite]:
    """A server that gets the script name in one way or the other."""
    server, told = request.param.split()
    options, settings = TOLD[told]
    with SERVERS[server](surroundings, *options, settings=settings) as site:
        yield site


@pytest.mark.parametrize("uri", ["", "/"], ids=["passed on", "removed"])
def test_websockets_are_below_the_script_name(surroundings, backend, facility, uri):
    """A websocket below ``/app/`` has the facility that it has elsewhere, however its path reaches the server."""
    with behind_nginx(surroundings, backend, uri) as site:
        with site.connect(facility, "subscribe-broadcast", "publish-broadcast", "echo") as socket:
            socket.send("from a client")
            assert socket.receive() == "from a client"
            backend.get(f"/publish/?facility={facility}&text=from a page").raise_for_status()
            assert socket.receive() == "from a page0"
        assert site.get("/app/ws/news").status_code == 400


@pytest.mark.parametrize("uri", ["", "/"], ids=["passed on", "removed"])
def test_page_below_a_path_names_the_websockets_there(surroundings, backend, uri):
    """`WEBSOCKET_URI` is below the script name, on the host that the browser sees."""
    with behind_nginx(surroundings, backend, uri) as site:
        page = site.get("/app/")
        if backend.process.command[2] == "uvicorn" and "--root-path" in backend.process.command and not uri:
            # uvicorn puts the root path in front of a path that has it already; Django knows no page there.
            assert page.status_code == 404
        else:
            assert shown(page)["uri"] == f"ws://{site.host}/app/ws/"
