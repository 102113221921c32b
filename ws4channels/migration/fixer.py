"""What a fixer is: it sees one file and returns its new text and what it found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePosixPath

from ws4channels.migration.facts import Facts
from ws4channels.migration.source import SourceFile

__all__ = ["Facts", "Finding", "Fixed", "Fixer", "ProjectFixed", "ProjectFixer", "Severity", "SourceFile"]


class Severity(str, Enum):
    """How much a finding asks of the reader."""

    MUST = "must"
    """The site will not work as before until somebody does what the finding says."""
    CHECK = "check"
    """Somebody should look: it works in most sites, or it works but has become needless."""
    NOTE = "note"
    """Good to know; nothing to do."""


@dataclass(frozen=True)
class Finding:
    """Something that the report says about a place. `line` counts from 1; 0 stands for the file as a whole."""

    path: str
    line: int
    what: str
    todo: str
    severity: Severity = Severity.CHECK


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
    """Fixes one kind of thing in one file at a time. Keeps no state between files."""

    @abstractmethod
    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether `fix` should see this file. Is asked for every file, so it should be quick."""

    @abstractmethod
    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file's new text, or the same, and findings."""


class ProjectFixer(ABC):
    """Makes new files."""

    @abstractmethod
    def fix_project(self, texts: Mapping[str, str], facts: Facts) -> ProjectFixed:
        """Return new files. `texts` are those of all files, as the fixers have left them, by path."""


def name_of(path: str) -> str:
    """Return the last part of a path."""
    return PurePosixPath(path).name
