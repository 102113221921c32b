"""What a fixer of one file must know of the others: collected once, from the project as it was found."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from ws4channels.migration import syntax
from ws4channels.migration.project import Project
from ws4channels.migration.source import SourceFile
from ws4channels.migration.syntax import ITS_NAME

_SETTINGS = frozenset(
    {"INSTALLED_APPS", "MIDDLEWARE", "MIDDLEWARE_CLASSES", "ROOT_URLCONF", "TEMPLATES", "TEMPLATE_CONTEXT_PROCESSORS"}
    | {"WEBSOCKET_URL", "WSGI_APPLICATION", "WS4REDIS_CONNECTION", "WS4REDIS_EXPIRE", "WS4REDIS_HEARTBEAT"}
    | {"WS4REDIS_PREFIX", "WS4REDIS_SUBSCRIBER", "WS4REDIS_ALLOWED_CHANNELS", "WS4REDIS_PROCESS_REQUEST"}
)


@dataclass(frozen=True)
class ModuleFacts:
    """One Python file that parses. `stars` are the paths of the project's files that it imports everything from."""

    path: str
    name: str
    tree: ast.Module
    stars: tuple[str, ...]

    @cached_property
    def assigned(self) -> frozenset[str]:
        """The names that the module, or a class in it, assigns outside functions."""
        return frozenset(syntax.assigned(self.tree))

    @cached_property
    def imported(self) -> frozenset[str]:
        """The dotted names of the modules that are imported anywhere in the file; relative ones are left out."""
        return frozenset(syntax.imported(self.tree))

    @cached_property
    def imported_packages(self) -> frozenset[str]:
        """The first parts of these names."""
        return frozenset(name.partition(".")[0] for name in self.imported)

    @cached_property
    def settings_named(self) -> str | None:
        """The settings module that the file puts into the environment, or None."""
        return syntax.settings_named(self.tree)

    @cached_property
    def added_apps(self) -> tuple[frozenset[str], ...]:
        """The texts in each call of ``…APPS.append()`` and the like."""
        return tuple(syntax.added_apps(self.tree))

    @cached_property
    def app_lists(self) -> tuple[frozenset[str], ...]:
        """The texts in each list or tuple of apps: one that holds text and is assigned or added to a name in …APPS."""
        return tuple(syntax.app_lists(self.tree))


@dataclass(frozen=True)
class Facts:
    """The project as a whole. Paths are below its root, with slashes."""

    modules: Mapping[str, ModuleFacts]
    """The Python files that parse, by path."""
    unparsed: Mapping[str, tuple[int, str]]
    """The Python files that do not: the line, and what is wrong with it."""
    vendored: tuple[str, ...]
    """Folders that hold copies of the original."""
    paths: frozenset[str]
    """All files, other than those that are skipped."""
    roots: tuple[str, ...]
    """The folders that are on Python's path, longest first; the last is the project's root, which is empty."""

    @cached_property
    def settings(self) -> tuple[ModuleFacts, ...]:
        """The modules that assign what Django or ws4redis reads as settings, in order of their paths."""
        return tuple(module for module in self.modules.values() if module.assigned & _SETTINGS or _lists_apps(module))

    def is_settings(self, path: str) -> bool:
        """Tell whether the file at `path` assigns settings."""
        return any(module.path == path for module in self.settings)

    @cached_property
    def paths_by_name(self) -> dict[str, str]:
        """The path of each module by its dotted name."""
        return {module.name: path for path, module in self.modules.items()}

    def root_of(self, path: str) -> str:
        """Return the nearest folder above `path` that is on Python's path."""
        return _root_of(path, self.roots)

    def name_of(self, path: str) -> str:
        """Return the dotted name of the module at `path`, which need not exist."""
        return _module_name(path, self.roots)

    def relatives_of(self, path: str) -> list[ModuleFacts]:
        """Return the modules that get names from the file at `path` by star imports, then those it gets names from."""
        heirs = [each for each in self.settings if any(base.path == path for base in self.bases_of(each.path))]
        return [*heirs, *(base for base in self.bases_of(path) if base not in heirs)]

    def bases_of(self, path: str) -> list[ModuleFacts]:
        """Return the modules whose names the file at `path` gets by star imports, directly or not; nearest first."""
        found: dict[str, ModuleFacts] = {}
        waiting = [path]
        for each in waiting:
            stars = self.modules[each].stars if each in self.modules else ()
            for star in stars:
                if star not in found and star != path:
                    found[star] = self.modules[star]
                    waiting.append(star)
        return list(found.values())

    @cached_property
    def websocket_url(self) -> str:
        """The value of WEBSOCKET_URL, if a settings file has it as a text; its default otherwise."""
        for module in self.settings:
            for text in syntax.texts_of(module.tree, "WEBSOCKET_URL"):
                return text
        return "/ws/"

    @cached_property
    def binders(self) -> frozenset[str]:
        """The dotted names of the modules that have the original's package under its name, for others to import."""
        binders = {module.name for module in self.modules.values() if syntax.binds_the_original(module.tree)}
        while True:
            more = {
                module.name
                for module in self.modules.values()
                if module.name not in binders and self._gets_from(module, binders)
            }
            if not more:
                return frozenset(binders)
            binders |= more

    def _gets_from(self, module: ModuleFacts, binders: set[str]) -> bool:
        if any(self.modules[star].name in binders for star in module.stars):
            return True
        return any(
            absolute_name(module.name, module.path, node) in binders
            for node in ast.walk(module.tree)
            if isinstance(node, ast.ImportFrom) and any(alias.name == ITS_NAME for alias in node.names)
        )


def _lists_apps(module: ModuleFacts) -> bool:
    """Tell whether a module that is only a part of settings lists apps that concern us."""
    return any(texts & {ITS_NAME, "django.contrib.staticfiles"} for texts in module.app_lists)


def collect_facts(project: Project) -> Facts:
    """Return the facts of a project."""
    trees: dict[str, ast.Module] = {}
    unparsed: dict[str, tuple[int, str]] = {}
    for path, file in project.files.items():
        if file.is_python:
            try:
                trees[path] = _parse(file)
            except SyntaxError as error:
                unparsed[path] = (error.lineno or 0, error.msg)
            except (ValueError, RecursionError, MemoryError) as error:
                unparsed[path] = (0, str(error) or type(error).__name__)
    roots = _source_roots(project)
    names = {path: _module_name(path, roots) for path in trees}
    paths_by_name = {name: path for path, name in names.items()}
    modules = {
        path: ModuleFacts(path, names[path], tree, tuple(_stars(path, names[path], tree, paths_by_name)))
        for path, tree in trees.items()
    }
    return Facts(modules, unparsed, project.vendored, frozenset(project.files), roots)


def _parse(file: SourceFile) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Old source is full of what is deprecated, such as "\d".
        return ast.parse(file.text, file.path)


def _source_roots(project: Project) -> tuple[str, ...]:
    """Return the folders that are on Python's path, longest first: those that hold a manage.py or setup.py."""
    folders = {file.folder for file in project.files.values() if file.name in ("manage.py", "setup.py")}
    return tuple(sorted(folders | {""}, key=lambda folder: (-len(folder), folder)))


def _root_of(path: str, roots: tuple[str, ...]) -> str:
    return next(root for root in roots if not root or path.startswith(f"{root}/"))


def _module_name(path: str, roots: tuple[str, ...]) -> str:
    parts = PurePosixPath(path).relative_to(_root_of(path, roots)).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def absolute_name(module: str, path: str, node: ast.ImportFrom) -> str:
    """Return the dotted name of the module that a ``from`` import names, seen from the module at `path`."""
    return resolve(module, path, node.level, node.module or "")


def resolve(module: str, path: str, level: int, name: str) -> str:
    """Return the dotted name that `name` after `level` dots is for the module at `path`."""
    if not level:
        return name
    parts = module.split(".")
    package = parts[: max(len(parts) - level + path.endswith("__init__.py"), 0)]
    return ".".join([*package, *([name] if name else [])])


def _stars(path: str, name: str, tree: ast.Module, paths_by_name: Mapping[str, str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            star = paths_by_name.get(absolute_name(name, path, node))
            if star is not None:
                yield star
