"""What happens to open sockets when their Redis, or the way there, fails: over each transport, on a real Daphne.

The site reaches its Redis by a proxy. Tests publish past it, as other processes of a site would, and all transports go
through the same outage side by side.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from example_project.redis_server import RedisServer
from tests.faults.proxy import Proxy
from tests.layers import CORE, PUBSUB, REDIS, one_layer
from tests.live.client import Socket
from tests.live.servers import RunningSite, Surroundings, daphne
from tests.waiting import SCALE, TIMEOUT, wait_until
from ws4channels.publisher import RedisPublisher

pytestmark = [pytest.mark.live, pytest.mark.slow]

BACKENDS = {"pubsub": PUBSUB, "core": CORE, "redis": REDIS}
LOST, FOUND = "may be lost", "again after"
PAUSE = 10.0
"""Seconds for which Redis answers nobody in one test: longer than any timeout on the way."""
LAST = "the last"
GIVEN_UP_AFTER = 20.0
"""Seconds after which connections have been given up that nothing comes by."""


@dataclass(frozen=True)
class Case:
    """One transport: the settings of a site, and the same site's settings for who publishes past the proxy."""

    name: str
    site: RunningSite
    publisher_settings: dict[str, Any]

    def log_lines(self, words: str) -> list[str]:
        """Return the lines that the server logged with these words."""
        return [line for line in self.site.output().splitlines() if words in line]

    def is_receiving(self) -> bool:
        """Tell whether the end of each outage has been logged."""
        return len(self.log_lines(LOST)) == len(self.log_lines(FOUND))


@pytest.fixture(scope="module")
def outage_redis() -> Iterator[RedisServer]:
    """A Redis that these tests may harm. It keeps its keys on disk, as a site's would."""
    with RedisServer(config={"appendonly": "yes", "appendfsync": "always"}) as server:
        yield server


@pytest.fixture(scope="module")
def proxy(outage_redis: RedisServer) -> Iterator[Proxy]:
    """The way from the sites to that Redis."""
    with Proxy(outage_redis.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def cases(outage_redis: RedisServer, proxy: Proxy) -> Iterator[list[Case]]:
    """A Daphne for each transport."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ws4-"))
        url = f"redis://127.0.0.1:{proxy.port}/0"
        surroundings = Surroundings(url, Path(directory).resolve())
        surroundings.manage("prepare")
        yield [
            Case(
                name,
                stack.enter_context(daphne(surroundings, settings=settings_of(name, url))),
                settings_of(name, f"{outage_redis.url}/0"),
            )
            for name in BACKENDS
        ]


def settings_of(name: str, url: str) -> dict[str, Any]:
    """Return the settings of a process that reaches its Redis at `url`. Each case has a prefix of its own."""
    backend = BACKENDS[name]
    common = {"WS4REDIS_PREFIX": name, "WS4REDIS_CONNECTION": {"url": url}}
    if backend == REDIS:
        return {**common, "WS4CHANNELS_TRANSPORT": "redis", "CHANNEL_LAYERS": {}}
    layer = one_layer(backend, hosts=[{"address": url, "socket_timeout": None}], prefix=f"{name}:layer")
    return {**common, "WS4CHANNELS_TRANSPORT": "channel_layer", "CHANNEL_LAYERS": layer}


class Observer:
    """A socket that is open through an outage of one case, and the publisher of its facility past the proxy."""

    def __init__(self, case: Case, socket: Socket, facility: str) -> None:
        self.case = case
        self.socket = socket
        self.facility = facility
        self.lost_before = len(case.log_lines(LOST))
        self.found_before = len(case.log_lines(FOUND))

    def publish(self, settings: Any, *messages: str, expire: int = 60) -> None:
        """Publish as another process of the case's site."""
        for name, value in self.case.publisher_settings.items():
            setattr(settings, name, value)
        publisher = RedisPublisher(facility=self.facility, broadcast=True)
        for message in messages:
            publisher.publish_message(message, expire=expire)

    def received_until(self, message: str, timeout: float = TIMEOUT) -> list[str]:
        """Return what arrives up to and with `message`."""
        received: list[str] = []
        deadline = time.monotonic() + timeout
        while message not in received:
            try:
                received.append(str(self.socket.receive(deadline - time.monotonic())))
            except Exception as error:
                raise AssertionError(f"{self.case.name}: {error!r} instead of {message!r}, after {received}") from error
        return received

    def outage_is_over(self) -> None:
        """Wait until the server says so."""
        found = self.found_before + 1
        wait_until(lambda: len(self.case.log_lines(FOUND)) >= found, f"{self.case.name}: found again", 2 * TIMEOUT)

    def check_log(self) -> None:
        """The outage has been logged once, and its end once."""
        lost, found = self.case.log_lines(LOST)[self.lost_before :], self.case.log_lines(FOUND)[self.found_before :]
        assert (self.case.name, len(lost), len(found)) == (self.case.name, 1, 1), (lost, found)


@contextmanager
def observers(cases: list[Case]) -> Iterator[list[Observer]]:
    """Open a socket of a new facility on each case's server, when the outage of an earlier test is over there."""
    facility = uuid.uuid4().hex
    for case in cases:
        wait_until(case.is_receiving, f"{case.name}: the earlier outage is over", 2 * TIMEOUT)
    with ExitStack() as stack:
        yield [
            Observer(case, stack.enter_context(case.site.connect(facility, "subscribe-broadcast")), facility)
            for case in cases
        ]


def all_receive(watched: list[Observer], settings: Any) -> None:
    """Check that a message reaches each, before anything is broken."""
    for observer in watched:
        observer.publish(settings, "before")
        assert observer.received_until("before") == ["before"]


def test_redis_killed_and_restarted_under_traffic(cases: list[Case], outage_redis: RedisServer, settings: Any) -> None:
    """Sockets stay open; what is published after the restart arrives; nothing comes twice or out of order."""
    with observers(cases) as watched:
        for observer in watched:
            observer.publish(settings, "0")
        with traffic(watched, settings) as numbers:
            wait_until(lambda: numbers[0] > 5, "some traffic before")
            outage_redis.kill()
            outage_redis.start()
            begin = numbers[0]
            wait_until(lambda: numbers[0] > begin + 5, "some traffic after")
            for observer in watched:
                observer.outage_is_over()
        for observer in watched:
            observer.publish(settings, LAST)
            received = [int(message) for message in observer.received_until(LAST)[:-1]]
            assert received == sorted(set(received)), observer.case.name
            assert received[0] == 0
            assert received[-1] >= begin, observer.case.name
            observer.check_log()


@contextmanager
def traffic(watched: list[Observer], settings: Any) -> Iterator[list[int]]:
    """Publish 1, 2, … to all observers for as long as the block runs; yields a list with the last number."""
    numbers = [0]
    stop = threading.Event()

    def publish() -> None:
        while not stop.wait(0.02):
            numbers[0] += 1
            for observer in watched:
                # The number is lost then, as its publisher is told.
                with contextlib.suppress(redis.exceptions.ConnectionError):
                    observer.publish(settings, str(numbers[0]))

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield numbers
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(("kind", "hit"), [("pubsub", ["pubsub", "redis"]), ("normal", ["core"])])
def test_connections_killed_by_redis(
    cases: list[Case], outage_redis: RedisServer, settings: Any, kind: str, hit: list[str]
) -> None:
    """Connections that an operator kills are replaced, and sockets stay open."""
    with observers(cases) as watched, outage_redis.client() as client:
        all_receive(watched, settings)
        client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        for observer in watched:
            receives_the_next(observer, settings)
            if observer.case.name in hit:
                observer.outage_is_over()
                observer.check_log()


def receives_the_next(observer: Observer, settings: Any) -> None:
    """Publish kept messages until one arrives; it must be the newest at that moment."""
    published: list[str] = []

    def arrives() -> bool:
        published.append(f"after {len(published)}")
        observer.publish(settings, published[-1])
        with contextlib.suppress(TimeoutError):
            received = observer.socket.receive(0.2 * SCALE)
            assert received in published
            return True
        return False

    wait_until(arrives, f"{observer.case.name}: a message arrives again", 2 * TIMEOUT)


def test_kept_message_that_changed_during_an_outage_is_sent(cases: list[Case], proxy: Proxy, settings: Any) -> None:
    """What others published while the server was cut off arrives in the end, once; what did not change does not.

    Over pub/sub that is the message which is kept. The core layer has kept all of them in a list.
    """
    with observers(cases) as changing, observers(cases) as quiet:
        all_receive([*changing, *quiet], settings)
        proxy.cut()
        for observer in changing:
            observer.publish(settings, "missed", "changed")
            wait_until(
                lambda observer=observer: len(observer.case.log_lines(LOST)) > observer.lost_before, "it is noticed"
            )
        proxy.mend()
        for observer in (*changing, *quiet):
            observer.outage_is_over()
            observer.publish(settings, LAST)
            missed = ["missed", "changed"] if observer.case.name == "core" else ["changed"]
            expected = [*missed, LAST] if observer in changing else [LAST]
            assert observer.received_until(LAST) == expected, observer.case.name
            observer.check_log()


def test_redis_that_pauses(cases: list[Case], outage_redis: RedisServer, settings: Any) -> None:
    """Ten seconds in which Redis answers nobody close no socket and lose nothing that was published afterwards."""
    assert outage_redis.pid is not None
    process = psutil.Process(outage_redis.pid)
    with observers(cases) as watched:
        for observer in watched:
            observer.publish(settings, "before")
        process.send_signal(signal.SIGSTOP)
        try:
            begin = time.monotonic()
            wait_until(lambda: time.monotonic() - begin > PAUSE, "the pause", PAUSE + TIMEOUT)
        finally:
            process.send_signal(signal.SIGCONT)
        for observer in watched:
            observer.publish(settings, LAST)
            assert observer.received_until(LAST) == ["before", LAST], observer.case.name
            observer.outage_is_over()
            observer.check_log()


def test_network_that_forgets_connections(cases: list[Case], proxy: Proxy, settings: Any) -> None:
    """Connections that a firewall has dropped without a word are noticed and replaced."""
    with observers(cases) as watched:
        all_receive(watched, settings)
        proxy.forget()
        for observer in watched:
            observer.publish(settings, "missed")
        for observer in watched:
            assert observer.received_until("missed", 2 * TIMEOUT + GIVEN_UP_AFTER) == ["missed"], observer.case.name
            observer.outage_is_over()
            observer.check_log()


def test_network_that_stands_still(cases: list[Case], proxy: Proxy, settings: Any) -> None:
    """With the queues to the server full, and Redis giving up on it, the newest kept message arrives in the end."""
    with observers(cases) as watched:
        all_receive(watched, settings)
        proxy.hold()
        for observer in watched:
            # More than Redis keeps for a subscriber (client-output-buffer-limit, by default 32 MB).
            observer.publish(settings, *(f"{number} " + "x" * 1_000_000 for number in range(64)))
            observer.publish(settings, LAST)
        proxy.release()
        for observer in watched:
            received = observer.received_until(LAST, 4 * TIMEOUT)
            assert received[-1] == LAST
            numbers = [int(message.split()[0]) for message in received[:-1]]
            assert numbers == sorted(set(numbers))
            # Redis has closed the others' connections, which they may log later: not in the next test.
            if observer.case.name != "core":
                observer.outage_is_over()
