"""Report what in files of servers is for the original's websockets; never rewrite these files."""

import ast
import re
from collections.abc import Iterator, Mapping

from ws4channels.migration import layout
from ws4channels.migration.commands import Command, commands_of, locations_of
from ws4channels.migration.facts import ModuleFacts
from ws4channels.migration.fixer import Facts, Finding, ProjectFixed, SourceFile
from ws4channels.migration.rules import Rule, finding, rules_for
from ws4channels.migration.syntax import text_in

# Documentation, pages, source in other languages, and files that are read elsewhere.
_OTHER_SUFFIXES = re.compile(
    r"\.(?:md|rst|txt|html?|[cm]?[jt]sx?|s?css|lock|po|csv|svg|sql|ipynb|json|map|pip|in)$", re.I
)
_OTHER_NAMES = {"setup.cfg", "pyproject.toml", "tox.ini", "pytest.ini", "mypy.ini", "Pipfile", "CHANGELOG", "README"}

_PORT = re.compile(r"--?(?:http\S*|socket|s)\b[\s=\",]+[^\s\",]*?:(\d{2,5})\b")
_COPIES = re.compile(r"^(?:COPY|ADD|RUN\s+chmod|chmod|chown|cp|ln|scp|rsync|mv|install)\b", re.I)
_SCRIPT = re.compile(r"(?:^|/)[^/.]+(?:\.(?:sh|bash))?$")
# Files that name several processes: to start one is to start more than websockets.
_FOR_MANY = re.compile(r"procfile|dockerfile|makefile|crontab|nginx|apache|sites-", re.I)
_STARTS = re.compile(r"\b(?:uwsgi|gunicorn|emperor|circusd?)\b|^\s*(?:module|wsgi-file|wsgi|mount|ini)\b", re.I)
_RULES = rules_for("commands")
_START, *_OF_UWSGI = _RULES[:3]


def fix_project(files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
    """Return a finding for each line about websockets, and for what starts the files that have such lines."""
    looked_at = {path: commands_of(file) for path, file in files.items() if is_of_a_server(file)}
    looked_at |= {path: list(_commands_in_python(module)) for path, module in facts.modules.items()}
    found = [each for path in looked_at for each in _found_in(files[path], looked_at[path], facts)]
    started: set[str] = set()
    while more := _names_started(found, facts) - started:
        started |= more
        places = {(each.path, each.line) for each in found}
        for path, commands in looked_at.items():
            for command in commands:
                if (path, command.line) not in places and _starts_any(command.text, more):
                    found.append(_finding(files[path], command, _START, facts))
    return ProjectFixed(findings=found)


def is_of_a_server(file: SourceFile) -> bool:
    """Tell whether a file may configure or start a server: it is no page, document or source."""
    return not (file.is_python or _OTHER_SUFFIXES.search(file.name) or file.name in _OTHER_NAMES)


def _commands_in_python(module: ModuleFacts) -> Iterator[Command]:
    """Yield the texts that a module, such as a fabfile, hands to functions and that are commands for uWSGI."""
    calls = (node for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    for node in (argument for call in calls for argument in call.args):
        text = text_in(node) or ""
        if re.search(r"(?:^|[\s/;&])uwsgi\s+\S", text):
            yield Command(node.lineno, text)


def is_for_websockets(text: str) -> bool:
    """Tell whether a command or line starts or configures uWSGI for websockets."""
    return any(re.search(rule.line, text, re.I) for rule in _RULES[:3])


def _found_in(file: SourceFile, commands: list[Command], facts: Facts) -> Iterator[Finding]:
    yield from _locations(file, facts)
    url = _pattern_of_urls(facts)
    rules = [(each, each.line.replace("{url}", url)) for each in _RULES if re.search(each.files, file.name)]
    for command in commands:
        rule = next((rule for rule, line in rules if re.search(line, command.text, re.I)), None)
        if rule is not None:
            yield _finding(file, command, rule, facts)


def _pattern_of_urls(facts: Facts) -> str:
    return f"(?:{'|'.join(re.escape(url.rstrip('/')) for url in sorted(facts.websocket_urls))})"


def _locations(file: SourceFile, facts: Facts) -> Iterator[Finding]:
    locations = list(locations_of(file))
    pattern = re.compile(rf"{_pattern_of_urls(facts)}(?![\w-])|(?i:.*websocket)")
    named = [each for each in locations if pattern.match(each.path)]
    # Others upgrade as well; they are ours only if no location has the URL of the settings.
    for location in named or [each for each in locations if re.search(r"(?i)\bupgrade\b", each.body)]:
        yield finding("location", file.path, location.line, location.text)


def _finding(file: SourceFile, command: Command, rule: Rule, facts: Facts) -> Finding:
    port = _PORT.search(command.text)
    in_container = re.search(r"(?i)docker", file.name) or re.search(r"(?m)^\s*(?:services|containers):", file.text)
    address = f"-b {'0.0.0.0' if in_container else '127.0.0.1'} -p {port[1] if port else '8001'}"
    daphne = f"daphne {address} {layout.application_near(facts, file.path)}"
    return rule.finding(file.path, command.line, command.text, daphne=daphne)


def _names_started(found: list[Finding], facts: Facts) -> set[str]:
    """Return the names by which commands start what only serves websockets: modules, configurations, scripts."""
    names = {
        each.path.rpartition("/")[2]
        for each in found
        if (each.what in {rule.what for rule in _OF_UWSGI} and each.path.endswith((".ini", ".xml")))
        or (each.what == _START.what and _SCRIPT.search(each.path) and not _FOR_MANY.search(each.path))
    }
    modules = (each for each in facts.modules.values() if layout.serves(each) and not each.path.endswith("/wsgi.py"))
    return names | {name for each in modules for name in (each.name, each.path) if name not in ("wsgi", "wsgi.py")}


def _starts_any(text: str, names: set[str]) -> bool:
    if _COPIES.search(text):
        return False
    if re.search(r"\bemperor[\s=]", text) and any(name.endswith((".ini", ".xml")) for name in names):
        return True
    named = [name for name in names if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text)]
    return any(_SCRIPT.search(name) or _STARTS.search(text) for name in named)
