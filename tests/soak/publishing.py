"""Publishers in a process of their own: ``python -m tests.soak.publishing sync|async``.

Prints a JSON list for each message: what a `Publication` holds. Ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time

import django
from redis.exceptions import ConnectionError as RedisConnectionError

from tests.soak.keys import KEYS, Key
from tests.soak.ledger import Publication, write
from ws4channels.publisher import RedisPublisher

READY = "ready"
_lock = threading.Lock()


class Source:
    """One publisher of one key. Numbers its messages, and tells what became of each."""

    def __init__(self, key: Key, name: str) -> None:
        self.key = key
        self.name = name
        self.publisher = RedisPublisher(**key.arguments)
        self.number = 0

    def _next(self) -> str:
        self.number += 1
        return write(self.key.name, self.name, self.number, self.key.size)

    def _tell(self, began: float, is_accepted: bool) -> Publication:
        return Publication(self.key.name, self.name, self.number, began, time.monotonic(), is_accepted)

    def publish(self) -> Publication:
        """Publish the next message from sync code."""
        text, began = self._next(), time.monotonic()
        try:
            self.publisher.publish_message(text)
        except RedisConnectionError:
            return self._tell(began, False)
        return self._tell(began, True)

    async def apublish(self) -> Publication:
        """Publish the next message from async code."""
        text, began = self._next(), time.monotonic()
        try:
            await self.publisher.apublish_message(text)
        except RedisConnectionError:
            return self._tell(began, False)
        return self._tell(began, True)


def report(publication: Publication) -> None:
    """Print a line that `Publication(*json.loads(line))` reads."""
    fields = [publication.key, publication.publisher, publication.number]
    line = json.dumps([*fields, publication.began, publication.ended, publication.is_accepted])
    with _lock:
        print(line, flush=True)


def publish_sync(key: Key, stopped: threading.Event) -> None:
    """Publish at the key's rate, in a thread of its own."""
    source = Source(key, "sync")
    while not stopped.wait(1 / key.sync_rate):
        report(source.publish())


async def publish_async(key: Key, stopped: asyncio.Event) -> None:
    """Publish at the key's rate, in a task of its own."""
    source = Source(key, "async")
    while not stopped.is_set():
        report(await source.apublish())
        await asyncio.sleep(1 / key.async_rate)


def run_sync() -> None:
    """Publish from threads until standard input ends."""
    stopped = threading.Event()
    threads = [threading.Thread(target=publish_sync, args=(key, stopped)) for key in KEYS.values() if key.sync_rate]
    for thread in threads:
        thread.start()
    sys.stdin.read()
    stopped.set()
    for thread in threads:
        thread.join()


async def run_async() -> None:
    """Publish from tasks until standard input ends."""
    stopped = asyncio.Event()
    tasks = [asyncio.create_task(publish_async(key, stopped)) for key in KEYS.values() if key.async_rate]
    await asyncio.to_thread(sys.stdin.read)
    stopped.set()
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    django.setup()
    print(READY, flush=True)
    if sys.argv[1] == "async":
        asyncio.run(run_async())
    else:
        run_sync()
