"""The interface of fixers: each gets one file, and returns its new text and findings."""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import ClassVar

from ws4channels.migration.facts import Facts
from ws4channels.migration.source import SourceFile

__all__ = ["Facts", "Finding", "Fixed", "Fixer", "ProjectFixed", "ProjectFixer", "Severity", "SourceFile", "Step"]

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
    """What a project fixer returns: the text of each new file by its path, and findings."""

    new_files: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Finding] = ()


class Fixer(ABC):
    """Fixes one kind of thing in one file at a time. What it does to a file depends on that and the facts alone."""

    step: ClassVar[Step] = Step.CODE

    @abstractmethod
    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether `fix` should see this file. Is called for every file, so it should be fast."""

    @abstractmethod
    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file's new text, or the same, and findings."""


class ProjectFixer(ABC):
    """Sees all files at once, after the other fixers: makes new files, and reports what takes more than one file."""

    step: ClassVar[Step] = Step.CODE

    @abstractmethod
    def fix_project(self, files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
        """Return new files and findings. `files` are all files by path, as the fixers have left them.

        The lines of findings are those of the files as they were found, which are in `facts.files`.
        """
