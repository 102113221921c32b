"""Runs a copy of a sample site: as it was on the original, or after the command on ours."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from example_project.redis_server import HOST, RedisServer
from tests.against_original.environment import ROOT
from tests.against_original.servers import GREENLETS, Installation, Workshop
from tests.migration.sample_sites import TIMEOUT, SampleSite, copy_pages


class SiteWorkshop(Workshop):
    """A side on which a copy of a sample site runs, with the settings that the site has."""

    site = "blackbox"

    def __init__(self, sample: SampleSite, copy: Path, installation: Installation, redis: RedisServer) -> None:
        super().__init__(installation, copy, redis)
        self.sample = sample
        if installation.package == "ws4redis":
            copy_pages(copy / "blackbox", "wsgi")

    def environment(self, settings: Mapping[str, Any], redis_port: int | None = None) -> dict[str, str]:
        """Return the environment of the site's processes. A sample site brings its own settings."""
        port = str(redis_port or self.redis.port)
        # The original's environment must not find ours.
        paths = [self.directory] if self.installation.package == "ws4redis" else [self.directory, ROOT]
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "DJANGO_"))},
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "DJANGO_SETTINGS_MODULE": self.sample.settings_module,
            "REDIS_HOST": HOST,
            "REDIS_PORT": port,
            "REDIS_URL": f"redis://{HOST}:{port}",
        }

    def server_command(self, port: int) -> list[str]:
        """Return the command that serves the site: nothing of it but the port is ours to choose."""
        home = self.installation.home
        if self.installation.package == "ws4redis":
            return [
                *[str(home / "bin" / "uwsgi"), "--http-socket", f"{HOST}:{port}", "--http-websockets"],
                *["--gevent", GREENLETS, "--processes", "1", "--virtualenv", str(home)],
                *["--pythonpath", str(self.directory), "--module", "blackbox.wsgi"],
                # It closes after each answer, and clients had better know.
                *["--need-app", "--die-on-term", "--disable-logging", "--add-header", "Connection: close"],
            ]
        module, _, attribute = self.asgi_application().rpartition(".")
        return [str(self.installation.python), "-m", "daphne", "-b", HOST, "-p", str(port), f"{module}:{attribute}"]

    def asgi_application(self) -> str:
        """Return what the site's settings name as its ASGI application."""
        command = "from django.conf import settings; print(settings.ASGI_APPLICATION)"
        return self.run_python("-c", command).strip()

    def run_python(self, *arguments: str, stdin: str = "") -> str:
        """Run the environment's Python in the site; return what it printed. Fails with its errors."""
        done = subprocess.run(
            [self.installation.python, *arguments],
            input=stdin,
            cwd=self.directory,
            env=self.environment({}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def manage(self, *arguments: str) -> str:
        """Run one of the site's management commands."""
        return self.run_python("manage.py", *arguments)
