"""From a folder to a report: runs the fixers over all files, and changes none."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ws4channels.migration.errors import MigrationError
from ws4channels.migration.facts import Facts, collect_facts
from ws4channels.migration.fixer import Finding, Fixer, ProjectFixer, Severity
from ws4channels.migration.fixers import load_fixers
from ws4channels.migration.project import Project, read_project
from ws4channels.migration.source import SourceFile
from ws4channels.migration.syntax import ITS_NAME


@dataclass(frozen=True)
class Change:
    """A file that gets another content; `before` is None for a new one."""

    before: SourceFile | None
    after: SourceFile


@dataclass(frozen=True)
class Report:
    """What there is to do in a project. Lines of findings are those of the files before the changes."""

    root: Path
    changes: tuple[Change, ...]
    findings: tuple[Finding, ...]

    @property
    def is_something_to_do(self) -> bool:
        """Whether a file would change, or somebody must change one by hand."""
        return bool(self.changes) or self.needs_hands

    @property
    def needs_hands(self) -> bool:
        """Whether somebody must change something by hand."""
        return any(finding.severity is Severity.MUST for finding in self.findings)

    def after_writing(self) -> Report:
        """Return the report with the lines of findings as they are after the changes."""
        texts = {change.after.path: change for change in self.changes}
        moved = []
        for finding in self.findings:
            change = texts.get(finding.path)
            if change is not None and change.before is not None:
                finding = replace(finding, line=line_in(finding.line, change.before.text, change.after.text))
            moved.append(finding)
        return replace(self, findings=tuple(moved))


def examine(root: Path, fixers: Sequence[Fixer | ProjectFixer] | None = None) -> Report:
    """Return what is to be done below `root`. Raises MigrationError if that is no project or a fixer fails."""
    project = read_project(root)
    facts = collect_facts(project)
    fixers = load_fixers() if fixers is None else fixers
    findings = [*_unread(project, facts), *_vendored(facts)]
    changes = []
    texts = {}
    for file in project.files.values():
        fixed, found = _fix_file(file, [each for each in fixers if isinstance(each, Fixer)], facts)
        texts[file.path] = fixed.text
        findings += found
        if fixed.text != file.text:
            changes.append(Change(file, fixed))
    for fixer in fixers:
        if isinstance(fixer, ProjectFixer):
            made = fixer.fix_project(texts, facts)
            changes += [Change(None, SourceFile(path, text)) for path, text in made.new_files.items()]
            findings += made.findings
    ordered = sorted(dict.fromkeys(findings), key=lambda finding: (finding.path, finding.line))
    return Report(root, tuple(changes), tuple(ordered))


def _fix_file(file: SourceFile, fixers: Sequence[Fixer], facts: Facts) -> tuple[SourceFile, list[Finding]]:
    now = file
    findings = []
    for fixer in fixers:
        if not fixer.wants(now, facts):
            continue
        try:
            fixed = fixer.fix(now, facts)
        except Exception as error:
            name = type(fixer).__name__
            raise MigrationError(
                f"{file.path}: {name} failed with {type(error).__name__}: {error}. Nothing was changed. "
                "Please report it."
            ) from error
        findings += [replace(each, line=line_in(each.line, now.text, file.text)) for each in fixed.findings]
        now = now.with_text(fixed.text)
    return now, findings


def line_in(line: int, before: str, after: str) -> int:
    """Return where line `line` of `before` is in `after`, or the nearest line before it that is still there."""
    if line == 0 or before == after:
        return line
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for _, start, end, new_start, new_end in matcher.get_opcodes():
        if start <= line - 1 < end:
            return max(1, min(new_start + line - 1 - start, new_end - 1) + 1)
    return max(1, len(after.splitlines()))


def _unread(project: Project, facts: Facts) -> Iterator[Finding]:
    for path, (line, reason) in facts.unparsed.items():
        concerns_us = ITS_NAME in project.files[path].text
        yield Finding(
            path,
            line,
            f"This is not Python {'3 ' if 'print' in reason else ''}source: {reason}.",
            "It was skipped, and it mentions ws4redis: change it by hand as in the other files."
            if concerns_us
            else "It was skipped; it does not mention ws4redis.",
            Severity.MUST if concerns_us else Severity.NOTE,
        )


def _vendored(facts: Facts) -> Iterator[Finding]:
    for folder in facts.vendored:
        yield Finding(
            folder,
            0,
            "This is a copy of django-websocket-redis. It was left alone.",
            "What you changed in it goes into subclasses of ws4channels.publisher.RedisPublisher and "
            "ws4channels.subscriber.RedisSubscriber; then delete the copy.",
            Severity.CHECK,
        )
