"""Replace django-websocket-redis in the requirements of pip, setuptools, Poetry and Pipenv."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

from packaging.utils import canonicalize_name

from ws4channels.migration.commands import commands_of
from ws4channels.migration.fixer import Facts, Finding, Fixed, Fixer, Severity, SourceFile, Step
from ws4channels.migration.fixers.server_files import is_for_websockets, is_of_a_server
from ws4channels.migration.layout import serves
from ws4channels.migration.requirements import (
    ORIGINAL,
    Verdict,
    is_original,
    judge,
    read_requirement,
    replaced,
    versions_in,
)
from ws4channels.migration.sections import place_of
from ws4channels.migration.syntax import OUR_NAME

# A line, with those that it continues on.
_LOGICAL_LINE = re.compile(r"(?:[^\n]*\\\r?\n)*[^\n]*\n?")
_PARTS = re.compile(
    r"(?s)(?P<indent>[ \t]*)(?P<what>.*?)(?P<options>(?:(?:[ \t]|\\\r?\n)+--\S+)*)(?P<end>\s*(?:(?<!\S)#[^\n]*)?\s*)"
)
_REPOSITORY = re.compile(rf"(?:-e|--editable)?[ \t=]*(?:\w+\+)?\w+:\S*{ORIGINAL}\S*", re.I)
_INCLUDED = re.compile(r"(?m)^\s*(?:-[rc]|--requirement|--constraint)[ =]*(\S+)")
_FOR_PIP = re.compile(r"(?i)(?:require|constraint|depend)[^/]*(?:/[^/]+)?\.(?:txt|in|pip)$")
OF_PROJECTS = ("setup.py", "setup.cfg", "pyproject.toml", "Pipfile")
_OTHER_SUFFIXES = {".md", ".rst", ".html", ".js", ".json", ".lock", ".css", ".cfg", ".toml", ".yml", ".yaml", ".sh"}

_QUOTED = re.compile(r"""(?<![\w"'])(?<!name=)(?P<quote>["'])(?P<what>[A-Za-z][^"'\n]*)(?P=quote)(?!["'])""")
_LISTED = re.compile(r"(?m)^(?:[ \t]+|[\w.-]+[ \t]*=[ \t]*)(?P<what>[A-Za-z][^#\r\n]*?)[ \t]*(?:#.*)?\r?$")
_CFG_KEYS = {"install_requires", "setup_requires", "tests_require"}
_TOML_LISTS = {"project": {"dependencies"}, "tool.uv": {"dev-dependencies"}}
_TOML_TABLES_OF_LISTS = {"project.optional-dependencies", "dependency-groups", "tool.pdm.dev-dependencies"}

_ENTRY = re.compile(
    r"""^(?P<name>[\w.-]+|"[\w.-]+")(?P<equals>[ \t]*=[ \t]*)(?P<value>.*?)(?P<end>[ \t]*(?:#.*)?\r?)$""", re.M
)
_VERSION = re.compile(r"""(?P<before>^|\bversion[ \t]*=[ \t]*)(?P<quote>["'])(?P<versions>[^"']*)(?P=quote)""")
_FOREIGN = re.compile(r"\b(?:git|url|path|file|hg|svn)[ \t]*=")
_ENTRY_TABLES = re.compile(r"tool\.poetry\.(?:dev-|group\.[\w-]+\.)?dependencies|(?:dev-)?packages")


_USES = {
    "gevent": r"^\s*(?:import|from)\s+gevent\b|(?:-k|-P|worker[-_]class|--pool)[\s=\"',]*gevent",
    "greenlet": r"^\s*(?:import|from)\s+greenlet\b",
    "uwsgi": r"^\s*(?:import|from)\s+uwsgi(?:decorators)?\b|^\[uwsgi\]|\buwsgi\b[\"',\s]+(?:-|\S+\.(?:ini|ya?ml|xml))",
}
"""What the original's server needed, and what shows that something else needs it as well."""

Judge = Callable[[str, str], Verdict]


class RequirementsFilesFixer(Fixer):
    """Fixes the requirements of the site; those of other programs in the same tree stay as they are."""

    step = Step.PACKAGES

    def __init__(self) -> None:
        # The files for pip of the project that was asked about last: to find them takes all files.
        self._known: tuple[Facts | None, frozenset[str]] = (None, frozenset())

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file lists requirements that concern the site."""
        if file.name in OF_PROJECTS:
            of_site = facts.root_of(file.path) in facts.site_roots
            is_near = file.folder in facts.site_roots or _requires(file.text, "django")
            return _names_us(file.text) or (of_site and is_near)
        if self._known[0] is not facts:
            self._known = (facts, files_for_pip(facts))
        return file.path in self._known[1]

    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file with its requirements replaced where they must be."""

        def judge_here(name: str, versions: str) -> Verdict:
            package = canonicalize_name(name)
            return _judge_server(package, facts) if package in _USES else judge(name, versions)

        if file.name == "setup.py":
            return _replace(file, _QUOTED, judge_here)
        if file.name == "setup.cfg":
            return _replace(file, _LISTED, judge_here, _is_in_cfg)
        if file.name in OF_PROJECTS:
            listed = _replace(file, _QUOTED, judge_here, _is_in_toml)
            findings = list(listed.findings)
            return Fixed(_ENTRY.sub(lambda found: _fix_entry(found, file, judge_here, findings), listed.text), findings)
        return _fix_pip_file(file, judge_here)


def _judge_server(package: str, facts: Facts) -> Verdict:
    what = f"The original's server needed {package}; ws4channels does not."
    users = list(_users_of(package, facts))
    if users:
        shown = ", ".join(users[:5]) + (", …" if len(users) > 5 else "")
        return Verdict(None, what=what, todo=f"Keep it, because of {shown}.", severity=Severity.NOTE)
    return Verdict(None, what=what, todo="No other file here needs it. If nothing outside does, remove it.")


def _users_of(package: str, facts: Facts) -> Iterator[str]:
    """Yield the files that need a package for something else than the original's server."""
    pattern = re.compile(_USES[package], re.M)
    for path, file in facts.files.items():
        if file.is_python:
            module = facts.modules.get(path)
            if pattern.search(file.text) and not (module is not None and serves(module)):
                yield path
        elif is_of_a_server(file) and not _FOR_PIP.search(path):
            commands = [each.text for each in commands_of(file)]
            others = [each for each in commands if not is_for_websockets(each)]
            if any(map(pattern.search, others)) and not ("[uwsgi]" in others and len(others) < len(commands)):
                yield path


def _requires(text: str, name: str) -> bool:
    return re.search(rf"(?im)(?<![\w/.-]){name}(?![\w-])", re.sub(r"(?m)(?:^|\s)#.*", "", text)) is not None


def _names_us(text: str) -> bool:
    return (
        _requires(text, ORIGINAL.replace("-", "[-_.]+")) or _requires(text, OUR_NAME) or bool(_REPOSITORY.search(text))
    )


def files_for_pip(facts: Facts) -> frozenset[str]:
    """Return the files for pip that concern the site.

    They name the original; or Django, or stand beside manage.py, and do not belong to another site; or they include
    such files, or are included by them (-r, -c).
    """
    texts = {path: file.text for path, file in facts.files.items() if _is_for_pip(file)}
    links = {path: {_joined(path, name) for name in _INCLUDED.findall(text)} for path, text in texts.items()}
    concerned = set()
    for path, text in texts.items():
        beside = re.sub(r"(?i)(?:^|/)\w*(?:req|dep)\w*$", "", path.rpartition("/")[0]) in facts.site_roots
        if _names_us(text) or (facts.root_of(path) in facts.site_roots and (beside or _requires(text, "django"))):
            concerned.add(path)
    while True:
        more = {path for path in texts if links[path] & concerned}
        more |= {path for each in concerned for path in links[each] if path in texts}
        if more <= concerned:
            return frozenset(concerned)
        concerned |= more


def _is_for_pip(file: SourceFile) -> bool:
    """Tell whether a file is for pip, by its name, or because each line is for pip and one names the original."""
    if file.is_python or file.suffix in _OTHER_SUFFIXES or file.name in OF_PROJECTS:
        return False
    if _FOR_PIP.search(file.path) or not _names_us(file.text):
        return bool(_FOR_PIP.search(file.path))
    lines = [found["what"] for found in map(_PARTS.fullmatch, file.lines) if found is not None and found["what"]]
    return any(map(_is_of_the_original, lines)) and all(
        line.startswith("-") or _is_for_pip_line(line) for line in lines
    )


def _is_of_the_original(line: str) -> bool:
    return _REPOSITORY.fullmatch(line) is not None or is_original(line)


def _is_for_pip_line(line: str) -> bool:
    return read_requirement(line) is not None or "://" in line or line.startswith((".", "/"))


def _joined(path: str, name: str) -> str:
    return normpath(f"{path.rpartition('/')[0]}/{name}").lstrip("/")


def _fix_pip_file(file: SourceFile, judge: Judge) -> Fixed:
    findings: list[Finding] = []
    lines = []
    for found in _LOGICAL_LINE.finditer(file.text):
        line, more = _fix_line(found[0], file.path, file.line_of(found.start()), judge)
        lines.append(line)
        findings += more
    return Fixed(_without_repetition("".join(lines), file.text), findings)


def _fix_line(text: str, path: str, line: int, judge: Judge) -> tuple[str, list[Finding]]:
    parts = _PARTS.fullmatch(text)
    if parts is None or not parts["what"]:
        return text, []
    if _REPOSITORY.fullmatch(parts["what"]):
        return f"{parts['indent']}{OUR_NAME}{parts['end']}", []
    requirement = read_requirement(parts["what"])
    if requirement is None:
        return text, []
    verdict = judge(requirement.name, versions_in(parts["what"]))
    findings = list(verdict.finding(path, line, parts["what"]))
    if verdict.name is None:
        return text, findings
    findings += _about_hashes(parts["options"], path, line)
    return f"{parts['indent']}{replaced(parts['what'], verdict)}{parts['end']}", findings


def _about_hashes(options: str, path: str, line: int) -> Iterator[Finding]:
    if "--hash" in options:
        what = "This file pins its packages by hash; the hashes of what was replaced were removed."
        todo = "Make the file again, for example with pip-compile --generate-hashes."
        yield Finding(path, line, what, todo, Severity.MUST)


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


def _replace(
    file: SourceFile,
    pattern: re.Pattern[str],
    judge: Judge,
    is_listed: Callable[[str, str], bool] = lambda *place: True,
) -> Fixed:
    """Replace the requirements among the texts that a pattern finds at places that list requirements."""
    findings: list[Finding] = []

    def replacement(found: re.Match[str]) -> str:
        requirement = read_requirement(found["what"])
        if requirement is None or not is_listed(*place_of(file.text, found.start("what"))):
            return found[0]
        verdict = judge(requirement.name, versions_in(found["what"]))
        findings.extend(verdict.finding(file.path, file.line_of(found.start("what")), found["what"]))
        if verdict.name is None:
            return found[0]
        start, end = found.start("what") - found.start(), found.end("what") - found.start()
        return found[0][:start] + replaced(found["what"], verdict) + found[0][end:]

    return Fixed(pattern.sub(replacement, file.text), findings)


def _is_in_cfg(section: str, key: str) -> bool:
    return section == "options.extras_require" or (section == "options" and key in _CFG_KEYS)


def _is_in_toml(section: str, key: str) -> bool:
    return section in _TOML_TABLES_OF_LISTS or key in _TOML_LISTS.get(section, ())


def _fix_entry(found: re.Match[str], file: SourceFile, judge: Judge, findings: list[Finding]) -> str:
    section, _ = place_of(found.string, found.start())
    if not _ENTRY_TABLES.fullmatch(section):
        return found[0]
    name, value = found["name"].strip('"'), found["value"]
    version = _VERSION.search(value)
    verdict = judge(name, version["versions"] if version else "")
    findings += verdict.finding(file.path, found.string.count("\n", 0, found.start()) + 1, found[0])
    if verdict.name is None:
        return found[0]
    written = found["name"].replace(name, verdict.name)
    return f"{written}{found['equals']}{_new_value(value, version, verdict)}{found['end']}"


def _new_value(value: str, version: re.Match[str] | None, verdict: Verdict) -> str:
    versions = verdict.versions or "*"
    # A repository or a folder of the original holds nothing of ours.
    if version is None or _FOREIGN.search(value):
        return f'"{versions}"'
    new = f"{version['before']}{version['quote']}{versions}{version['quote']}"
    return f"{value[: version.start()]}{new}{value[version.end() :]}"
