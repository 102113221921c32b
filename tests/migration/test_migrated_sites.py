"""The sample sites after the command: they behave as before, and no file is damaged."""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from example_project.redis_server import RedisServer
from tests.against_original.comparison import observe
from tests.against_original.registry import Check
from tests.against_original.servers import ours
from tests.migration.own_pages import OWN_CHECKS
from tests.migration.rewriting import command
from tests.migration.running import running
from tests.migration.sample_sites import EVERYWHERE, SAMPLE_SITES, SampleSite

UNPARSED = {"scripts/announce.py", "template/{{ project_name }}_settings.py"}
# Holds the old server under the name of what replaces it.
NO_ASGI = "scoreboard/asgi.py"
REWRITTEN = re.compile(r"\.py$|\.html$|require.*\.txt$|constraints\.txt$|setup\.cfg$|pyproject\.toml$|Pipfile$")


@dataclass(frozen=True)
class Migrated:
    """A sample site's files before the command, after it, and after it was run again; and what it said first."""

    copy: Path
    before: dict[str, bytes]
    after: dict[str, bytes]
    again: dict[str, bytes]
    report: str


def contents(directory: Path) -> dict[str, bytes]:
    """Return the files below a directory by path."""
    files = (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


def migrate(sample: SampleSite, directory: Path) -> Migrated:
    """Copy a site, and run the command on it twice."""
    copy = sample.copy_to(directory)
    before = contents(copy)
    _, report = command(copy, write=True)
    after = contents(copy)
    command(copy, write=True)
    return Migrated(copy, before, after, contents(copy), report)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Migrated]:
    """The sample sites by name; each is rewritten when it is first asked for."""
    return cache(lambda name: migrate(SAMPLE_SITES[name], tmp_path_factory.mktemp(name)))


@pytest.fixture(params=SAMPLE_SITES)
def site(request: pytest.FixtureRequest, migrated: Callable[[str], Migrated]) -> Migrated:
    """One of them."""
    return migrated(request.param)


@pytest.fixture(scope="module")
def sites_redis() -> Iterator[RedisServer]:
    """A Redis that no other test empties."""
    with RedisServer() as server:
        yield server


def chosen(sample: SampleSite) -> list[Check]:
    """Return a site's own checks, and some of the quick ones, in CI more; `python -m tests.migration` runs all."""
    quick = [check for check in sample.checks if check.quick or check.name in EVERYWHERE]
    step = 3 if os.environ.get("CI") == "1" else 6
    return [*quick[list(SAMPLE_SITES).index(sample.name) % step :: step], *OWN_CHECKS[sample.name]]


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLE_SITES)
def test_site_behaves_as_on_the_original(
    name: str, migrated: Callable[[str], Migrated], sites_redis: RedisServer
) -> None:
    """After the command and nothing else, the black-box checks that fit a site, and its own, see what they must."""
    checks = chosen(SAMPLE_SITES[name])
    with running(SAMPLE_SITES[name], migrated(name).copy, ours(), sites_redis) as side:
        seen = {check.name: observe(check, side) for check in checks}
    assert seen == {check.name: check.expected for check in checks}


def test_every_site_has_checks_of_its_own() -> None:
    """No sample site only shows what all of them do."""
    assert set(OWN_CHECKS) == set(SAMPLE_SITES)


@pytest.mark.parametrize("name", ["chatroom", "intranet"])
def test_nothing_is_written_unless_asked_for(name: str, tmp_path: Path) -> None:
    """Without --write there is a diff, and --check says that there is something to do."""
    copy = SAMPLE_SITES[name].copy_to(tmp_path)
    before = contents(copy)
    code, output = command(copy, write=False, check=True)
    assert code == 1
    assert "\n+++ " in output
    assert contents(copy) == before


def test_second_run_changes_nothing(site: Migrated) -> None:
    """What was rewritten is not rewritten again."""
    assert site.after != site.before
    assert site.again == site.after


def test_no_file_is_lost(site: Migrated) -> None:
    """Files are changed or added, never removed."""
    assert set(site.before) <= set(site.after)


def parses(content: bytes) -> bool:
    """Tell whether this is Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(content)
        except SyntaxError:
            return False
    return True


def test_python_stays_python(site: Migrated) -> None:
    """Each file that parsed still does, and so does each new one."""
    python = [path for path in site.after if path.endswith(".py")]
    broken = {path for path in python if not parses(site.after[path])}
    assert broken == {path for path in site.before if path.endswith(".py") and not parses(site.before[path])}


def shape(content: bytes) -> tuple[bool, bool, bool]:
    """Return whether a file has CRLF, whether it has LF alone, and whether it begins with a byte order mark."""
    return b"\r\n" in content, b"\n" in content.replace(b"\r\n", b""), content.startswith(b"\xef\xbb\xbf")


def test_line_endings_and_marks_stay(site: Migrated) -> None:
    """A file keeps its own kind of line ending, and its byte order mark."""
    shapes = {path: shape(content) for path, content in site.before.items() if content}
    assert {path: shape(site.after[path]) for path in shapes} == shapes


def test_last_line_stays_as_it_ended(site: Migrated) -> None:
    """A file without a newline at its end gets none."""
    ends = {path: content.endswith(b"\n") for path, content in site.before.items() if content}
    assert {path: site.after[path].endswith(b"\n") for path in ends} == ends


def test_other_kinds_of_files_stay(site: Migrated) -> None:
    """Files of servers and all others that are no source, templates or requirements are byte for byte as before."""
    others = {path: content for path, content in site.before.items() if not REWRITTEN.search(path)}
    assert {path: site.after[path] for path in others} == others


def test_no_import_of_the_original_is_left(site: Migrated) -> None:
    """What still imports ws4redis is what was left alone, and named in the report."""
    imports = re.compile(rb"^\s*(?:from|import) ws4redis\b", re.M)
    left = {path for path, content in site.after.items() if path.endswith(".py") and imports.search(content)}
    assert {path for path in left if not path.startswith("ws4redis/")} <= {*UNPARSED, NO_ASGI}


@pytest.mark.parametrize("text", ["schlüssel", "Einstellungen für das Intranet"])
def test_latin_1_is_written_as_latin_1(text: str, migrated: Callable[[str], Migrated]) -> None:
    """A file that declares its encoding keeps it."""
    site = migrated("intranet")
    assert site.after["intranet/settings.py"] != site.before["intranet/settings.py"]
    assert text.encode("latin-1") in site.after["intranet/settings.py"]


def test_vendored_copy_is_left_and_reported(migrated: Callable[[str], Migrated]) -> None:
    """A site's own ws4redis is the site's."""
    site = migrated("intranet")
    vendored = {path: content for path, content in site.before.items() if path.startswith("ws4redis/")}
    assert len(vendored) == 5
    assert {path: site.after[path] for path in site.after if path.startswith("ws4redis/")} == vendored
    assert "This is a copy of django-websocket-redis. It was left alone." in site.report


def test_files_that_do_not_parse_are_left_and_reported(migrated: Callable[[str], Migrated]) -> None:
    """Python 2 and templates of Python are named in the report, and are byte for byte as before."""
    site = migrated("starter")
    for path in UNPARSED:
        assert site.after[path] == site.before[path]
        assert path in site.report


def test_asgi_file_that_holds_something_else_is_left_and_reported(migrated: Callable[[str], Migrated]) -> None:
    """The application is written beside it, and the settings name that."""
    site = migrated("scoreboard")
    assert site.after[NO_ASGI] == site.before[NO_ASGI]
    assert "This file holds no ASGI application." in site.report
    assert b"ASGI_APPLICATION = 'scoreboard.asgi_websocket.application'" in site.after["scoreboard/settings.py"]


@pytest.mark.parametrize(
    "path",
    [
        "Dockerfile",
        "Procfile",
        "deploy/apache.conf",
        "deploy/newsdesk-websocket.service",
        "deploy/nginx.conf",
        "deploy/supervisor.conf",
        "deploy/uwsgi-websocket.ini",
    ],
)
def test_files_of_servers_are_reported(path: str, migrated: Callable[[str], Migrated]) -> None:
    """The report names each of them."""
    assert path in migrated("newsdesk").report


def test_patches_of_a_sites_own_names_stay(migrated: Callable[[str], Migrated]) -> None:
    """Strings that name the site's own modules are right as they are; those that name the original's are renamed."""
    text = migrated("taskboard").after["tasks/tests.py"].decode()
    assert text.count("'tasks.jobs.WSPublisher'") == 2
    assert "'tasks.live.publishers.RedisPublisher.publish_message'" in text
    assert "'ws4channels.publisher.RedisPublisher.publish_message'" in text
