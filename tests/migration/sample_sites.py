"""The sample sites in `tests/sites`: how each is copied, rewritten by the command, and what it is checked for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import tests.against_original.checks  # noqa: F401 registers the checks
from tests.against_original.checks.configurations import EXPIRE_TEN, HEARTBEAT, PLAIN, PREFIX, STREAM_URL
from tests.against_original.environment import ROOT
from tests.against_original.registry import CHECKS, Check, Configuration
from tests.waiting import SCALE

SITES = ROOT / "tests" / "sites"
SHARED = SITES / "shared"
PAGES = ROOT / "tests" / "against_original" / "site"
PAGES_MODULES = ["audiences", "hooks", "lobby", "records", "scripts", "subscribers", "urls", "views"]
TIMEOUT = 120 * SCALE
# Besides what the configuration of a site calls for: what every site must do whatever its settings.
EVERYWHERE = [
    "a_kept_message_is_sent_on_connect",
    "any_close_code_is_taken",
    "group_messages_reach_the_members",
    "messages_arrive_in_the_order_of_publishing",
    "names_that_the_site_writes_into_the_session_are_groups",
    "of_several_offered_subprotocols_one_is_returned",
    "other_paths_are_pages",
    "self_is_who_makes_the_request",
    "session_messages_reach_one_browser_of_a_user",
    "somebody_anonymous_stays_connected_whatever_they_subscribe_to",
    "two_messages_in_one_read_are_delivered_at_once",
    "user_messages_reach_all_windows_of_that_user_only",
]


@dataclass(frozen=True)
class SampleSite:
    """One site: its settings module, and the configuration of the checks that its settings amount to."""

    name: str
    settings_module: str
    configuration: Configuration
    without: frozenset[str] = frozenset()
    runs_on_original: bool = True

    @property
    def directory(self) -> Path:
        """Where the site is kept."""
        return SITES / self.name

    @property
    def checks(self) -> list[Check]:
        """The black-box checks that fit this site: those of its configuration, and some that fit every site."""
        fitting = (
            check for check in CHECKS.values() if check.configuration == self.configuration or check.name in EVERYWHERE
        )
        return [check for check in fitting if check.name not in self.without]

    def copy_to(self, directory: Path) -> Path:
        """Copy the site into `directory`, with the pages of the checks beside it; return the copy."""
        copy = directory / self.name
        shutil.copytree(self.directory, copy, ignore=shutil.ignore_patterns("__pycache__"))
        copy_pages(copy / "blackbox")
        return copy


def copy_pages(directory: Path, *more_modules: str) -> None:
    """Make the package `blackbox`: the pages of the comparison's own site, on plain imports of ws4redis."""
    directory.mkdir(exist_ok=True)
    (directory / "__init__.py").touch()
    shutil.copy(SHARED / "legacy.py", directory)
    for module in [*PAGES_MODULES, *more_modules]:
        text = (PAGES / f"{module}.py").read_text("utf-8")
        (directory / f"{module}.py").write_text(text.replace("tests.against_original.site", "blackbox"), "utf-8")


def run_command(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the command on a site, as its maintainer would."""
    return subprocess.run(
        [sys.executable, "-m", "ws4channels.migration", str(directory), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


# What a plain PUBLISH does depends on the transport; the command chooses the original's own channels for a start.
_OF_THE_LAYER = frozenset(
    {
        "a_program_that_publishes_to_a_key_reaches_sockets",
        "a_program_that_subscribes_to_a_key_hears_pages",
        "a_program_counts_the_sockets_of_a_key",
    }
)
# Its connection names a database as well.
_CHATROOM = _OF_THE_LAYER | {"the_packages_settings_are_readable"}
# Its hook gives everybody a session, with which the original does not fail on people who are not signed in.
_CLUBHOUSE = frozenset({"somebody_anonymous_stays_connected_whatever_they_subscribe_to"})
# The check compares keys without a prefix.
_TASKBOARD = frozenset({"self_is_who_makes_the_request"})

_HOOKS_OF_ITS_OWN = Configuration("hooks of the site's own")

SAMPLE_SITES = {
    site.name: site
    for site in [
        SampleSite("chatroom", "chatroom.settings", PLAIN, _CHATROOM),
        SampleSite("newsdesk", "newsdesk.settings", HEARTBEAT),
        SampleSite("clubhouse", "clubhouse.settings", _HOOKS_OF_ITS_OWN, _CLUBHOUSE),
        SampleSite("taskboard", "config.settings", PREFIX, _TASKBOARD),
        SampleSite("scoreboard", "scoreboard.settings", STREAM_URL),
        # Its copy of ws4redis publishes only.
        SampleSite("intranet", "intranet.settings", PLAIN, _OF_THE_LAYER, runs_on_original=False),
        SampleSite("starter", "starter.settings", EXPIRE_TEN),
    ]
}
