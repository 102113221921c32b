"""Closing sockets from elsewhere: two server processes, Daphne and uvicorn, that serve one site together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.live.client import Socket
from tests.live.servers import RunningSite, Surroundings, daphne, uvicorn

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def sites(surroundings: Surroundings) -> Iterator[list[RunningSite]]:
    """The two servers; none of them has to complain of anything."""
    sansio = ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]
    with daphne(surroundings) as one, uvicorn(surroundings, *sansio) as other:
        yield [one, other]
        for site in (one, other):
            assert "Traceback" not in site.output()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What the test opened, to be closed after it."""
    with ExitStack() as stack:
        yield stack


def connect(
    stack: ExitStack, sites: list[RunningSite], facility: str, *channels: str, headers: dict[str, str] | None = None
) -> list[Socket]:
    """Open a socket at each server."""
    return [stack.enter_context(site.connect(facility, *channels, additional_headers=headers)) for site in sites]


def assert_still_open(site: RunningSite, sockets: list[Socket], facility: str) -> None:
    """See that sockets receive what is published."""
    site.get(f"/publish/?facility={facility}&text=open").raise_for_status()
    assert [socket.receive() for socket in sockets] == ["open0"] * len(sockets)


def test_signing_out_closes_the_session_s_sockets_at_all_servers(sites, stack, facility):
    """Whatever server handles the page; other visitors and the user's other session stay, and no key is logged."""
    session, elsewhere = sites[0].signed_in(), sites[1].signed_in()
    leaving = [
        *connect(stack, sites, facility, "subscribe-user", headers=session),
        *connect(stack, sites, facility, "subscribe-broadcast", headers=session),
    ]
    staying = [
        *connect(stack, sites, facility, "subscribe-user", "subscribe-broadcast", headers=elsewhere),
        *connect(stack, sites, facility, "subscribe-broadcast"),
    ]
    assert sites[0].get("/sign-out/", headers=session).text == "signed out"
    assert [socket.closing() for socket in leaving] == [(4401, "")] * 4
    assert_still_open(sites[1], staying, facility)
    # Who comes back with the former cookie is nobody, once Django has deleted the session; until then, not let in.
    [back] = connect(stack, sites[:1], facility, "subscribe-broadcast", headers=session)
    assert back.closing()[0] == 4401
    for site in sites:
        assert session["Cookie"].partition("=")[2] not in site.output()


@pytest.mark.parametrize(("by", "code"), [("user", 4401), ("facility", 4321), ("session", 1008)])
def test_command_closes_sockets_at_all_servers(sites, stack, surroundings, facility, by, code):
    """A process without sockets closes those of a user, a facility or a session, with any code, and no others."""
    cookie = sites[0].signed_in()
    others = connect(stack, sites, f"{facility}-other", "subscribe-broadcast")
    leaving = connect(stack, sites, facility, "subscribe-user", "subscribe-broadcast", headers=cookie)
    names = {"user": "mary", "facility": facility, "session": cookie["Cookie"].partition("=")[2]}
    surroundings.manage("close_sockets", f"--{by}", names[by], "--code", str(code))
    assert [socket.closing() for socket in leaving] == [(code, "")] * 2
    assert_still_open(sites[0], others, f"{facility}-other")
    back = connect(stack, sites, facility, "subscribe-user", "subscribe-broadcast", headers=cookie)
    assert_still_open(sites[1], back, facility)
