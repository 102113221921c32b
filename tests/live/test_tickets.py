"""Tickets from a real view, presented to real servers by the library `websockets`, which sends no cookies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.client import told
from tests.live.servers import RunningSite, daphne, uvicorn

pytestmark = pytest.mark.live

SETTINGS = {"WS4REDIS_ALLOWED_CHANNELS": "tests.live.site.hooks.allow_channels"}
SERVERS = {
    "daphne": (daphne, []),
    "uvicorn-sansio": (uvicorn, ["--no-access-log", "--ws", "websockets-sansio"]),
    "uvicorn-legacy": (uvicorn, ["--no-access-log", "--ws", "websockets"]),
}


@pytest.fixture(scope="module", params=sorted(SERVERS))
def site(request, surroundings) -> Iterator[RunningSite]:
    """The site behind one of the servers."""
    start, options = SERVERS[request.param]
    with start(surroundings, *options, settings=SETTINGS) as site:
        yield site


@pytest.fixture
def whoami(facility: str) -> str:
    """A facility on which a client is told who it is."""
    return f"whoami-{facility}"


@pytest.fixture
def ticket(site: RunningSite, whoami: str) -> str:
    """A ticket of Mary's, from the site's view."""
    with site.pages() as pages:
        answer = pages.get("/ticket/", params={"facility": whoami}, headers=site.signed_in())
    assert answer.status_code == 200
    return answer.text


@pytest.mark.parametrize("way", ["header", "subprotocol", "subprotocol besides another", "address"])
def test_client_is_the_ticket_s_user(site: RunningSite, whoami: str, ticket: str, way: str) -> None:
    """Whichever way it is presented; a client that offers another subprotocol is not sent its ticket back."""
    options: dict[str, Any] = {
        "header": {"additional_headers": {"Authorization": f"Ticket {ticket}"}},
        "subprotocol": {"subprotocols": [f"ticket.{ticket}"]},
        "subprotocol besides another": {"subprotocols": [f"ticket.{ticket}", "chat"]},
    }
    words = [f"ticket={ticket}"] if way == "address" else []
    with site.connect(whoami, "subscribe-broadcast", *words, **options.get(way, {})) as socket:
        assert told(socket)["user"] == "mary"
        chosen = {"subprotocol": f"ticket.{ticket}", "subprotocol besides another": "chat"}
        assert socket.subprotocol == chosen.get(way)
    if way != "address":
        assert ticket not in site.output()


def test_refused_ticket_is_403_and_one_line(site: RunningSite, facility: str, ticket: str) -> None:
    """The log has the reason, and not the ticket."""
    headers = {"Authorization": f"Ticket {ticket}"}
    assert site.refusal(facility, "subscribe-broadcast", additional_headers=headers).status_code == 403
    line = f"Refused a websocket to /ws/{facility}: PermissionDenied: The ticket is for the facility 'whoami-"
    assert site.output().count(line) == 1
    assert ticket not in site.output()
