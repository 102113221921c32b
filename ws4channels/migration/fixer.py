"""The interface of fixers: what they get and return."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum

from ws4channels.migration.facts import Facts
from ws4channels.migration.source import SourceFile

__all__ = ["Facts", "Finding", "Fixed", "Fixer", "ProjectFixed", "Severity", "SourceFile", "Step"]

_SECRET = re.compile(
    r"""(?ix)
    (?P<name>
        (?: [\w-]*(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|credential)[\w-]* | \w*_pass | \bpass )
        ["']?\s*[=:]\s*["']?
        | (?: --[\w-]*(?:pass|secret|token)[\w-]* | requirepass | masterauth | redis-cli\b.*\s-a ) \s+ ["']?
    ) [^\s"',;}]+
    | (?P<scheme>\w+://[^\s/:@"']*:) [^\s@"']+ (?=@)"""
)


class Severity(str, Enum):
    """How much a finding asks of the reader."""

    MUST = "must"
    """The site will not work as before until somebody does what the finding says."""
    CHECK = "check"
    """Somebody should look: it works in most sites, or it works but is no longer needed."""
    NOTE = "note"
    """Good to know; nothing to do."""


class Step(IntEnum):
    """When to do what a finding says: the order of the report."""

    PACKAGES = 1
    SETTINGS = 2
    CODE = 3
    TEMPLATES = 4
    SERVERS = 5
    CLEAN_UP = 6


@dataclass(frozen=True)
class Finding:
    """Something that the report says about a place.

    `line` counts from 1; 0 stands for the file as a whole. `shown` is the text of the place. Findings that differ in
    their places only are one entry of the report, so what differs from place to place belongs there, not into `what`.
    """

    path: str
    line: int
    what: str
    todo: str
    severity: Severity = Severity.CHECK
    shown: str = ""
    step: Step = Step.CODE


def masked(text: str) -> str:
    """Return a line without the passwords and the like in it."""
    return _SECRET.sub(lambda found: f"{found['name'] or found['scheme']}***", text)


@dataclass(frozen=True)
class Fixed:
    """What a fixer returns for one file."""

    text: str
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class ProjectFixed:
    """What a fixer returns for all files at once: the text of each new file by its path, and findings."""

    new_files: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()


@dataclass(frozen=True)
class Fixer:
    """Fixes one kind of thing, in each file or in all at once."""

    name: str
    fix: Callable[[SourceFile, Facts], Fixed | None] = lambda file, facts: None
    """Returns the file's new text and findings, which depend on the arguments alone; None if it is of no concern."""
    fix_project: Callable[[Mapping[str, SourceFile], Facts], ProjectFixed] = lambda files, facts: ProjectFixed()
    """Runs after `fix` of all fixers, with the files by path as these have left them; returns new files and findings.

    The lines of its findings are those of the files as they were found, which are in `facts.files`.
    """
