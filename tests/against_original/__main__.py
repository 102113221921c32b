"""
Run the same site on the original and on ours, and print where the two differ.

python -m tests.against_original [--only NAME]… [--quick] [--transport NAME] [--list] [--compat] [--ask-original]

Then run the phases of a move from one to the other, all on one Redis, with a ledger of every message.

Exit status 0: every difference is an agreed one, no ledger has a fault. 1: otherwise. 2: the original can't run here.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from example_project.redis_server import RedisServer, RedisServerError
from tests.against_original import checks, report
from tests.against_original.client import Side
from tests.against_original.comparison import Result, observe
from tests.against_original.environment import ROOT, EnvironmentMissing, ensure_environment
from tests.against_original.phases import run as phases
from tests.against_original.phases.plan import Phase
from tests.against_original.registry import CHECKS, Check, Configuration, Observation
from tests.against_original.servers import Installation, ServerFailed, Workshop, original, ours
from ws4channels.settings import TRANSPORTS

ARTIFACTS = ROOT / ".test-artifacts" / "against_original"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.against_original", description=checks.__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="only checks and phases whose name holds this")
    parser.add_argument("--quick", action="store_true", help="the subset that takes about a minute")
    parser.add_argument("--transport", choices=TRANSPORTS, help="how messages travel on our side, where no check says")
    parser.add_argument("--list", action="store_true", help="print the names and sentences of the checks")
    parser.add_argument("--compat", action="store_true", help="let the site say ws4redis on ours as well")
    parser.add_argument("--ask-original", action="store_true", help="run the original alone and print what it does")
    return parser.parse_args(arguments)


def choose(options: argparse.Namespace) -> list[Check]:
    """Return the checks that the command line asks for."""
    chosen = [check for check in CHECKS.values() if check.quick or not options.quick]
    if options.only:
        chosen = [check for check in chosen if any(part in check.name for part in options.only)]
    return [over(options.transport, check) for check in chosen] if options.transport else chosen


def over(transport: str, check: Check) -> Check:
    """Return the check with a transport of ours, which the original does not look at."""
    configuration = check.configuration
    settings = {"WS4CHANNELS_TRANSPORT": transport, **configuration.settings}
    return replace(check, configuration=replace(configuration, settings=settings))


def by_configuration(chosen: Iterable[Check]) -> dict[str, list[Check]]:
    """Group checks by what servers they need."""
    groups: dict[str, list[Check]] = {}
    for check in chosen:
        groups.setdefault(check.configuration.name, []).append(check)
    return groups


@contextmanager
def running(workshops: Sequence[Workshop], configuration: Configuration) -> Iterator[list[Side]]:
    """Run the servers of all sides, started at the same time."""
    with ExitStack() as stack:
        servers = []
        for workshop in workshops:
            servers.append(workshop.start(configuration.settings))
            stack.callback(servers[-1].stop)
        for server in servers:
            server.wait_until_ready()
        sides = [Side(server.workshop, configuration.settings, server.port) for server in servers]
        for side in sides:
            stack.callback(side.close)
        yield sides


def run_checks(chosen: Sequence[Check], workshops: Sequence[Workshop]) -> Iterator[tuple[Check, list[Observation]]]:
    """Run the checks, all sides of a check at the same time, and yield what each side did."""
    with ThreadPoolExecutor(len(workshops)) as pool:
        list(pool.map(lambda workshop: workshop.run_script("prepare", None), workshops))
        for group in by_configuration(chosen).values():
            with running(workshops, group[0].configuration) as sides:
                for check in group:
                    yield check, list(pool.map(partial(observe, check), sides))


@contextmanager
def make_workshops(installations: Iterable[Installation]) -> Iterator[list[Workshop]]:
    """Prepare a directory and a Redis for each side."""
    shutil.rmtree(ARTIFACTS, ignore_errors=True)
    with ExitStack() as stack:
        workshops = []
        for installation in installations:
            directory = ARTIFACTS / installation.name
            directory.mkdir(parents=True)
            workshops.append(Workshop(installation, directory, stack.enter_context(RedisServer())))
        yield workshops


def compare(chosen: Sequence[Check], *, compat: bool) -> bool:
    """Run the checks on both sides and print the table; return whether all is fine."""
    results = []
    with make_workshops([original(ensure_environment()), ours(compat=compat)]) as workshops:
        print(report.header())
        for check, (of_original, of_ours) in run_checks(chosen, workshops):
            results.append(Result(check, of_original, of_ours))
            print(report.line(results[-1]), flush=True)
    print(report.summary(results))
    return all(result.passed for result in results)


def go_through(chosen: Sequence[Phase], *, quick: bool) -> bool:
    """Run the phases of a move, with one Redis and one database for both; return whether no ledger has a fault."""
    directory = ARTIFACTS / "phases"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with RedisServer() as redis:
        old, new = (Workshop(each, directory, redis) for each in (original(ensure_environment()), ours()))
        old.run_script("prepare", None)
        return phases.run_phases(chosen, [old, new], quick=quick)


def ask_original(chosen: Sequence[Check]) -> bool:
    """Run the checks on the original alone and print what it does; return whether that is what is known of it."""
    as_known = True
    with make_workshops([original(ensure_environment())]) as workshops:
        for check, (observation,) in run_checks(chosen, workshops):
            print(report.answer(check, observation), flush=True)
            as_known &= observation == check.known_of_original
    return as_known


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return the exit status."""
    options = parse(arguments)
    chosen = choose(options)
    of_move = [] if options.ask_original else phases.chosen(options.only)
    if not chosen and not of_move:
        print(f"No check and no phase is named like {options.only}; see --list.", file=sys.stderr)
        return 2
    if options.list:
        print("\n".join(f"{each.name}\n    {each.sentence}" for each in [*chosen, *of_move]))
        return 0
    # An orderly exit, so that no server outlives this process.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if options.ask_original:
            return 0 if ask_original(chosen) else 1
        fine = compare(chosen, compat=options.compat) if chosen else True
        fine &= go_through(of_move, quick=options.quick) if of_move else True
        return 0 if fine else 1
    except (EnvironmentMissing, RedisServerError, ServerFailed) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
