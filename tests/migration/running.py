"""From a sample site to a running server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from example_project.redis_server import RedisServer
from tests.against_original.client import Side
from tests.against_original.servers import Installation
from tests.migration.sample_sites import SampleSite, run_command
from tests.migration.site_workshop import SiteWorkshop


@contextmanager
def running(
    sample: SampleSite, directory: Path, installation: Installation, redis: RedisServer
) -> Iterator[tuple[SiteWorkshop, Side]]:
    """Copy a site into `directory`, for ours run the command on it and nothing else, and serve it."""
    copy = sample.copy_to(directory)
    if installation.package == "ws4channels":
        done = run_command(copy, "--write")
        assert done.returncode == 0, done.stdout + done.stderr
    workshop = SiteWorkshop(sample, copy, installation, redis)
    workshop.run_script("prepare", None)
    server = workshop.start({})
    try:
        server.wait_until_ready()
        side = Side(workshop, sample.configuration.settings, server.port)
        try:
            yield workshop, side
        finally:
            side.close()
    finally:
        server.stop()
