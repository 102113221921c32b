"""What is broken during a soak, on purpose and by real means. Each fault is declared to the ledger as an outage."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import psutil

from example_project.redis_server import RedisServer
from tests.soak.keys import KEYS, QUIET
from tests.soak.ledger import RESTART, Ledger, Outage
from tests.soak.publishing import Source
from tests.soak.servers import Server
from tests.waiting import SCALE

RECOVERY = 3 * SCALE
"""Seconds after which everything works again: what docs/reliability.md promises."""
IN_FLIGHT = 0.3 * SCALE
"""Seconds before a fault in which what was published may still have been on its way."""
DOWN = 1.5


@dataclass
class Saboteur:
    """Breaks things. One at a time."""

    redis: RedisServer
    servers: list[Server]
    ledger: Ledger
    source: Source = field(default_factory=lambda: Source(KEYS[QUIET], "saboteur"))

    async def publish_quietly(self) -> None:
        """Publish to the key that is quiet but for faults. What servers miss of it, they must notice by themselves."""
        self.ledger.note(await self.source.apublish())

    async def kill_redis(self) -> None:
        """Kill Redis, which forgets what it kept, and start an empty one a while later."""
        began = time.monotonic()
        await asyncio.to_thread(self.redis.kill)
        await asyncio.sleep(DOWN)
        started = time.monotonic()
        await asyncio.to_thread(self.redis.start)
        await self.publish_quietly()
        self._declare("Redis was killed", began, loses_kept_at=started)

    async def cut_subscriptions(self) -> None:
        """Cut the connections over which the servers receive."""
        began = time.monotonic()
        await asyncio.to_thread(self._kill_pubsub_connections)
        await self.publish_quietly()
        # With a history, servers read what they missed.
        self._declare("CLIENT KILL TYPE pubsub", began, loses_messages=False)

    async def suspend_redis(self) -> None:
        """Stop Redis's process for a moment, as a machine does that swaps or takes a snapshot. Nothing may be lost."""
        began = time.monotonic()
        process = psutil.Process(self.redis.pid)
        process.suspend()
        try:
            await asyncio.sleep(DOWN)
        finally:
            process.resume()
        self._declare("Redis stood still", began, loses_messages=False)

    async def restart_servers(self) -> None:
        """Restart one server after the other by SIGTERM, as a deployment does."""
        began = time.monotonic()
        for server in self.servers:
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
        self._declare(RESTART, began, loses_messages=False)

    def _kill_pubsub_connections(self) -> None:
        with self.redis.client() as client:
            client.client_kill_filter(_type="pubsub")

    def _declare(
        self, kind: str, began: float, *, loses_messages: bool = True, loses_kept_at: float | None = None
    ) -> None:
        over = time.monotonic() + RECOVERY
        self.ledger.outages.append(Outage(kind, began - IN_FLIGHT, over, loses_messages, loses_kept_at))


FAULTS = {
    "restart": Saboteur.restart_servers,
    "cut": Saboteur.cut_subscriptions,
    "kill": Saboteur.kill_redis,
    "suspend": Saboteur.suspend_redis,
}
