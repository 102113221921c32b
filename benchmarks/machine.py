"""What the figures were measured on: machine, versions, and how busy it was with other things."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from tests.against_original.environment import HOME as ORIGINAL_HOME
from ws4channels import __version__

LIBRARIES = (
    *("Django", "channels", "channels_redis", "daphne", "Twisted", "autobahn"),
    *("uvicorn", "websockets", "picows", "redis", "hiredis"),
)
LIBRARIES_OF_ORIGINAL = ("django-websocket-redis", "uWSGI", "gevent", "Django", "redis")
# Each of 5,000 sockets takes one descriptor in its server, one in its client; the original one more for Redis.
DESCRIPTORS = 12_000


class MachineError(RuntimeError):
    """This machine cannot run the benchmark; the message says what to change."""


def describe(redis_version: str, with_original: bool) -> dict[str, Any]:
    """Return machine and versions as the report shows them."""
    versions = {"ws4channels": __version__, "Redis": redis_version, **_versions(metadata.distributions(), LIBRARIES)}
    description = {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }
    if with_original:
        installed = metadata.distributions(path=[str(path) for path in ORIGINAL_HOME.glob("lib/python*/site-packages")])
        description["versions_of_original"] = _versions(installed, LIBRARIES_OF_ORIGINAL)
    return description


def raise_descriptor_limit(sockets: int) -> None:
    """Let this process and its children open enough files for ``sockets`` sockets.

    Raises:
        MachineError: if the hard limit is lower than that.
    """
    needed = min(DESCRIPTORS, 2 * sockets + 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise MachineError(f"{needed} open files are needed, the hard limit is {hard}: raise it (`ulimit -Hn`)")
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    # Not to an infinite hard limit: macOS refuses that.
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed if hard == resource.RLIM_INFINITY else hard, hard))


def _versions(distributions: Iterable[metadata.Distribution], names: Iterable[str]) -> dict[str, str]:
    installed = {_normal(distribution.metadata["Name"]): distribution.version for distribution in distributions}
    return {name: installed[_normal(name)] for name in names if _normal(name) in installed}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def _cpu_name() -> str:
    return next(_names_in_cpuinfo(), platform.processor() or platform.machine())


def _names_in_cpuinfo() -> Iterator[str]:
    path = Path("/proc/cpuinfo")
    if sys.platform == "linux" and path.exists():
        for line in path.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                yield value.strip()
