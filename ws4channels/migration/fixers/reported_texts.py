"""Report lines that match patterns: old Pythons, lock files, programs that publish by themselves."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ws4channels.migration.fixer import Facts, Finding, Fixed, Severity, SourceFile, Step
from ws4channels.migration.requirements import PYTHON_VERSION

_PIN = r"(?P<version>(?:2|3)\.?\d{1,2})"


class Rule(NamedTuple):
    """Where a line of a kind may stand (`files` matches paths), how it is recognised, and what to say of it."""

    files: str
    line: str
    what: str
    todo: str
    severity: Severity = Severity.CHECK
    step: Step = Step.CODE
    first_only: bool = True


_OLD_PYTHON = f"This asks for a Python older than {'.'.join(map(str, PYTHON_VERSION))}, which ws4channels needs."
_RUNS = ("Raise it: the new servers do not start on it.", Severity.MUST, Step.PACKAGES, False)
_DROP = "Raise it, or drop the old versions: the site cannot be tested or installed on them."
_TESTS = (_DROP, Severity.CHECK, Step.PACKAGES, False)
_LOCKED = "This names django-websocket-redis."
_LOCKED_STEP = (Severity.CHECK, Step.PACKAGES)
_CLIENT = "This is a copy of the original's browser client."

RULES = (
    Rule(r"(?:^|/)(?:runtime\.txt|\.python-version)$", rf"^(?:python-)?{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"(?:^|/)\.tool-versions$", rf"^python\s+{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"(?i)dockerfile[^/]*$|\.dockerfile$", rf"^FROM\s+\S*python:{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"(?:^|/)Pipfile$", rf"^python_(?:full_)?version\s*=\s*[\"']{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"(?:^|/)app\.ya?ml$", rf"^runtime:\s*python{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"\.ya?ml$", rf"^\s*(?:-\s*)?python\s*=+\s*{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"\.ya?ml$", rf"^\s*image:\s*[\"']?(?:\S*/)?python:{_PIN}", _OLD_PYTHON, *_RUNS),
    Rule(r"\.ya?ml$", rf"\bpython(?:-version)?:\s*[\[\"']*{_PIN}\b", _OLD_PYTHON, *_TESTS),
    Rule(
        r"(?:^|/)pyproject\.toml$", rf"^\s*(?:requires-python|python)\s*=\s*[\"'][^\"']*?{_PIN}", _OLD_PYTHON, *_TESTS
    ),
    Rule(r"(?:^|/)setup\.(?:py|cfg)$", rf"python_requires\s*=\s*[\"']?[^\d\n]*{_PIN}", _OLD_PYTHON, *_TESTS),
    Rule(r"(?:^|/)tox\.ini$", rf"\bpy{_PIN}", _OLD_PYTHON, *_TESTS),
    Rule(r"(?:^|/)\.travis\.yml$", rf"^\s*-\s*[\"']?{_PIN}[\"']?\s*$", _OLD_PYTHON, *_TESTS),
    *(
        Rule(
            rf"(?:^|/){name}\.lock$", "django-websocket-redis", _LOCKED, f"Make it again: {maker} lock.", *_LOCKED_STEP
        )
        for name, maker in [("Pipfile", "pipenv"), ("pdm", "pdm"), ("poetry", "poetry"), ("uv", "uv")]
    ),
    Rule(r"(?:^|/)tox\.ini$", "django-websocket-redis", _LOCKED, "Write ws4channels instead.", step=Step.PACKAGES),
    Rule(
        r"\.(?:md|rst|txt)$",
        r"\bpip3?\s+install\b.*django-websocket-redis",
        "This tells people to install django-websocket-redis.",
        "Write ws4channels instead.",
        step=Step.PACKAGES,
    ),
    Rule(
        r"\.ipynb$", "ws4redis", "This notebook uses ws4redis. It was not changed.", "Write ws4channels in its cells."
    ),
    Rule(
        r"(?:^|/)js/ws4redis(?:\.min)?\.js$",
        "",
        f"{_CLIENT} Where it is found first, it hides js/ws4redis.js of ws4channels.",
        "Delete it, unless you changed it and want to keep it: it works, but without what the new one does better.",
        Severity.NOTE,
        Step.TEMPLATES,
    ),
    Rule(
        r"(?<!js)/ws4redis(?:\.min)?\.js$|^ws4redis(?:\.min)?\.js$",
        r"\bWS4Redis\b",
        _CLIENT,
        "It works. Better: load js/ws4redis.js of ws4channels, which connects again sooner and loses less.",
        Severity.NOTE,
        Step.TEMPLATES,
    ),
    Rule(
        r"\.(?:haml|pug|jade|slim|hamlpy)$",
        r"\bload\b.*\b(?:staticfiles|admin_static)\b",
        "Django 3.0 and newer have no tag libraries staticfiles and admin_static.",
        "Write static instead.",
        Severity.MUST,
        Step.TEMPLATES,
        False,
    ),
)
_KEY = r"""["'`\s(:](?:[^"'`\s:]*:)?(?:broadcast:[^"'`\s]|(?:user|group|session):[^"'`\s:]+:)"""
_PUBLISHES = re.compile(r"(?i)(?<![a-z])p?(?:publish|subscribe)(?![a-z_])")
_TODO_PUBLISHES = (
    "It works as long as WS4CHANNELS_TRANSPORT is 'redis': stay in phase 1 of docs/migrating.md, or use "
    "RedisPublisher or ws4channels_publish instead."
)


def fix(file: SourceFile, facts: Facts) -> Fixed:
    """Return the file as it is, and what the rules find in it."""
    findings = {}
    for rule in (rule for rule in RULES if re.search(rule.files, file.path)):
        for found in re.finditer(rule.line, file.text, re.M):
            line = file.line_of(found.start() + len(found[0]) - len(found[0].lstrip())) if rule.line else 0
            version = found.groupdict().get("version")
            is_new = version is not None and (int(version[0]), int(version[1:].lstrip("."))) >= PYTHON_VERSION
            if line in findings or is_new:
                continue
            shown = file.lines[line - 1].strip()[:200] if line else ""
            findings[line] = Finding(file.path, line, rule.what, rule.todo, rule.severity, shown, rule.step)
            if rule.first_only:
                break
    return Fixed(file.text, [*findings.values(), *_other_programs(file)])


def _other_programs(file: SourceFile) -> Iterator[Finding]:
    """Yield the lines that name a channel of the original where a program publishes or subscribes by itself."""
    if file.suffix in (".md", ".rst", ".txt") or "redis" not in file.text.lower() or not _PUBLISHES.search(file.text):
        return
    what = "This uses a channel of ws4redis in Redis by itself."
    for number, line in enumerate(file.lines, 1):
        if re.search(_KEY, f" {line}") and not line.lstrip().startswith(("#", "//", "--", "*")):
            yield Finding(file.path, number, what, _TODO_PUBLISHES, Severity.CHECK, line.strip()[:200], Step.SERVERS)
