"""
Run a mixed load with faults on two servers, and account for every message.

Exit status 0: every message is accounted for, nothing is left behind, memory does not grow. 1: something is not so.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import django

from example_project.redis_server import RedisServer
from tests.live.servers import Surroundings
from tests.soak.audit import audit_of
from tests.soak.plan import parse
from tests.soak.report import complaints_of, render
from tests.soak.run import Run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak that the command line asks for; return the exit status."""
    plan = parse(arguments, __doc__ or "")
    # Ended from outside, it stops its servers as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with RedisServer() as redis, tempfile.TemporaryDirectory(prefix="ws4-soak-") as directory:
        surroundings = Surroundings(redis.url, Path(directory).resolve())
        surroundings.manage("prepare")
        run = Run(plan, surroundings, redis)
        os.environ.update(surroundings.environment(run.settings))
        django.setup()
        findings = asyncio.run(run.run())
        outcome = audit_of(findings.ledger)
        print(render(plan, findings, outcome))
        return 1 if complaints_of(findings, outcome) else 0


if __name__ == "__main__":
    sys.exit(main())
