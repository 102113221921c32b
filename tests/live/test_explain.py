"""What `ws4channels_explain` says in a process of its own is what a server does."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.servers import ROOT, RunningSite, Surroundings, daphne
from tests.waiting import SCALE, wait_until

pytestmark = [pytest.mark.live, pytest.mark.slow]

RULE = {"WS4REDIS_ALLOWED_CHANNELS": "tests.live.site.hooks.allow_channels"}


@pytest.fixture(scope="module")
def site(surroundings: Surroundings) -> Iterator[RunningSite]:
    """The site behind Daphne, with a rule."""
    with daphne(surroundings, settings=RULE) as site:
        yield site


@pytest.fixture
def explained(surroundings: Surroundings) -> Any:
    """Run the command in a process of its own; return what it says and its status."""

    def explained(*words: str, **settings: Any) -> tuple[dict[str, Any], int]:
        command = [sys.executable, "-m", "django", "ws4channels_explain", "--json", *words]
        environment = surroundings.environment({**RULE, **settings})
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60 * SCALE, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout), done.returncode

    return explained


def test_process_with_another_layer_is_not_heard_of(
    site: RunningSite, surroundings: Surroundings, explained: Any, facility: str
) -> None:
    """A websocket is open: who has the server's settings finds its process, who has another layer finds nobody."""
    url = f"ws://{site.host}/ws/{facility}?subscribe-broadcast"
    publish = ["--publish", f"facility={facility}", "broadcast"]
    other = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": surroundings.redis_url, "socket_timeout": None}], "prefix": "other"},
    }
    with site.connect(facility, "subscribe-broadcast"):
        found, status = explained(url, *publish)
        assert (status, found["keys"][0]["processes"]) == (0, 1)
        assert found["publishing"] == {"keys": {f"broadcast:{facility}": 1}, "notes": [], "gap": None}
        found, _ = explained(url, *publish, CHANNEL_LAYERS={"default": other})
        assert (found["is_accepted"], found["keys"][0]["processes"]) == (True, 0)
        assert found["publishing"]["keys"] == {f"broadcast:{facility}": 0}


def test_websockets_are_counted_in_their_process(site: RunningSite, explained: Any, facility: str) -> None:
    """Each server process says how many websockets it has for a key; where they are not to tell, it is unknown."""
    url = f"ws://{site.host}/ws/{facility}?subscribe-broadcast&publish-user"

    def sockets(**settings: Any) -> Any:
        return explained(url, "--user", "mary", **settings)[0]["keys"][0]["sockets"]

    assert site.process.process is not None
    process = f"{socket.gethostname()}:{site.process.process.pid}"
    with site.connect(facility, "subscribe-broadcast"), site.connect(facility, "subscribe-broadcast"):
        # A process tells of itself some seconds after its first websocket.
        wait_until(lambda: sockets() == {process: 2}, "the process tells of both")
        assert sockets(WS4CHANNELS_ADMIN=False) is None
    wait_until(lambda: sockets() == {}, "the process tells that they have gone")


def test_session_of_a_browser_is_explained(site: RunningSite, explained: Any, facility: str) -> None:
    """With the value of the browser's cookie, the keys are those of its user, groups and session."""
    key = site.signed_in()["Cookie"].partition("=")[2]
    url = f"/ws/{facility}?subscribe-user&subscribe-group&subscribe-session"
    found, status = explained(url, "--session", key)
    assert status == 0
    assert {each["key"] for each in found["keys"]} == {
        f"user:mary:{facility}",
        f"group:chatters:{facility}",
        f"session:{key}:{facility}",
    }


@pytest.mark.parametrize(
    ("facility", "origin"), [("forbidden", None), ("broken", None), ("news", "https://evil.example")]
)
def test_reason_is_that_of_the_log(site: RunningSite, explained: Any, facility: str, origin: str | None) -> None:
    """What refuses a client here refuses it there, with the same words."""
    before = len(site.output())
    site.refusal(facility, "subscribe-broadcast", origin=origin)
    url = f"ws://{site.host}/ws/{facility}?subscribe-broadcast"
    found, status = explained(url, *(["--origin", origin] if origin else []))
    last = found["steps"][-1]
    assert (status, last["verdict"]) == (1, "refused")
    reason = last["text"].partition(" (status")[0].removeprefix(f"{origin!r}: ")
    wait_until(lambda: reason in site.output()[before:], f"{reason} is in the log")
