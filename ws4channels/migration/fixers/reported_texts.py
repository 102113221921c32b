"""Report lines that match patterns: old Pythons, lock files, programs that publish by themselves."""

import re
from collections.abc import Iterator

from ws4channels.migration.fixer import Facts, Finding, Fixed, SourceFile
from ws4channels.migration.requirements import PYTHON_VERSION
from ws4channels.migration.rules import finding, rules_for

_RULES = rules_for("texts")
_PIN = r"(?P<version>(?:2|3)\.?\d{1,2})"
_KEY = r"""["'`\s(:](?:[^"'`\s:]*:)?(?:broadcast:[^"'`\s]|(?:user|group|session):[^"'`\s:]+:)"""
_PUBLISHES = re.compile(r"(?i)(?<![a-z])p?(?:publish|subscribe)(?![a-z_])")


def fix(file: SourceFile, facts: Facts) -> Fixed:
    """Return the file as it is, and what the rules find in it."""
    findings = {}
    for rule in (rule for rule in _RULES if re.search(rule.files, file.path)):
        for found in re.finditer(rule.line.replace("{pin}", _PIN), file.text, re.M):
            line = file.line_of(found.start() + len(found[0]) - len(found[0].lstrip())) if rule.line else 0
            version = found.groupdict().get("version")
            is_new = version is not None and (int(version[0]), int(version[1:].lstrip("."))) >= PYTHON_VERSION
            if line in findings or is_new:
                continue
            shown = file.lines[line - 1].strip()[:200] if line else ""
            findings[line] = rule.finding(file.path, line, shown)
            if not rule.every_line:
                break
    return Fixed(file.text, [*findings.values(), *_other_programs(file)])


def _other_programs(file: SourceFile) -> Iterator[Finding]:
    """Yield the lines that name a channel of the original where a program publishes or subscribes by itself."""
    if file.suffix in (".md", ".rst", ".txt") or "redis" not in file.text.lower() or not _PUBLISHES.search(file.text):
        return
    for number, line in enumerate(file.lines, 1):
        if re.search(_KEY, f" {line}") and not line.lstrip().startswith(("#", "//", "--", "*")):
            yield finding("publishes-by-itself", file.path, number, line.strip()[:200])
