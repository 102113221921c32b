"""The site under test, behind servers of its own."""

from __future__ import annotations

import time
from typing import Any

from tests.live.client import Socket
from tests.live.servers import RunningSite, Surroundings, daphne, uvicorn
from tests.waiting import TIMEOUT

HEARTBEAT = "--heartbeat--"
SERVERS = {"daphne": daphne, "uvicorn": uvicorn}


def run_site(surroundings: Surroundings, server: str, *options: str, **settings: Any) -> Any:
    """Run the site behind a server, with hooks that hang and fail, and with quick heartbeats."""
    if server == "uvicorn":
        options = ("--ws-per-message-deflate", "false", *options)
    database = {"ENGINE": "django.db.backends.sqlite3"}
    databases = {
        "default": {**database, "NAME": str(surroundings.directory / "db.sqlite3")},
        "down": {**database, "NAME": str(surroundings.directory / "no such directory" / "db.sqlite3")},
    }
    settings = {
        "DATABASES": databases,
        "ROOT_URLCONF": "tests.faults.site.urls",
        "WS4CHANNELS_HEARTBEAT_INTERVAL": 0.2,
        "WS4REDIS_ALLOWED_CHANNELS": "tests.faults.site.hooks.allow_channels",
        "WS4REDIS_HEARTBEAT": HEARTBEAT,
        **settings,
    }
    return SERVERS[server](surroundings, *options, settings=settings)


def state_of(site: RunningSite) -> dict[str, Any]:
    """Return what there is in the server process."""
    answer = site.get("/state/")
    assert answer.status_code == 200
    state: dict[str, Any] = answer.json()
    return state


def send(site: RunningSite, facility: str, count: int, text: str = "") -> list[str]:
    """Have the server publish numbered messages; return them. The last one is kept."""
    parameters = {"facility": facility, "text": text, "count": str(count)}
    assert site.get("/publish/", params=parameters).status_code == 200
    return [f"{text}{number}" for number in range(count)]


def next_messages(socket: Socket, count: int) -> list[str | bytes]:
    """Return the next messages that are no heartbeats."""
    messages: list[str | bytes] = []
    deadline = time.monotonic() + TIMEOUT
    while len(messages) < count:
        message = socket.receive()
        if message != HEARTBEAT:
            messages.append(message)
        assert time.monotonic() < deadline, f"Only {len(messages)} of {count} messages came."
    return messages


def wait_for_heartbeats(socket: Socket, count: int) -> None:
    """Return when so many heartbeats have come; other messages are an error."""
    for _ in range(count):
        assert socket.receive() == HEARTBEAT
