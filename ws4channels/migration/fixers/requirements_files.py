"""Requirements and constraints for pip: the original out, ours in, pinned in the file's own way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ws4channels.migration.fixer import Facts, Finding, Fixed, Fixer, Severity, SourceFile
from ws4channels.migration.requirements import ORIGINAL, REQUIREMENT, judge, replaced
from ws4channels.migration.syntax import OUR_NAME

# A line, with those that it continues on.
_LOGICAL_LINE = re.compile(r"(?:[^\n]*\\\r?\n)*[^\n]*\n?")
_LINE = re.compile(
    rf"(?P<indent>[ \t]*){REQUIREMENT.pattern}(?P<options>(?:(?:[ \t]|\\\r?\n)+--\S+)*)(?P<end>\s*(?:#[^\n]*)?\s*)"
)
_REPOSITORY = re.compile(
    rf"(?P<indent>[ \t]*)(?:-e|--editable)?[ \t=]*(?:\w+\+)?\w+:\S*{ORIGINAL}\S*(?P<end>\s*(?:#[^\n]*)?\s*)", re.I
)
_NAMES = re.compile(r"require|constraint|depend", re.I)


class RequirementsFilesFixer(Fixer):
    """Fixes ``requirements*.txt``, ``requirements/*.txt``, ``constraints.txt`` and the ``.in`` files of pip-tools."""

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file is for pip, by its name or its folder's."""
        return file.suffix in (".txt", ".in", ".pip") and bool(_NAMES.search(file.path))

    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file with its requirements replaced where they must be."""
        findings: list[Finding] = []
        lines = []
        for found in _LOGICAL_LINE.finditer(file.text):
            line, more = _fix_line(found[0], file.path, file.line_of(found.start()), facts)
            lines.append(line)
            findings += more
        return Fixed(_without_repetition("".join(lines), file.text), findings)


def _fix_line(text: str, path: str, line: int, facts: Facts) -> tuple[str, list[Finding]]:
    repository = _REPOSITORY.fullmatch(text)
    if repository is not None:
        return f"{repository['indent']}{OUR_NAME}{repository['end']}", []
    found = _LINE.fullmatch(text)
    if found is None:
        return text, []
    verdict = judge(found["name"], found["versions"] or "", facts)
    findings = list(verdict.finding(path, line))
    if verdict.name is None:
        return text, findings
    findings += _about_hashes(found["options"], path, line)
    return f"{found['indent']}{replaced(found, verdict)}{found['end']}", findings


def _about_hashes(options: str, path: str, line: int) -> Iterator[Finding]:
    if "--hash" in options:
        yield Finding(
            path,
            line,
            "This file pins its packages by hash; the hashes of what was replaced were removed.",
            "Make the file again, for example with pip-compile --generate-hashes.",
            Severity.MUST,
        )


def _without_repetition(text: str, before: str) -> str:
    """Drop our line where the file named us already, and more of ours than one."""
    if text == before:
        return text
    seen = False
    kept = []
    for line in text.splitlines(keepends=True):
        ours = re.match(rf"\s*{OUR_NAME}\b", line) is not None
        if not (ours and seen):
            kept.append(line)
        seen = seen or ours
    return "".join(kept)
