"""Run the fixers over the files of a project and collect a report; change nothing."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ws4channels.migration.errors import MigrationError
from ws4channels.migration.facts import Facts, collect_facts
from ws4channels.migration.fixer import Finding, Fixer, Severity, masked
from ws4channels.migration.fixers import load_fixers
from ws4channels.migration.leftovers import leftovers_in
from ws4channels.migration.original import ITS_NAME
from ws4channels.migration.project import Project, git, read_project
from ws4channels.migration.source import SourceFile, line_in

_PYTHON_2 = re.compile(r"(?m)^\s*(?:print\s+[^\s(=]|exec\s+[^\s(]|except\s[^:\n()]+,\s*\w+:|raise\s+\w+,)|\bur['\"]|<>")
_TODO_BY_HAND = "Change it by hand as in the other files."
_TODO_COPY = (
    "What you changed in it goes into subclasses of ws4channels.publisher.RedisPublisher and "
    "ws4channels.subscriber.RedisSubscriber; then delete the copy."
)


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
    uncommitted: tuple[str, ...] = ()
    """Files with changes that are not committed yet."""

    @property
    def needs_hands(self) -> bool:
        """Whether somebody must change something by hand."""
        return any(finding.severity is Severity.MUST for finding in self.findings)

    def after_writing(self) -> "Report":
        """Return the report with the lines of findings as they are after the changes."""
        texts = {change.after.path: (change.before.text, change.after.text) for change in self.changes if change.before}
        moved = (
            replace(each, line=line_in(each.line, *texts[each.path])) if each.path in texts else each
            for each in self.findings
        )
        return replace(self, findings=tuple(moved))


def examine(
    root: Path, fixers: Sequence[Fixer] | None = None, progress: Callable[[str], None] = lambda text: None
) -> "Report":
    """Return what is to be done below `root`. Raises MigrationError if that is no project or a fixer fails."""
    project = read_project(root, progress)
    progress("Reading Python")
    facts = collect_facts(project)
    fixers = load_fixers() if fixers is None else fixers
    findings = list(_unread(project, facts))
    files: dict[str, SourceFile] = {}
    for number, file in enumerate(project.files.values(), 1):
        if number % 20 == 0:
            progress(f"Examining files: {number} of {len(project.files)}")
        files[file.path], found = _fix_file(file, fixers, facts)
        findings += found
    changes = [Change(file, files[file.path]) for file in project.files.values() if files[file.path] != file]
    for fixer in fixers:
        with _named_in_errors(fixer, "All files"):
            made = fixer.fix_project(files, facts)
        changes += [Change(None, SourceFile(path, text)) for path, text in made.new_files.items()]
        findings += made.findings
    findings += _leftovers(project, facts, files, findings)
    findings = [replace(each, shown=masked(each.shown)) for each in dict.fromkeys(findings)]
    findings.sort(key=lambda finding: (finding.step, finding.path, finding.line))
    status = git(root, "status", "--porcelain", "--untracked-files=no", "--", ".")
    return Report(root, tuple(changes), tuple(findings), tuple(line[3:] for line in status.splitlines()))


def _leftovers(
    project: Project, facts: Facts, files: Mapping[str, SourceFile], findings: Iterable[Finding]
) -> Iterator[Finding]:
    """Yield what of the original is left in lines that no fixer reported."""
    reported: dict[str, set[int]] = {}
    for each in findings:
        reported.setdefault(each.path, set()).add(each.line)
    for path, file in files.items():
        if path not in facts.unparsed:
            yield from leftovers_in(file, project.files[path], reported.get(path, set()))


@contextmanager
def _named_in_errors(fixer: Fixer, where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        what = f"{fixer.name} failed with {type(error).__name__}: {error}"
        raise MigrationError(f"{where}: {what}. Nothing was changed. Please report it.") from error


def _fix_file(file: SourceFile, fixers: Sequence[Fixer], facts: Facts) -> tuple[SourceFile, list[Finding]]:
    now = file
    findings = []
    for fixer in fixers:
        with _named_in_errors(fixer, file.path):
            fixed = fixer.fix(now, facts)
        if fixed is not None:
            for each in fixed.findings:
                findings.append(replace(each, line=line_in(each.line, now.text, file.text)))
            now = now if fixed.text == now.text else replace(now, text=fixed.text)
    return now, findings


def _unread(project: Project, facts: Facts) -> Iterator[Finding]:
    for path, reason in project.skipped.items():
        concerns_us = "mentions" in reason
        todo = _TODO_BY_HAND if concerns_us else "Look there yourself if it is part of the site."
        severity = Severity.MUST if concerns_us else Severity.NOTE
        yield Finding(path, 0, f"This was not read. {reason}", todo, severity)
    for path, (line, reason) in facts.unparsed.items():
        text = project.files[path].text
        if ITS_NAME in text:
            kind = "Python 2" if _PYTHON_2.search(text) else "not Python 3"
            kind = "a template, not Python" if re.search(r"\{[{%].*[%}]\}", text) else kind
            what = f"This file was skipped, because it is {kind}, and it mentions ws4redis."
            yield Finding(path, line, what, _TODO_BY_HAND, Severity.MUST, reason)
    for folder in project.vendored:
        yield Finding(folder, 0, "This is a copy of django-websocket-redis. It was left alone.", _TODO_COPY)
