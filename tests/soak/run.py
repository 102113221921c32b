"""One run of a soak: start everything, load it, break it, stop it, look at what is left."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import psutil

from example_project.redis_server import HOST, RedisServer
from tests.live.client import Site
from tests.live.processes import ROOT
from tests.live.servers import Surroundings
from tests.soak.clients import Crowd
from tests.soak.faults import FAULTS, Saboteur
from tests.soak.keys import KEYS
from tests.soak.ledger import Ledger, Publication
from tests.soak.memory import Trend, trend_of
from tests.soak.plan import LAYERS, Plan
from tests.soak.publishing import READY
from tests.soak.servers import Server, entrance, running_servers
from tests.waiting import SCALE, wait_until

MARGIN = 1.0 * SCALE
_SAMPLE_INTERVAL = 0.5
# What asyncio and Twisted say when something was forgotten.
_SIGNS_OF_NEGLECT = ("was never retrieved", "was destroyed but it is pending", "was never awaited", "Unhandled error")


def site_settings(redis_url: str, layer: str) -> dict[str, Any]:
    """Return the settings of the site under load."""
    host = {"address": redis_url, "socket_timeout": None}
    # The core layer drops what exceeds its capacity, which is not what is tested here.
    capacity = {} if layer == "pubsub" else {"capacity": 10_000}
    return {
        "WS4CHANNELS_HISTORY": 500,
        "WS4CHANNELS_HISTORY_BYTES": 8 * 1024 * 1024,
        "CHANNEL_LAYERS": {"default": {"BACKEND": LAYERS[layer], "CONFIG": {"hosts": [host], **capacity}}},
    }


@dataclass
class Findings:
    """What a run found besides the ledger."""

    ledger: Ledger
    memory: list[Trend] = field(default_factory=list)
    left_behind: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    is_behind_nginx: bool = False


class Run:
    """A soak that is being run."""

    def __init__(self, plan: Plan, surroundings: Surroundings, redis: RedisServer) -> None:
        self.plan = plan
        self.surroundings = surroundings
        self.redis = redis
        self.ledger = Ledger(MARGIN)
        self.findings = Findings(self.ledger)
        self.settings = site_settings(redis.url, plan.layer)
        self._samples: dict[int, list[tuple[float, float]]] = {}

    async def run(self) -> Findings:
        """Run it all; return what was found."""
        with running_servers(self.surroundings, self.settings) as servers:
            with entrance(self.surroundings, servers) as addresses:
                self.findings.is_behind_nginx = addresses != [server.address for server in servers]
                cookie = await asyncio.to_thread(Site(f"{HOST}:{servers[0].address[1]}").signed_in)
                crowd = Crowd(addresses, cookie, self.ledger, self.plan.chance())
                await self._load(crowd, servers)
                self._measure(servers)
                await self._look_for_leftovers(servers)
            self._read_logs(servers)
        return self.findings

    async def _load(self, crowd: Crowd, servers: list[Server]) -> None:
        publishers = [await self._start_publisher(kind) for kind in ("sync", "async")]
        reporting = [asyncio.create_task(self._take_reports(publisher)) for publisher in publishers]
        clients = asyncio.create_task(crowd.run())
        sampling = asyncio.create_task(self._sample(servers))
        sabotage = asyncio.create_task(self._sabotage(Saboteur(self.redis, servers, self.ledger)))
        await asyncio.wait(
            [clients, sampling, *reporting], timeout=self.plan.seconds, return_when=asyncio.FIRST_COMPLETED
        )
        await sabotage
        for publisher in publishers:
            assert publisher.stdin is not None
            publisher.stdin.close()
        await asyncio.gather(*reporting, *(publisher.wait() for publisher in publishers))
        crowd.ending.set()
        await clients
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)

    async def _start_publisher(self, kind: str) -> asyncio.subprocess.Process:
        publisher = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.publishing", kind),
            cwd=ROOT,
            env=self.surroundings.environment(self.settings),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert publisher.stdout is not None
        line = await publisher.stdout.readline()
        assert line.decode().strip() == READY, line
        return publisher

    async def _take_reports(self, publisher: asyncio.subprocess.Process) -> None:
        assert publisher.stdout is not None
        async for line in publisher.stdout:
            self.ledger.note(Publication(*json.loads(line)))
        status = await publisher.wait()
        if status != 0:
            self.ledger.oddities.append(f"A publisher's process ended with status {status}.")

    async def _sabotage(self, saboteur: Saboteur) -> None:
        begin = time.monotonic()
        await saboteur.publish_quietly()
        for when, fault in self.plan.schedule():
            await asyncio.sleep(max(0, begin + when - time.monotonic()))
            self.findings.faults.append(fault)
            await FAULTS[fault](saboteur)

    async def _sample(self, servers: list[Server]) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_INTERVAL)
            for server in servers:
                try:
                    process = server.process
                    self._samples.setdefault(process.pid, []).append((time.monotonic(), process.memory_info().rss))
                except (AssertionError, psutil.NoSuchProcess):
                    continue  # It is being restarted.

    def _measure(self, servers: list[Server]) -> None:
        for server in servers:
            samples = self._samples[server.process.pid]
            self.findings.memory.append(trend_of(samples))

    async def _look_for_leftovers(self, servers: list[Server]) -> None:
        """Wait until nothing of the clients is left in the servers and in Redis; note what remains."""
        left: list[str] = []
        groups = {f"asgi__group__{key.group}" for key in KEYS.values()}

        def nothing_is_left() -> bool:
            left[:] = [f"{server.sockets()} sockets" for server in servers if server.sockets()]
            with self.redis.client() as client:
                channels = map(bytes.decode, client.pubsub_channels("asgi__group__*"))
            # Others belong to the servers, not to clients: they stay as long as those run.
            left.extend(channel for channel in channels if channel in groups)
            return not left

        try:
            await asyncio.to_thread(wait_until, nothing_is_left, "something is left")
        except AssertionError:
            self.findings.left_behind += left

    def _read_logs(self, servers: list[Server]) -> None:
        for path in itertools.chain.from_iterable(server.logs for server in servers):
            for line in path.read_text("utf-8", "replace").splitlines():
                if any(sign in line for sign in _SIGNS_OF_NEGLECT):
                    self.ledger.oddities.append(f"A server's log says: {line}")
