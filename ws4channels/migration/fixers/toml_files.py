"""Requirements in ``pyproject.toml``, of PEP 621 and of Poetry, and in ``Pipfile``."""

from __future__ import annotations

import re

from ws4channels.migration.fixer import Facts, Finding, Fixed, Fixer, SourceFile
from ws4channels.migration.requirements import REQUIREMENT, judge, replace_requirements
from ws4channels.migration.sections import place_of

_QUOTED = re.compile(rf"""(?P<quote>["']){REQUIREMENT.pattern}(?P=quote)""")
_LISTS = {"project": {"dependencies"}, "tool.uv": {"dev-dependencies"}}
_TABLES_OF_LISTS = {"project.optional-dependencies", "dependency-groups", "tool.pdm.dev-dependencies"}

_ENTRY = re.compile(
    r"""^(?P<name>[\w.-]+|"[\w.-]+")(?P<equals>[ \t]*=[ \t]*)(?P<value>.*?)(?P<end>[ \t]*(?:#.*)?\r?)$""", re.M
)
_VERSION = re.compile(r"""(?P<before>^|\bversion[ \t]*=[ \t]*)(?P<quote>["'])(?P<versions>[^"']*)(?P=quote)""")
_FOREIGN = re.compile(r"\b(?:git|url|path|file|hg|svn)[ \t]*=")
_TABLES = re.compile(r"tool\.poetry\.(?:dev-|group\.[\w-]+\.)?dependencies|(?:dev-)?packages")


class TomlFilesFixer(Fixer):
    """Fixes lists of requirements, and tables that hold one package in each line."""

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file is one of the two."""
        return file.name in ("pyproject.toml", "Pipfile")

    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file with its requirements replaced where they must be."""
        listed = replace_requirements(file, facts, _QUOTED, lambda found: _is_listed(file.text, found.start("name")))
        findings = list(listed.findings)
        text = _ENTRY.sub(lambda found: _fix_entry(found, file, facts, findings), listed.text)
        return Fixed(text, findings)


def _is_listed(text: str, offset: int) -> bool:
    section, key = place_of(text, offset)
    return section in _TABLES_OF_LISTS or key in _LISTS.get(section, ())


def _fix_entry(found: re.Match[str], file: SourceFile, facts: Facts, findings: list[Finding]) -> str:
    section, _ = place_of(found.string, found.start())
    if not _TABLES.fullmatch(section):
        return found[0]
    name, value = found["name"].strip('"'), found["value"]
    version = _VERSION.search(value)
    verdict = judge(name, version["versions"] if version else "", facts)
    findings += verdict.finding(file.path, found.string.count("\n", 0, found.start()) + 1)
    if verdict.name is None:
        return found[0]
    written = found["name"].replace(name, verdict.name)
    return f"{written}{found['equals']}{_new_value(value, version, verdict.versions)}{found['end']}"


def _new_value(value: str, version: re.Match[str] | None, versions: str) -> str:
    # A repository or a folder of the original holds nothing of ours.
    if version is None or _FOREIGN.search(value):
        return f'"{versions or "*"}"'
    quote = version["quote"]
    new = f"{version['before']}{quote}{versions or '*'}{quote}"
    return f"{value[: version.start()]}{new}{value[version.end() :]}"
