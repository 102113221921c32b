"""What becomes of one requirement of a site, whatever kind of file it stands in."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from ws4channels import __version__
from ws4channels.migration.facts import Facts
from ws4channels.migration.fixer import Finding, Fixed, Severity, SourceFile
from ws4channels.migration.syntax import ITS_NAME, OUR_NAME, SERVER_MODULES

ORIGINAL = "django-websocket-redis"
REDIS_VERSIONS = ">=5,<9"

_MINIMUMS = {"redis": (5,), "django": (4, 2)}
_SERVERS = {"gevent": {"gevent"}, "greenlet": {"greenlet"}, "uwsgi": {"uwsgi", "uwsgidecorators"}}
"""What the original's server needed: the modules of each."""
_CLAUSE = re.compile(r"(===|==|~=|!=|<=|>=|<|>|\^|~|=)?\s*v?(\d+(?:\.\d+)*)(\.\*)?")

_PEP440 = r"(?:===|==|~=|!=|<=|>=|<|>)[ \t]*[\w.*+!-]+"
REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)(?P<extras>[ \t]*\[[^\]]*\])?"
    rf"(?:(?P<gap>[ \t]*)(?P<versions>{_PEP440}(?:[ \t]*,[ \t]*{_PEP440})*))?"
    r"(?P<url>[ \t]*@[ \t]*[^;\s\"']+)?(?P<rest>(?:[ \t]*;[^#\n]*?)?)"
)
"""A requirement as in PEP 508, in the forms that sites write."""


@dataclass(frozen=True)
class Verdict:
    """What takes the place of a requirement, and what there is to say. `name` None: it stays as it is."""

    name: str | None = None
    versions: str = ""
    what: str = ""
    todo: str = ""
    severity: Severity = Severity.CHECK

    def finding(self, path: str, line: int) -> Iterator[Finding]:
        """Yield what there is to say about the requirement at a place, if there is anything."""
        if self.what:
            yield Finding(path, line, self.what, self.todo, self.severity)


def normalized(name: str) -> str:
    """Return a project's name in the one form that all its spellings share (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def judge(name: str, versions: str, facts: Facts) -> Verdict:
    """Return what becomes of the requirement `name` with `versions`, such as ``==1.0`` or ``^1.0``, empty for any."""
    package = normalized(name)
    if package == ORIGINAL:
        return Verdict(OUR_NAME, in_the_style_of(versions))
    if package == "redis" and excludes_from(versions, _MINIMUMS[package]):
        what = f"{versions.strip()} keeps redis below version 5, which ws4channels needs."
        return Verdict(name, REDIS_VERSIONS, what, f"It became {REDIS_VERSIONS}: pin it as you pin other packages.")
    if package == "django" and excludes_from(versions, _MINIMUMS[package]):
        what = f"{versions.strip()} keeps Django below version 4.2, which ws4channels needs."
        todo = "Raise it, and follow Django's release notes: what in the site must change for that is not part of this."
        return Verdict(None, what=what, todo=todo, severity=Severity.MUST)
    return _judge_server(name, facts) if package in _SERVERS else Verdict()


def _judge_server(name: str, facts: Facts) -> Verdict:
    users = importers_of(_SERVERS[normalized(name)], facts)
    what = f"The original's server needed {name}; ws4channels does not."
    if users:
        return Verdict(None, what=what, todo=f"Keep it: {', '.join(users)} imports it as well.", severity=Severity.NOTE)
    return Verdict(None, what=what, todo="No other file here imports it. If nothing else needs it, remove it.")


def in_the_style_of(versions: str) -> str:
    """Return our version, pinned or bound as `versions` of the original was."""
    stripped = versions.strip()
    if stripped in ("", "*"):
        return stripped
    found = re.match(r"===|==|~=|\^|~|(?=\d)", stripped)
    if found is None:
        return f">={__version__}"
    if stripped.endswith(".*"):
        return f"{found[0]}{__version__.rpartition('.')[0]}.*"
    space = " " if stripped[found.end() :].startswith(" ") else ""
    return f"{found[0]}{space}{__version__}"


def excludes_from(versions: str, minimum: tuple[int, ...]) -> bool:
    """Tell whether no version from `minimum` on satisfies `versions`. What is no version counts as satisfied."""
    return any(_excludes(clause.strip(), minimum) for clause in versions.strip(" ()").split(","))


def _excludes(clause: str, minimum: tuple[int, ...]) -> bool:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        return False
    operator, wildcard = found[1] or "==", bool(found[3])
    version = tuple(map(int, found[2].split(".")))
    if operator == "<":
        return version <= minimum
    if operator in ("==", "===", "=", "<="):
        # With a wildcard, a bound that is as long as what stands before it decides.
        return version < (minimum[: len(version)] if wildcard else minimum)
    if operator in ("~=", "~", "^"):
        return _bound(operator, version) <= minimum
    return False


def _bound(operator: str, version: tuple[int, ...]) -> tuple[int, ...]:
    """Return the first version that a compatible-release clause excludes."""
    if operator == "^":
        place = next((place for place, part in enumerate(version) if part), len(version) - 1)
    elif operator == "~":
        place = min(1, len(version) - 1)
    else:
        place = max(len(version) - 2, 0)
    return (*version[:place], version[place] + 1)


def replaced(found: re.Match[str], verdict: Verdict) -> str:
    """Return what takes the place of what `REQUIREMENT` found; for a verdict that has a name."""
    extras = (found["extras"] or "") if verdict.name == found["name"] else ""
    return f"{verdict.name}{extras}{found['gap'] or ''}{verdict.versions}{found['rest']}"


def replace_requirements(
    file: SourceFile,
    facts: Facts,
    pattern: re.Pattern[str],
    is_requirement: Callable[[re.Match[str]], bool] = lambda found: True,
) -> Fixed:
    """Replace the requirements in what `pattern`, which holds the groups of `REQUIREMENT`, finds in a file."""
    findings: list[Finding] = []

    def replace(found: re.Match[str]) -> str:
        if not is_requirement(found):
            return found[0]
        verdict = judge(found["name"], found["versions"] or "", facts)
        findings.extend(verdict.finding(file.path, file.line_of(found.start("name"))))
        if verdict.name is None:
            return found[0]
        before = found[0][: found.start("name") - found.start()]
        return f"{before}{replaced(found, verdict)}{found[0][found.end('rest') - found.start() :]}"

    return Fixed(pattern.sub(replace, file.text), findings)


def importers_of(packages: Set[str], facts: Facts) -> list[str]:
    """Return the files that import any of the packages, other than those that start the original's server."""
    found = []
    for path, module in facts.modules.items():
        imported = set(_imported(module.tree))
        serves = {f"{ITS_NAME}.{name}" for name in SERVER_MODULES} & imported
        if not serves and packages & {name.partition(".")[0] for name in imported}:
            found.append(path)
    return found


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
