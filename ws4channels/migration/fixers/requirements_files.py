"""Replace django-websocket-redis in the requirements of pip, setuptools, Poetry and Pipenv."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from posixpath import normpath

from packaging.utils import canonicalize_name

from ws4channels import __version__
from ws4channels.migration.commands import commands_of
from ws4channels.migration.fixer import Facts, Finding, Fixed, ProjectFixed, SourceFile
from ws4channels.migration.fixers.server_files import is_for_websockets, is_of_a_server
from ws4channels.migration.layout import serves
from ws4channels.migration.original import OUR_NAME
from ws4channels.migration.requirements import ORIGINAL, Verdict, judge, read_requirement, replaced, versions_in
from ws4channels.migration.rules import finding

# A line, with those that it continues on.
_LOGICAL_LINE = re.compile(r"(?:[^\n]*\\\r?\n)*[^\n]*\n?")
_PARTS = re.compile(
    r"(?s)(?P<indent>[ \t]*)(?P<what>.*?)(?P<options>(?:(?:[ \t]|\\\r?\n)+--\S+)*)(?P<end>\s*(?:(?<!\S)#[^\n]*)?\s*)"
)
_REPOSITORY = re.compile(rf"(?:-e|--editable)?[ \t=]*(?:\w+\+)?\w+:\S*{ORIGINAL}\S*", re.I)
_INCLUDED = re.compile(r"(?m)^\s*(?:-[rc]|--requirement|--constraint)[ =]*(\S+)")
_FOR_PIP = re.compile(r"(?i)(?:require|constraint|depend)[^/]*(?:/[^/]+)?\.(?:txt|in|pip)$")
_OF_PROJECTS = ("setup.py", "setup.cfg", "pyproject.toml", "Pipfile")
_OTHER_SUFFIXES = {".md", ".rst", ".html", ".js", ".json", ".lock", ".css", ".cfg", ".toml", ".yml", ".yaml", ".sh"}

_QUOTED = re.compile(r"""(?<![\w"'])(?<!name=)(?P<quote>["'])(?P<what>[A-Za-z][^"'\n]*)(?P=quote)(?!["'])""")
_LISTED = re.compile(r"(?m)^(?:[ \t]+|[\w.-]+[ \t]*=[ \t]*)(?P<what>[A-Za-z][^#\r\n]*?)[ \t]*(?:#.*)?\r?$")
_OF_TOML = (
    _QUOTED,
    r"project\.dependencies|tool\.uv\.dev-dependencies"
    r"|(?:project\.optional-dependencies|dependency-groups|tool\.pdm\.dev-dependencies)\..*",
)
_LISTS = {
    "setup.py": (_QUOTED, r".*"),
    "setup.cfg": (_LISTED, r"options\.(?:extras_require\..*|install_requires|setup_requires|tests_require)"),
    "pyproject.toml": _OF_TOML,
    "Pipfile": _OF_TOML,
}
"""How requirements are found in lists, and the sections and keys that hold such lists."""
_ENTRY = re.compile(
    r"""^(?P<name>[\w.-]+|"[\w.-]+")(?P<equals>[ \t]*=[ \t]*)(?P<value>.*?)(?P<end>[ \t]*(?:#.*)?\r?)$""", re.M
)
_VERSION = re.compile(r"""(?P<before>^|\bversion[ \t]*=[ \t]*)(?P<quote>["'])(?P<versions>[^"']*)(?P=quote)""")
_FOREIGN = re.compile(r"\b(?:git|url|path|file|hg|svn)[ \t]*=")
_ENTRY_TABLES = re.compile(r"tool\.poetry\.(?:dev-|group\.[\w-]+\.)?dependencies|(?:dev-)?packages")

_HEADER = re.compile(r"^[ \t]*\[{1,2}[ \t]*([^\]\n]+?)[ \t]*\]{1,2}[ \t]*(?:[#;].*)?\r?$", re.M)
_KEY = re.compile(r"^[\"']?([\w.-]+)[\"']?[ \t]*=", re.M)
_USES = {
    "gevent": r"^\s*(?:import|from)\s+gevent\b|(?:-k|-P|worker[-_]class|--pool)[\s=\"',]*gevent",
    "greenlet": r"^\s*(?:import|from)\s+greenlet\b",
    "uwsgi": r"^\s*(?:import|from)\s+uwsgi(?:decorators)?\b|^\[uwsgi\]|\buwsgi\b[\"',\s]+(?:-|\S+\.(?:ini|ya?ml|xml))",
}
"""What the original's server needed, and what shows that something else needs it as well."""


def fix(file: SourceFile, facts: Facts) -> Fixed | None:
    """Replace the requirements of the site where they must be; those of other programs in the same tree stay."""
    rewriting = _Rewriting(file, facts)
    if file.name in _OF_PROJECTS:
        of_site = facts.root_of(file.path) in facts.site_roots
        is_near = file.path.rpartition("/")[0] in facts.site_roots or _requires(file.text, "django")
        if not (_names_us(file.text) or (of_site and is_near)):
            return None
        rewriting.text = _LISTS[file.name][0].sub(rewriting.item_of_list, file.text)
        if not file.name.startswith("setup."):
            rewriting.text = _ENTRY.sub(rewriting.entry_of_table, rewriting.text)
    elif file.path in files_for_pip(facts):
        rewriting.text = _LOGICAL_LINE.sub(rewriting.line_for_pip, file.text)
        if rewriting.text != file.text:
            rewriting.text = _without_repetition(rewriting.text)
    return Fixed(rewriting.text, rewriting.findings)


def fix_project(files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
    """Report that none of the files of requirements names ws4channels: which is the place for it is the reader's."""
    for_pip = files_for_pip(facts)
    lists = [path for path, file in files.items() if path in for_pip or file.name in _OF_PROJECTS]
    if any(re.search(rf"\b{OUR_NAME}\b", files[path].text) for path in lists):
        return ProjectFixed()
    where = "the site's requirements" if lists else "what the site's packages are installed by"
    return ProjectFixed(findings=[finding("not-required", min(lists, default="."), version=__version__, where=where)])


class _Rewriting:
    """One file while its requirements are replaced, and what there is to say about them."""

    def __init__(self, file: SourceFile, facts: Facts) -> None:
        self.text = file.text
        self.findings: list[Finding] = []
        self._file = file
        self._facts = facts

    def line_for_pip(self, found: re.Match[str]) -> str:
        parts = _PARTS.fullmatch(found[0])
        if parts is None or not parts["what"]:
            return found[0]
        is_repository = _REPOSITORY.fullmatch(parts["what"])
        new = OUR_NAME if is_repository else self._requirement(parts["what"], found.start())
        if new is None:
            return found[0]
        if "--hash" in parts["options"]:
            self._report("hashes", found.start())
        return f"{parts['indent']}{new}{parts['end']}"

    def item_of_list(self, found: re.Match[str]) -> str:
        """Return what becomes of a text, which is a requirement if its place is a list of them."""
        start, end = found.span("what")
        is_listed = re.fullmatch(_LISTS[self._file.name][1], ".".join(place_of(self.text, start)))
        new = self._requirement(found["what"], start) if is_listed else None
        return found[0] if new is None else self.text[found.start() : start] + new + self.text[end : found.end()]

    def entry_of_table(self, found: re.Match[str]) -> str:
        """Return what becomes of ``name = "version"`` or ``name = {…}``, in a table of requirements."""
        if not _ENTRY_TABLES.fullmatch(place_of(self.text, found.start())[0]):
            return found[0]
        name, value = found["name"].strip('"'), found["value"]
        version = _VERSION.search(value)
        verdict = self._judge(name, version["versions"] if version else "", found.start(), found[0])
        if verdict.name is None:
            return found[0]
        new = f'"{verdict.versions or "*"}"'
        # A repository or a folder of the original holds nothing of ours.
        if version is not None and not _FOREIGN.search(value):
            literal = new.replace('"', version["quote"])
            new = f"{value[: version.start()]}{version['before']}{literal}{value[version.end() :]}"
        return f"{found['name'].replace(name, verdict.name)}{found['equals']}{new}{found['end']}"

    def _requirement(self, text: str, offset: int) -> str | None:
        """Return what takes the place of a requirement; None if the text is none, or stays."""
        requirement = read_requirement(text)
        if requirement is None:
            return None
        verdict = self._judge(requirement.name, versions_in(text), offset, text)
        return None if verdict.name is None else replaced(text, verdict)

    def _judge(self, name: str, versions: str, offset: int, shown: str) -> Verdict:
        package = canonicalize_name(name)
        if package in _USES:
            users = list(_users_of(package, self._facts))
            some = ", ".join(users[:5]) + (", …" if len(users) > 5 else "")
            self._report("used-elsewhere" if users else "not-needed", offset, shown, package=package, users=some)
            return Verdict()
        verdict = judge(name, versions)
        if verdict.said:
            self._report(verdict.said, offset, shown, versions=verdict.versions)
        return verdict

    def _report(self, name: str, offset: int, shown: str = "", **values: str) -> None:
        line = self.text.count("\n", 0, offset) + 1
        self.findings.append(finding(name, self._file.path, line, shown.strip(), **values))


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
    return re.search(rf"(?im)(?<![\w/.-])(?:{name})(?![\w-])", re.sub(r"(?m)(?:^|\s)#.*", "", text)) is not None


def _names_us(text: str) -> bool:
    return _requires(text, f"{ORIGINAL.replace('-', '[-_.]+')}|{OUR_NAME}") or bool(_REPOSITORY.search(text))


@lru_cache(maxsize=1)
def files_for_pip(facts: Facts) -> frozenset[str]:
    """Return the files for pip that concern the site.

    They name the original; or Django, or stand beside manage.py, and do not belong to another site; or they include
    such files, or are included by them (-r, -c).
    """
    texts = {path: file.text for path, file in facts.files.items() if _is_for_pip(file)}
    included = {path: _INCLUDED.findall(text) for path, text in texts.items()}
    links = {path: {normpath(f"{path}/../{name}") for name in names} for path, names in included.items()}
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
    if file.is_python or file.suffix in _OTHER_SUFFIXES or file.name in _OF_PROJECTS:
        return False
    if _FOR_PIP.search(file.path) or not _names_us(file.text):
        return bool(_FOR_PIP.search(file.path))
    lines = [found["what"] for found in map(_PARTS.fullmatch, file.lines) if found is not None and found["what"]]
    required = {line: read_requirement(line) for line in lines}
    names = {canonicalize_name(each.name) for each in required.values() if each is not None}
    is_named = ORIGINAL in names or any(map(_REPOSITORY.fullmatch, lines))
    return is_named and all(
        each or "://" in line or line.startswith(("-", ".", "/")) for line, each in required.items()
    )


def _without_repetition(text: str) -> str:
    lines = text.splitlines(keepends=True)
    ours = [number for number, line in enumerate(lines) if re.match(rf"\s*{OUR_NAME}\b", line)]
    return "".join(line for number, line in enumerate(lines) if number not in ours[1:])


def place_of(text: str, offset: int) -> tuple[str, str]:
    """Return the section and the key that hold the character at `offset`; each is empty where there is none."""
    section, start = "", 0
    for header in _HEADER.finditer(text, 0, offset):
        # An array in TOML may have lines that begin with a bracket as well, but not with a name in it.
        if not header[1].startswith(("'", '"', "[")) or '".' in header[1]:
            section, start = header[1].replace('"', "").replace("'", ""), header.end()
    end = text.find("\n", offset)
    keys = [found[1] for found in _KEY.finditer(text, start, len(text) if end < 0 else end)]
    return section, keys[-1] if keys else ""
