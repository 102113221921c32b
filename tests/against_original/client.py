"""What a check can do to a side: send visitors to its pages, open websockets, look into its Redis."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

import httpx
import redis
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.against_original.servers import Workshop

PATIENCE = 15.0
QUIET = 0.3
PAUSE_BETWEEN_MARKS = 0.15
MARK = "mark of the end "
PASSWORD = "secret"

Audience = Mapping[str, Any]
Frame = str | bytes
BROADCAST: Audience = {"broadcast": True}
SELF = {"self": True}


class NeverHappened(Exception):
    """What a check waits for did not come in time."""


def wait_until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Return the first true value of `condition`."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise NeverHappened(what)
        time.sleep(0.02)
    return value


def mark_number(frame: Frame) -> int | None:
    """Return the number of a mark that `Socket.frames` published, None for all other frames."""
    return int(frame.removeprefix(MARK)) if isinstance(frame, str) and frame.startswith(MARK) else None


class Socket:
    """One open websocket. Frames are `str` for text and `bytes` for binary, heartbeats are kept apart."""

    marks = itertools.count()

    def __init__(self, side: Side, facility: str, audience: Audience, connection: ClientConnection) -> None:
        self.side = side
        self.facility = facility
        self.audience = audience
        self.connection = connection
        self.heartbeats: list[float] = []
        self.early: list[Frame] = []

    def settle(self) -> None:
        """Return when the server has subscribed this socket, which the original does only after the handshake."""
        self.early = self.frames()

    def send(self, message: Frame) -> None:
        """Send one frame of the kind that the type of `message` says."""
        self.connection.send(message)

    def send_in_one_write(self, *messages: str) -> None:
        """Send several text frames in one segment."""
        with self.connection.protocol_mutex:
            for message in messages:
                self.connection.protocol.send_text(message.encode())
            self.connection.socket.sendall(b"".join(self.connection.protocol.data_to_send()))

    def next_frame(self, timeout: float) -> Frame | None:
        """Return the next frame that is no heartbeat, None if there is none in time; raise ConnectionClosed."""
        if self.early:
            return self.early.pop(0)
        deadline = time.monotonic() + timeout
        while True:
            try:
                frame = self.connection.recv(max(deadline - time.monotonic(), 0.001))
            except TimeoutError:
                return None
            if frame != self.side.heartbeat:
                return frame
            self.heartbeats.append(time.monotonic())

    def wait_for(self, count: int, patience: float = PATIENCE) -> list[Frame]:
        """Return the next `count` frames, fewer if they do not come in time."""
        frames: list[Frame] = []
        deadline = time.monotonic() + patience
        while len(frames) < count and (frame := self.next_frame(max(deadline - time.monotonic(), 0.001))) is not None:
            if mark_number(frame) is None:
                frames.append(frame)
        return frames

    def frames(self, patience: float = PATIENCE) -> list[Frame]:
        """
        Return all frames that the server has for this socket now.

        Publishes marks to the socket's own audience until one arrives: whatever was published before is here by then.
        (The original holds back what it read together with something else, so one mark may not be enough.)
        """
        frames: list[Frame] = []
        first = number = next(self.marks)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            self.side.publish(self.facility, f"{MARK}{number}", expire=0, audience=self.audience)
            number = next(self.marks)
            until = time.monotonic() + PAUSE_BETWEEN_MARKS
            while (frame := self.next_frame(max(until - time.monotonic(), 0.001))) is not None:
                seen = mark_number(frame)
                if seen is None:
                    frames.append(frame)
                elif seen >= first:
                    return frames
        raise NeverHappened(f"a mark published to {self.audience} did not arrive; before it came {frames}")

    def stray_frames(self) -> list[Frame]:
        """Return the frames that arrive within a moment, for sockets to which nothing should come."""
        frames: list[Frame] = []
        until = time.monotonic() + QUIET
        while (frame := self.next_frame(max(until - time.monotonic(), 0.001))) is not None:
            if mark_number(frame) is None:
                frames.append(frame)
        return frames

    def is_open(self) -> bool:
        """Say whether the server still answers on this socket; to be asked once."""
        try:
            # Empty, because uWSGI's answer to a ping does not repeat what the ping said.
            return self.connection.ping(b"").wait(PATIENCE)
        except ConnectionClosed:
            return False

    def close(self, code: int = 1000, reason: str = "") -> int | None:
        """Close with that code, and return the code of the server's answer (1005: none in it, 1006: no answer)."""
        self.connection.close(code, reason)
        return self.connection.close_code

    def wait_for_close(self, patience: float = PATIENCE) -> int | None:
        """Return the close code once the server has closed this socket, None if it does not."""
        deadline = time.monotonic() + patience
        try:
            while time.monotonic() < deadline:
                self.next_frame(max(deadline - time.monotonic(), 0.001))
        except ConnectionClosed:
            return self.connection.close_code
        return None


@dataclass
class Visitor:
    """One browser: a cookie jar for pages and websockets."""

    side: Side
    pages: httpx.Client
    connections: ExitStack = field(default_factory=ExitStack)

    def get(self, path: str, **query: str) -> httpx.Response:
        """Fetch a page."""
        return self.pages.get(path, params=query)

    def status(self, path: str) -> int | str:
        """Return the status of a page, or say that the server hung up."""
        try:
            return self.pages.get(path).status_code
        except httpx.RemoteProtocolError:
            return "no answer"

    def post(self, path: str, body: Any = None, **form: str) -> Any:
        """Send a form, or a JSON body if there is one, and return the JSON answer."""
        # Nothing for views that read nothing: uWSGI resets a connection on which something is left to read.
        content = b"" if body is None else json.dumps(body).encode()
        response = self.pages.post(path, data=form) if form else self.pages.post(path, content=content)
        response.raise_for_status()
        return response.json()

    def sign_in(self, username: str) -> dict[str, Any]:
        """Sign in and tell who that is."""
        return self.post("/login/", username=username, password=PASSWORD)

    def publish_as_oneself(self, facility: str, message: str, *, audience: Audience) -> dict[str, Any]:
        """Publish through a page that gives its request to the publisher."""
        order = {"facility": facility, "message": message, "audience": audience, "with_request": True}
        return self.post("/publish/", order)

    def cookies(self) -> str:
        """Return the value of the Cookie header."""
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.pages.cookies.jar)

    def connect(
        self,
        facility: str,
        query: str = "",
        *,
        audience: Audience = BROADCAST,
        settled: bool = True,
        path: str | None = None,
        **options: Any,
    ) -> Socket:
        """
        Open a websocket.

        `query` is written as it goes over the wire. `audience` is what a publisher must address to reach this socket;
        where `settled`, a socket that subscribes is returned once it is subscribed to that.
        `path` replaces the path that is built from `facility`. `options` are those of `websockets.connect`;
        `headers` among them adds header fields.
        """
        headers = dict(options.pop("headers", {}))
        # Without a bound, because a client that stops reading does not see the answer to its closing either.
        options.setdefault("max_queue", None)
        if self.pages.cookies:
            headers.setdefault("Cookie", self.cookies())
        path = f"{self.side.websocket_url}{quote(facility, safe=UNQUOTED)}" if path is None else path
        connecting = connect(
            f"ws://127.0.0.1:{self.side.port}{path}" + (f"?{query}" if query else ""),
            additional_headers=headers,
            compression=None,
            ping_interval=None,
            open_timeout=PATIENCE,
            close_timeout=PATIENCE,
            proxy=None,
            **options,
        )
        socket = Socket(self.side, facility, audience, self.connections.enter_context(connecting))
        if settled and "subscribe-" in query.lower():
            socket.settle()
        return socket

    def knock(self, facility: str, query: str = "", **options: Any) -> str:
        """
        Try to open a websocket and say in a few words what became of it.

        `open`, `refused with 403`, `refused without an answer`, `refused by the client`, `closed at once with 1006`.
        """
        try:
            socket = self.connect(facility, query, settled=False, **options)
        except InvalidMessage:
            return "refused without an answer"
        except InvalidStatus as error:
            return f"refused with {error.response.status_code}"
        except InvalidHandshake:
            return "refused by the client"
        code = socket.wait_for_close(QUIET)
        return "open" if code is None else f"closed at once with {code}"


# What may stand in a path as it is, RFC 3986; a site's JavaScript leaves these alone as well.
UNQUOTED = "/:~@!$&'()*,;=+-._"


class Side:
    """One running server with its Redis, as a check sees it."""

    def __init__(self, workshop: Workshop, settings: Mapping[str, Any], port: int) -> None:
        self.workshop = workshop
        self.settings = settings
        self.port = port
        self.redis: redis.Redis = workshop.redis.client()
        self.visitors: list[Visitor] = []
        self._publishing = self.visitor()

    @property
    def name(self) -> Literal["original", "ours"]:
        """Which of the two this is."""
        return self.workshop.installation.name  # type: ignore[return-value]

    @property
    def websocket_url(self) -> str:
        """The setting WEBSOCKET_URL."""
        return self.settings.get("WEBSOCKET_URL", "/ws/")

    @property
    def heartbeat(self) -> str | None:
        """The setting WS4REDIS_HEARTBEAT."""
        return self.settings.get("WS4REDIS_HEARTBEAT")

    def visitor(self, username: str | None = None) -> Visitor:
        """Return a new browser, signed in if a name is given."""
        # Without `verify=False` each client would load the certificates of the world first.
        pages = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=PATIENCE, trust_env=False, verify=False)
        visitor = Visitor(self, pages)
        self.visitors.append(visitor)
        if username is not None:
            visitor.sign_in(username)
        return visitor

    def connect(self, facility: str, query: str = "", **options: Any) -> Socket:
        """Open a websocket of somebody anonymous."""
        return self.visitor().connect(facility, query, **options)

    def publish(
        self, facility: str, message: str = "", *, audience: Audience = BROADCAST, **options: Any
    ) -> dict[str, Any]:
        """Publish through a page of the site; see `site/audiences.py` for what an order may hold."""
        order = {"facility": facility, "message": message, "audience": audience, **options}
        return self._publishing.post("/publish/", order)

    def kept(self) -> dict[str, str]:
        """Return the string keys in Redis with their values (in hex if they are no text), without the site's own."""
        # The original has no records of numbers, which docs/history.md lists.
        names = (name for name in self.redis.keys("*") if b"ws4channels:" not in name)
        names = (name for name in names if self.redis.type(name) == b"string")
        return {name.decode(): readable(self.redis.get(name) or b"") for name in sorted(names)}

    def lifetimes(self) -> dict[str, str]:
        """Return the string keys with how long they still live."""
        return {name: self.lifetime(name) for name in self.kept()}

    def value(self, key: str) -> str | None:
        """Return the value of a key as `kept` shows it."""
        value = self.redis.get(key)
        return None if value is None else readable(value)

    def lifetime(self, key: str) -> str:
        """Return for how long a key still lives, rounded to what a publisher may have asked for."""
        seconds = self.redis.ttl(key)
        if seconds < 0:
            return {-1: "forever", -2: "no key"}[seconds]
        return next((f"about {mark} s" for mark in (10, 60, 3600) if mark - 9 <= seconds <= mark), f"{seconds} s")

    def wait_for_value(self, key: str, value: str) -> None:
        """Wait until a key holds a value."""
        wait_until(lambda: self.value(key) == value, f"{key} did not become {value!r} but {self.value(key)!r}")

    def wait_for_keys(self, count: int) -> None:
        """Wait until Redis holds that many string keys."""
        wait_until(lambda: len(self.kept()) >= count, f"{count} keys; there are {self.kept()}")

    def records(self, name: str, count: int = 1) -> list[Any]:
        """Return what hooks recorded under that name, once there are `count` records."""
        key = f"record:{name}"
        wait_until(lambda: self.redis.llen(key) >= count, f"{count} records of {name}")
        return [json.loads(item) for item in self.redis.lrange(key, 0, -1)]

    @contextmanager
    def fresh(self) -> Iterator[Side]:
        """Give a check an empty Redis, and close all it opened afterwards."""
        self.redis.flushall()
        try:
            yield self
        finally:
            self._leave_nobody()

    def _leave_nobody(self) -> None:
        for visitor in self.visitors:
            visitor.connections.close()
            if visitor is not self._publishing:
                visitor.pages.close()
        self.visitors = [self._publishing]

    def close(self) -> None:
        """Let go of the side's connections."""
        self._leave_nobody()
        self._publishing.pages.close()
        self.redis.close()


def readable(value: bytes) -> str:
    """Return bytes as text, or in hex where they are none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"hex {value.hex()}"
