"""
Run the black-box checks on the sample sites: after the command on ours, or as they are on the original.

python -m tests.migration [--original] [--only NAME]… [SITE]…

Exit status 0: each check saw what it must; 1: some did not; 2: the original can't be run here.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from example_project.redis_server import RedisServer
from tests.against_original.comparison import observe
from tests.against_original.environment import EnvironmentMissing, ensure_environment
from tests.against_original.registry import Check, Observation
from tests.against_original.servers import ServerFailed, original, ours
from tests.migration.own_pages import OWN_CHECKS
from tests.migration.running import prepare, running
from tests.migration.sample_sites import SAMPLE_SITES, SampleSite


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.migration", description=__doc__)
    parser.add_argument("sites", nargs="*", metavar="SITE", help=f"{', '.join(SAMPLE_SITES)}; all if none is named")
    parser.add_argument("--original", action="store_true", help="on django-websocket-redis, before the command")
    parser.add_argument("--only", action="append", metavar="NAME", help="only checks whose name holds this; repeatable")
    return parser.parse_args(arguments)


def expected(check: Check, on_original: bool) -> Observation:
    """Return what must be seen."""
    return check.known_of_original if on_original else check.expected


def try_site(sample: SampleSite, options: argparse.Namespace) -> bool:
    """Run the checks that fit a site and print what each saw; return whether all is as it must be."""
    if options.original and not sample.runs_on_original:
        print(f"{sample.name:10} does not run on the original")
        return True
    installation = original(ensure_environment()) if options.original else ours()
    well = True
    with RedisServer() as redis, tempfile.TemporaryDirectory(prefix="ws4-") as directory:
        copy = prepare(sample, Path(directory), installation)
        with running(sample, copy, installation, redis) as side:
            for check in [*sample.checks, *OWN_CHECKS[sample.name]]:
                if options.only and not any(part in check.name for part in options.only):
                    continue
                seen = observe(check, side)
                as_expected = seen == expected(check, options.original)
                well &= as_expected
                print(f"{sample.name:10} {'ok  ' if as_expected else 'FAIL'} {check.name}", flush=True)
                if not as_expected:
                    print(f"    must be {expected(check, options.original)!r}\n    but was {seen!r}", flush=True)
    return well


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    options = parse(arguments)
    # An orderly exit, so that no server outlives this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        results = [try_site(SAMPLE_SITES[name], options) for name in options.sites or SAMPLE_SITES]
    except (EnvironmentMissing, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
