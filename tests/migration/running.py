"""Copy a sample site, run the command on it, and serve it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from example_project.redis_server import RedisServer
from tests.against_original.client import Side
from tests.against_original.servers import Installation
from tests.migration.sample_sites import SampleSite, run_command
from tests.migration.site_workshop import SiteWorkshop


def prepare(sample: SampleSite, directory: Path, installation: Installation) -> Path:
    """Copy a site into `directory`, and for ours run the command on it and nothing else; return the copy."""
    copy = sample.copy_to(directory)
    if installation.package == "ws4channels":
        done = run_command(copy, "--write")
        assert done.returncode == 0, done.stdout + done.stderr
    return copy


@contextmanager
def running(sample: SampleSite, copy: Path, installation: Installation, redis: RedisServer) -> Iterator[Side]:
    """Serve a prepared copy of a site."""
    workshop = SiteWorkshop(sample, copy, installation, redis)
    workshop.run_script("prepare", None)
    server = workshop.start({})
    try:
        server.wait_until_ready()
        side = Side(workshop, sample.configuration.settings, server.port)
        try:
            yield side
        finally:
            side.close()
    finally:
        server.stop()
