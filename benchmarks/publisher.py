"""The publishing process: sends numbered payloads at full speed or at a fixed rate, and times single publishes.

At full speed it keeps a bounded number of messages under way, told by the client how far the deliveries are
(`client.PROGRESS`), so that what is measured is a steady flow and no queue overflows by our own doing.
"""

from __future__ import annotations

import asyncio
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection
from importlib import import_module
from typing import Any

import django
from channels.layers import get_channel_layer

from benchmarks.children import Answer, serve
from benchmarks.client import PROGRESS
from benchmarks.costs import bare_client, bare_publish, layer_cost, publish_costs, publishing_to_redis, user_costs
from benchmarks.payloads import Stamp, make_payload
from ws4channels.publisher import RedisPublisher

Send = Callable[[bytes], object]


class Progress:
    """How many messages of a run have arrived, read from the pipe that the client writes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def wait_for(self, run: int, messages: int, timeout: float) -> bool:
        """Return True once ``messages`` of ``run`` have arrived; False if ``timeout`` seconds bring no news."""
        while messages > 0:
            if not select.select([self._descriptor], [], [], timeout)[0]:
                return False
            of_run, arrived = self._newest()
            if of_run == run and arrived >= messages:
                return True
        return True

    def _newest(self) -> tuple[int, int]:
        records = os.read(self._descriptor, PROGRESS.size * 512)
        run, arrived = PROGRESS.unpack(records[-PROGRESS.size :])
        return run, arrived


class Ways:
    """One function per way to publish, each taking a payload; `audience` addresses ours alone.

    `port` is that of the server under test, for the one that is published to by HTTP.
    """

    def __init__(self) -> None:
        self.port = 0
        self._client = bare_client()
        self._loop = asyncio.new_event_loop()
        self._layer = get_channel_layer()

    def ours(self, facility: str, audience: dict[str, Any] | None) -> Send:
        return RedisPublisher(facility=facility, **(audience or {"broadcast": True})).publish_message

    def ours_over_redis(self, facility: str, audience: dict[str, Any] | None) -> Send:
        publish = self.ours(facility, audience)

        def send(payload: bytes) -> None:
            with publishing_to_redis():
                publish(payload)

        return send

    def layer(self, facility: str, audience: None) -> Send:
        return lambda payload: self._loop.run_until_complete(
            self._layer.group_send(facility, {"type": "bench.message", "text": payload.decode()})
        )

    def raw(self, facility: str, audience: None) -> Send:
        """Return what needs no site code at all: the original's public key, set and published."""
        key = f"broadcast:{facility}"
        return lambda payload: bare_publish(self._client, key, payload)

    def eventstream(self, facility: str, audience: None) -> Send:
        """Return what sends by django-eventstream, which may not be installed."""
        send_event = import_module("django_eventstream").send_event
        return lambda payload: send_event(facility, "message", payload.decode(), json_encode=False)

    def nchan(self, facility: str, audience: None) -> Send:
        """Return what posts to nchan on ``port``, over one connection."""
        connection = HTTPConnection("127.0.0.1", self.port)

        def send(payload: bytes) -> None:
            connection.request("POST", f"/publish/{facility}", payload, {"Content-Type": "text/plain"})
            connection.getresponse().read()

        return send


class Publisher:
    """The actions of this process."""

    def __init__(self, progress: int) -> None:
        self._ways = Ways()
        self._progress = Progress(progress)

    def _send(self, way: str, port: int, facility: str, audience: dict[str, Any] | None) -> Send:
        self._ways.port = port
        send: Send = getattr(self._ways, way)(facility, audience)
        return send

    def burst(
        self,
        way: str,
        port: int,
        facility: str,
        run: int,
        messages: int,
        window: int,
        size: int,
        patience: float,
        audience: dict[str, Any] | None = None,
    ) -> Answer:
        """Publish ``messages`` payloads, at most ``window`` under way; give up after ``patience`` silent seconds."""
        send = self._send(way, port, facility, audience)
        first_ns = time.monotonic_ns()
        published = 0
        while published < messages and self._progress.wait_for(run, published + 1 - window, patience):
            send(make_payload(Stamp(run, published, time.monotonic_ns()), size))
            published += 1
        return {"first_ns": first_ns, "published": published}

    def steady(
        self,
        way: str,
        port: int,
        facility: str,
        run: int,
        messages: int,
        interval: float,
        size: int,
        audience: dict[str, Any] | None = None,
    ) -> Answer:
        """Publish one payload every ``interval`` seconds, on an absolute schedule."""
        send = self._send(way, port, facility, audience)
        first_ns = time.monotonic_ns()
        taken = []
        for number in range(messages):
            time.sleep(max(0.0, (first_ns - time.monotonic_ns()) / 1e9 + number * interval))
            before = time.monotonic_ns()
            send(make_payload(Stamp(run, number, before), size))
            taken.append((time.monotonic_ns() - before) / 1000)
        return {"first_ns": first_ns, "published": messages, "publish_us": sorted(taken)}

    def costs(self, calls: int, thread: bool) -> Answer:
        """Measure `publish_costs` here, or in a thread of this process."""
        if not thread:
            return {**publish_costs(calls)}
        results: list[Answer] = []
        worker = threading.Thread(target=lambda: results.append({**publish_costs(calls)}))
        worker.start()
        worker.join()
        return results[0]

    def layer_cost(self, calls: int) -> Answer:
        return {"layer": layer_cost(calls)}

    def user_costs(self, counts: list[int], calls: int) -> Answer:
        return {**user_costs(counts, calls)}


def main() -> None:
    django.setup()
    publisher = Publisher(progress=int(sys.argv[1]))
    actions = ("burst", "steady", "costs", "layer_cost", "user_costs")
    serve({name: getattr(publisher, name) for name in actions})


if __name__ == "__main__":
    main()
