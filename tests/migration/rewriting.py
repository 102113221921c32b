"""Helpers that run one fixer, or all, over snippets."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

from ws4channels.migration.cli import run
from ws4channels.migration.engine import Report, examine
from ws4channels.migration.facts import Facts, collect_facts
from ws4channels.migration.fixer import Finding, Fixed, ProjectFixed
from ws4channels.migration.project import Project
from ws4channels.migration.source import SourceFile

PATH = "site/views.py"
Fix = Callable[[SourceFile, Facts], Fixed | None]


def project_of(texts: Mapping[str, str]) -> Project:
    """Return a project with these files."""
    return Project(Path("site"), {path: SourceFile(path, text) for path, text in texts.items()})


def facts_of(texts: Mapping[str, str]) -> Facts:
    """Return the facts of a project with these files."""
    return collect_facts(project_of(texts))


def fix(fixer: Fix, text: str, path: str = PATH, others: Mapping[str, str] | None = None) -> Fixed:
    """Return what a fixer makes of a file, without its indentation, in a project with others."""
    file = SourceFile(path, dedent(text).lstrip("\n"))
    facts = facts_of({path: file.text, **{each: dedent(other) for each, other in (others or {}).items()}})
    return fixer(file, facts) or Fixed(file.text)


def findings_of(
    fixer: Callable[[Mapping[str, SourceFile], Facts], ProjectFixed], texts: Mapping[str, str]
) -> list[Finding]:
    """Return what a fixer that sees all files says of a project."""
    project = project_of({path: dedent(text) for path, text in texts.items()})
    return list(fixer(project.files, collect_facts(project)).findings)


def check_rewrites(
    fixer: Fix, before: str, after: str, path: str = PATH, others: Mapping[str, str] | None = None
) -> Fixed:
    """Check that a fixer makes `after` of `before` and leaves `after` as it is; return what it said of `before`."""
    fixed = fix(fixer, before, path, others)
    assert fixed.text == dedent(after).lstrip("\n")
    assert fix(fixer, fixed.text, path, others).text == fixed.text
    return fixed


def check_leaves(fixer: Fix, text: str, path: str = PATH, others: Mapping[str, str] | None = None) -> None:
    """Check that a fixer changes nothing and says nothing."""
    fixed = fix(fixer, text, path, others)
    assert fixed.text == dedent(text).lstrip("\n")
    assert list(fixed.findings) == []


def write_site(folder: Path, texts: Mapping[str, str]) -> Path:
    """Write files below a folder and return it."""
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(dedent(text).lstrip("\n").encode("utf-8"))
    return folder


def examine_site(folder: Path, texts: Mapping[str, str]) -> Report:
    """Write files below a folder and return the engine's report of them."""
    return examine(write_site(folder, texts))


def command(directory: Path, *, write: bool, check: bool = False) -> tuple[int, str]:
    """Run the command on a directory; return its exit code and what it printed."""
    output = io.StringIO()
    code = run(directory, write=write, check=check, json=False, html=None, output=output.write)
    return code, output.getvalue()
