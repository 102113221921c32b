"""Publish from a process that serves nothing."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from django.core.management import BaseCommand, CommandParser

from ws4channels.publisher import RedisPublisher


class Command(BaseCommand):
    """Broadcast the numbers 0, 1, 2… to a facility, from where ``--from`` says."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("facility")
        parser.add_argument("--count", type=int, default=1)
        parser.add_argument("--from", dest="origin", choices=sorted(ORIGINS), default="process")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run."""
        publisher = RedisPublisher(facility=options["facility"], broadcast=True)
        ORIGINS[options["origin"]](publisher, [str(number) for number in range(options["count"])])


def _from_process(publisher: RedisPublisher, texts: list[str]) -> None:
    for text in texts:
        publisher.publish_message(text)


def _from_thread(publisher: RedisPublisher, texts: list[str]) -> None:
    thread = threading.Thread(target=_from_process, args=(publisher, texts))
    thread.start()
    thread.join()


def _from_fork(publisher: RedisPublisher, texts: list[str]) -> None:
    """Publish the first in this process, the last as well, and the others in a fork of it."""
    _from_process(publisher, texts[:1])
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _from_process(publisher, texts[1:-1])
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise RuntimeError(f"The fork ended with status {status}.")
    _from_process(publisher, texts[-1:])


def _from_event_loop(publisher: RedisPublisher, texts: list[str]) -> None:
    async def publish() -> None:
        for text in texts:
            await publisher.apublish_message(text)

    asyncio.run(publish())


def _from_many_event_loops(publisher: RedisPublisher, texts: list[str]) -> None:
    for text in texts:
        asyncio.run(publisher.apublish_message(text))


ORIGINS = {
    "event-loop": _from_event_loop,
    "fork": _from_fork,
    "many-event-loops": _from_many_event_loops,
    "process": _from_process,
    "thread": _from_thread,
}
