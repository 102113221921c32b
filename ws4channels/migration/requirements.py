"""Decide what becomes of one requirement; `packaging` reads and compares it."""

import re
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from ws4channels import __version__
from ws4channels.migration.original import OUR_NAME

ORIGINAL = "django-websocket-redis"
REDIS_VERSIONS = ">=5,<9"
PYTHON_VERSION = (3, 10)

_MINIMUMS = {"redis": (5,), "django": (4, 2)}
_PARTS = re.compile(
    r"""(?xs)(?P<name>[\w.-]*\w)(?P<extras>\s*\[[^\]]*\])?(?P<gap>\s*)(?P<versions>[^;\s][^;]*?|)(?P<end>\s*)(?P<marker>(?:;.*)?)"""
)
"""Where in a requirement, which packaging has read, its parts stand."""
_POETRY_OPERATOR = re.compile(r"(\^|~(?!=)|=(?!=)|(?=\d))\s*v?([\d.]+)")
"""The operators of Poetry that packaging does not know, and its bare versions."""


class Verdict(NamedTuple):
    """What takes the place of a requirement, and the finding about it. `name` None: it stays as it is."""

    name: str | None = None
    versions: str = ""
    said: str = ""


def read_requirement(text: str) -> Requirement | None:
    """Return the requirement that a text is as a whole (PEP 508), or None."""
    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def judge(name: str, versions: str) -> Verdict:
    """Return what becomes of the requirement `name` with `versions`, such as ``==1.0`` or ``^1.0``, empty for any."""
    package = canonicalize_name(name)
    if package == ORIGINAL:
        return Verdict(OUR_NAME, in_the_style_of(versions))
    if package == "redis" and excludes_from(versions, _MINIMUMS[package]):
        return Verdict(name, REDIS_VERSIONS, "old-redis")
    if package == "django" and excludes_from(versions, _MINIMUMS[package]):
        return Verdict(said="old-django")
    return Verdict()


def replaced(text: str, verdict: Verdict) -> str:
    """Return the text of a requirement with what the verdict has in place of its name, extras and versions.

    A repository or a file of the original holds nothing of ours, so it goes; a marker stays.
    """
    found = _PARTS.fullmatch(text)
    assert found is not None
    extras = (found["extras"] or "") if verdict.name == found["name"] else ""
    gap = found["gap"] if found["versions"] and not found["versions"].startswith("@") else ""
    return f"{verdict.name}{extras}{gap}{verdict.versions}{found['end']}{found['marker']}"


def versions_in(text: str) -> str:
    """Return the versions in the text of a requirement, as they are written."""
    found = _PARTS.fullmatch(text)
    assert found is not None
    return "" if found["versions"].startswith("@") else found["versions"].strip("()")


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
    text = versions.strip(" ()")
    if re.fullmatch(r"\d+", text):
        return False  # "5" of Poetry is any version that begins so.
    try:
        allowed = SpecifierSet(",".join(_in_pep440(clause.strip()) for clause in text.split(",")))
    except InvalidSpecifier:
        return False
    lowest = Version(".".join(map(str, minimum)))
    named = [Version(each.version.removesuffix(".*")) for each in allowed if each.operator != "==="]
    # If a new enough version is allowed, one of these is: the lowest, those that are named, and one above each of them.
    above = [Version(f"{each}.1") for each in named if not each.is_prerelease]
    candidates = [lowest, *named, *above, Version(f"{lowest.major + 100}")]
    candidates += [Version(f"{lowest.major}.{minor}") for minor in range(100)]
    return not any(each >= lowest and allowed.contains(each, prereleases=True) for each in candidates)


def _in_pep440(clause: str) -> str:
    """Return a version clause of Poetry as one that packaging understands."""
    found = _POETRY_OPERATOR.fullmatch(clause)
    if found is None:
        return "" if clause == "*" else clause
    parts = [int(part) for part in found[2].strip(".").split(".")]
    if found[1] in ("", "="):
        return f"=={found[2]}"
    last = len(parts) - 1
    place = next((n for n, part in enumerate(parts) if part), last) if found[1] == "^" else min(1, last)
    bound = ".".join(map(str, [*parts[:place], parts[place] + 1]))
    return f">={found[2]},<{bound}"
