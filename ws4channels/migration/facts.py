"""What a fixer of one file must know about the other files."""

import ast
import fnmatch
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from ws4channels.migration import syntax
from ws4channels.migration.original import ITS_NAME, ITS_SETTINGS, OUR_NAME
from ws4channels.migration.project import Project
from ws4channels.migration.roots import path_at, source_roots
from ws4channels.migration.source import SourceFile

_SETTINGS = ITS_SETTINGS | {
    *("INSTALLED_APPS", "MIDDLEWARE", "MIDDLEWARE_CLASSES", "ROOT_URLCONF", "TEMPLATES", "TEMPLATE_CONTEXT_PROCESSORS"),
    *("WEBSOCKET_URL", "WSGI_APPLICATION", "SESSION_SERIALIZER", "CACHES"),
}
_APPS = {ITS_NAME, OUR_NAME, "django.contrib.staticfiles"}
"""What shows that a module without such settings is a part of some."""
_ADDS_APPS = re.compile(r"\w*APPS\.(?:append|insert|extend)")
_INCLUDES = {"include", "optional", "exec", "execfile"}
"""django-split-settings, and what sites do without it."""


@dataclass(frozen=True)
class ModuleFacts:
    """One Python file that parses. `stars` are the paths of the files that it imports everything from.

    `missing_stars` are the names of those that are not in the tree, such as local settings.
    """

    path: str
    name: str
    tree: ast.Module
    stars: tuple[str, ...] = ()
    missing_stars: tuple[str, ...] = ()

    @cached_property
    def assigned(self) -> frozenset[str]:
        """The names that the module, or a class in it, assigns outside functions."""
        return frozenset().union(*(names for names, _ in syntax.assignments(self.tree)))

    @cached_property
    def imported(self) -> frozenset[str]:
        """The dotted names of what is imported anywhere in the file, relative ones resolved."""
        return frozenset(syntax.imported(self.tree, self.name, self.path))

    def imports(self, *packages: str) -> bool:
        """Tell whether one of the packages, or something in it, is imported."""
        return any(name == each or name.startswith(f"{each}.") for name in self.imported for each in packages)

    @cached_property
    def listed_apps(self) -> frozenset[str]:
        """The texts in lists and tuples of apps: in what is assigned, or added, to a name in …APPS."""
        assigned = syntax.assignments(self.tree)
        values = [value for names, value in assigned if value and any(name.endswith("APPS") for name in names)]
        lists = [each for value in values for each in ast.walk(value) if isinstance(each, (ast.List, ast.Tuple))]
        return frozenset(text for each in lists for item in each.elts if (text := syntax.text_in(item)) is not None)

    @cached_property
    def apps(self) -> frozenset[str]:
        """The texts in lists of apps, and in calls of ``…APPS.append()`` and the like."""
        calls = [node for node in syntax.outside_functions(self.tree) if isinstance(node, ast.Call)]
        adding = [call for call in calls if _ADDS_APPS.fullmatch(syntax.dotted_name(call.func, {}) or "")]
        return self.listed_apps.union(*map(syntax.texts_within, adding))

    @cached_property
    def names_the_original(self) -> bool:
        """Whether the module assigns a setting of ws4redis, or has a text that is one of its dotted paths."""
        texts = syntax.texts_within(self.tree)
        return bool(self.assigned & ITS_SETTINGS) or any(text.startswith(f"{ITS_NAME}.") for text in texts)


@dataclass(frozen=True, eq=False)
class Facts:
    """The project as a whole. Paths are below its root, with slashes."""

    modules: Mapping[str, ModuleFacts]
    """The Python files that parse, by path, of those that may matter."""
    unparsed: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """The Python files that do not: the line, and what is wrong with it."""
    paths: frozenset[str] = frozenset()
    """All files, other than those that are skipped."""
    roots: tuple[str, ...] = ("",)
    """The folders that are on Python's path, longest first; the last is the project's root, which is empty."""
    files: Mapping[str, SourceFile] = field(default_factory=dict)
    """The files that may matter, as they are."""
    read: Callable[[str], SourceFile | None] = lambda path: None
    """Returns any file of the project."""

    @cached_property
    def settings(self) -> tuple[ModuleFacts, ...]:
        """The modules that assign what Django or ws4redis reads as settings, in order of their paths."""
        modules = self.modules.values()
        return tuple(module for module in modules if module.assigned & _SETTINGS or module.apps & _APPS)

    def path_of(self, name: str, near: str) -> str | None:
        """Return the file of a dotted name as the file at `near` imports it, or None."""
        own = self.root_of(near)
        roots = (own, *(root for root in self.roots if root != own))
        found = (path_at(f"{root}/" if root else "", name, self.paths) for root in roots)
        return next((path for path in found if path is not None), None)

    def module_at(self, path: str) -> ModuleFacts | None:
        """Return the module at a path, also of a file that seemed not to matter; None if it does not parse."""
        if path in self.modules or path in self.unparsed:
            return self.modules.get(path)
        file = self.read(path)
        tree = _parse(file) if file is not None and file.is_python else None
        return ModuleFacts(path, self.name_of(path), tree) if isinstance(tree, ast.Module) else None

    def root_of(self, path: str) -> str:
        """Return the nearest folder above `path` that is on Python's path."""
        return next((root for root in self.roots if not root or path.startswith(f"{root}/")), "")

    def name_of(self, path: str) -> str:
        """Return the dotted name of the module at `path`, which need not exist."""
        parts = PurePosixPath(path[len(self.root_of(path)) :].lstrip("/")).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)

    def together_with(self, path: str) -> list[ModuleFacts]:
        """Return the settings at `path`, and what star imports combine with them: heirs, bases, bases of heirs."""
        combining = (each for each in self.modules.values() if each.stars)
        heirs = [each for each in combining if any(base.path == path for base in self.bases_of(each.path))]
        siblings = [base for heir in heirs for base in self.bases_of(heir.path)]
        found = {each.path: each for each in [self.modules[path], *heirs, *self.bases_of(path), *siblings]}
        return list(found.values())

    @cached_property
    def site_roots(self) -> frozenset[str]:
        """The folders on Python's path that hold a site on ws4redis, and the project's root."""
        words = (ITS_NAME, OUR_NAME, "WS4REDIS")
        using = {self.root_of(path) for path in self.modules if any(word in self.files[path].text for word in words)}
        return frozenset(using | {""})

    def bases_of(self, path: str) -> list[ModuleFacts]:
        """Return the modules whose names the file at `path` gets by star imports, directly or not; nearest first."""
        found: dict[str, ModuleFacts] = {}
        waiting = [path]
        for each in waiting:
            for star in self.modules[each].stars if each in self.modules else ():
                if star not in found and star != path and star in self.modules:
                    found[star] = self.modules[star]
                    waiting.append(star)
        return list(found.values())

    @cached_property
    def websocket_urls(self) -> frozenset[str]:
        """The values of WEBSOCKET_URL that settings have as texts; its default if there is none."""
        urls = [text for module in self.settings for text in syntax.texts_of(module.tree, "WEBSOCKET_URL")]
        return frozenset(urls or ["/ws/"])

    @cached_property
    def binders(self) -> frozenset[str]:
        """The dotted names of the modules that have the original's package under its name, for others to import."""
        binders = {module.name for module in self.modules.values() if syntax.binds_the_original(module.tree)}
        found = binders
        while found:
            others = [module for module in self.modules.values() if module.name not in binders]
            found = {module.name for module in others if self._gets_from(module, binders)}
            binders |= found
        return frozenset(binders)

    def _gets_from(self, module: ModuleFacts, binders: set[str]) -> bool:
        stars = (self.modules[star].name for star in module.stars if star in self.modules)
        return any(star in binders for star in stars) or any(
            name.rpartition(".")[0] in binders for name in module.imported if name.endswith(f".{ITS_NAME}")
        )


def collect_facts(project: Project) -> Facts:
    """Return the facts of a project."""
    parsed = {path: _parse(file) for path, file in project.files.items() if file.is_python}
    trees = {path: tree for path, tree in parsed.items() if isinstance(tree, ast.Module)}
    unparsed = {path: error for path, error in parsed.items() if not isinstance(error, ast.Module)}
    paths = frozenset(project.paths or project.files)
    roots = source_roots(paths, trees)
    facts = Facts({}, unparsed, paths, roots, project.files, project.read)
    modules = {path: ModuleFacts(path, facts.name_of(path), tree) for path, tree in trees.items()}
    return replace(facts, modules={path: _with_stars(module, facts) for path, module in modules.items()})


def _parse(file: SourceFile) -> ast.Module | tuple[int, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Old source is full of what is deprecated, such as "\d".
            return ast.parse(file.text, file.path)
    except SyntaxError as error:
        return (error.lineno or 0, error.msg)
    except (ValueError, RecursionError, MemoryError) as error:
        return (0, str(error) or type(error).__name__)


def _with_stars(module: ModuleFacts, facts: Facts) -> ModuleFacts:
    """Return a module with the files whose names it takes over: by ``import *``, include() or exec()."""
    folder = module.path.rpartition("/")[0]
    stars: list[str] = []
    missing = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            name = syntax.resolve(module.name, module.path, node.level, node.module or "")
            found = facts.path_of(name, module.path)
            if found is not None:
                stars.append(found)
            elif node.level or "local" in name:
                missing.append(name)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _INCLUDES:
            patterns = [f"{folder}/{text}".lstrip("/") for text in syntax.texts_within(node) if text.endswith(".py")]
            stars += (path for pattern in patterns for path in sorted(fnmatch.filter(facts.paths, pattern)))
    return replace(module, stars=tuple(each for each in stars if each != module.path), missing_stars=tuple(missing))
