"""Read the files of a site, and note which are skipped and why."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ws4channels.migration.errors import MigrationError
from ws4channels.migration.source import SourceFile, is_python, read_source

SKIPPED_FOLDERS = frozenset(
    {".bzr", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv"}
    | {"__pycache__", "bower_components", "node_modules", "site-packages"}
)
MAX_BYTES = 2 * 1024 * 1024
"""Larger files are data, dumps or bundles."""

_PARTS_OF_THE_ORIGINAL = {"publisher.py", "redis_store.py", "subscriber.py", "wsgi_server.py", "websocket.py"}
_OF_AN_ENVIRONMENT = ("pyvenv.cfg", "bin/activate", "Scripts/activate", "bin/activate_this.py")
# Only files that hold one of these words can matter to a fixer. Parsing the others would take most of the time.
_PYTHON = re.compile(
    rb"ws4|WS4|gevent|DJANGO_SETTINGS_MODULE|APPS\b|MIDDLEWARE|ROOT_URLCONF|TEMPLATES|CONTEXT_PROCESSORS|WEBSOCKET_URL"
    rb"|WSGI_APPLICATION|SESSION_SERIALIZER|CACHES|import \*|core\.[aw]sgi|is_authenticated\(|is_anonymous\(|uwsgi"
    rb"|websocket.redis|channels|publish|parse_response|get_file_descriptor|Subscriber|subscribe|split_settings|exec(?:file)?\("
)
_DJANGO = re.compile("django|ws4redis|ws4channels")
_ALWAYS = ("manage.py", "setup.py", "wsgi.py", "asgi.py", "tox.ini", ".python-version")
_TEXT = re.compile(
    rb"(?i)ws4|websocket|uwsgi|gevent|greenlet|staticfiles|admin_static|python|django|redis|upgrade|^-[rc]|/ws|requirement|_pass",
    re.M,
)


@dataclass
class Project:
    """A site's files by path, in order. Paths are below `root`, with slashes."""

    root: Path
    files: dict[str, SourceFile] = field(default_factory=dict)
    """Those that may matter to a fixer."""
    vendored: list[str] = field(default_factory=list)
    """Folders with copies of the original, which are left alone."""
    paths: set[str] = field(default_factory=set)
    """All files that were looked at."""
    skipped: dict[str, str] = field(default_factory=dict)
    """Files and folders that were not read, and why."""

    def read(self, path: str) -> SourceFile | None:
        """Return the file at a path, also one that seemed not to matter."""
        if path in self.files or path not in self.paths:
            return self.files.get(path)
        with suppress(OSError):
            return read_source(path, (self.root / path).read_bytes())
        return None

    def walk(self) -> Iterator[str]:
        """Yield the paths of all files to look at, and note the folders that are skipped."""
        ignored = folders_that_git_ignores(self.root)
        for folder, folders, names in os.walk(self.root, onerror=self._cannot_read):
            here = Path(folder)
            folders[:] = [name for name in sorted(folders) if self._enters(here / name, ignored)]
            for file in (here / name for name in sorted(names)):
                if file.is_file() and not file.is_symlink():
                    yield self._path(file)

    def _path(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()

    def _enters(self, folder: Path, ignored: frozenset[str]) -> bool:
        path = self._path(folder)
        if folder.name in SKIPPED_FOLDERS or folder.is_symlink():
            return False
        try:
            if any((folder / name).is_file() for name in _OF_AN_ENVIRONMENT):
                self.skipped[path] = "It is a virtual environment."
            elif path in ignored:
                self.skipped[path] = "git ignores it."
            elif is_copy_of_the_original(folder):
                self.vendored.append(path)
            else:
                return True
        except OSError as error:
            self._cannot_read(error)
        return False

    def _cannot_read(self, error: OSError) -> None:
        self.skipped[self._path(Path(error.filename))] = f"It cannot be read: {error.strerror}."

    def look_at(self, path: str) -> None:
        """Keep a file if it is text and may matter; note it if it should matter and cannot be read."""
        self.paths.add(path)
        file = self.root / path
        try:
            size = file.stat().st_size
            if size > MAX_BYTES and not path.endswith((".py", ".html", ".js")):
                return
            raw = file.read_bytes()
        except OSError as error:
            self._cannot_read(error)
            return
        pattern = _PYTHON if is_python(path, raw[:200]) else _TEXT
        if size > MAX_BYTES:
            if b"ws4redis" in raw:
                limits = f"{MAX_BYTES // 1024**2} MB ({size / 1024**2:.1f} MB)"
                self.skipped[path] = f"It is larger than {limits}, and it mentions ws4redis."
        elif (file.name in _ALWAYS or pattern.search(raw)) and (source := read_source(path, raw)) is not None:
            self.files[path] = source


def read_project(root: Path, progress: Callable[[str], None] = lambda text: None) -> Project:
    """Return the project below `root`; raise MigrationError if there is none."""
    if not root.is_dir():
        kind = "is not a folder" if root.exists() else "does not exist"
        raise MigrationError(f"{str(root)!r} {kind}. Give the folder that holds the site's manage.py.")
    project = Project(root)
    for number, path in enumerate(project.walk(), 1):
        if number % 200 == 0:
            progress(f"Reading files: {number}")
        project.look_at(path)
    if not any(file.is_python and _DJANGO.search(file.text) for file in project.files.values()):
        raise MigrationError(
            f"{str(root)!r} holds no Django project: no Python file below it imports django or ws4redis. "
            "Give the folder that holds the site's manage.py."
        )
    return project


def is_copy_of_the_original(folder: Path) -> bool:
    """Tell whether a folder is ws4redis: a package that is imported by this name, or one with the original's modules.

    A checkout of the original, which pip makes of an editable requirement, is one as well.
    """
    if (folder / "setup.py").is_file() and (folder / "ws4redis").is_dir():
        return "django-websocket-redis" in (folder / "setup.py").read_text("utf-8", "replace")
    if folder.name != "ws4redis":
        return False
    is_importable = (folder / "__init__.py").is_file() and not (folder.parent / "__init__.py").is_file()
    return is_importable or len(_PARTS_OF_THE_ORIGINAL & {each.name for each in folder.iterdir()}) > 1


def folders_that_git_ignores(root: Path) -> frozenset[str]:
    """Return the folders that git ignores; none if it ignores `root` as well, or does not know it."""
    listed = git(root, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z").split("\0")
    folders = [path.rstrip("/") for path in listed if path.endswith("/")]
    if not folders or git(root, "check-ignore", "."):
        return frozenset()
    # A folder is also listed when each of its files is ignored by itself; those may be local settings.
    ignored = git(root, "check-ignore", "-z", "--stdin", given="\0".join(folders))
    return frozenset(ignored.rstrip("\0").split("\0"))


def git(root: Path, *arguments: str, given: str = "") -> str:
    """Return what git prints about a folder; nothing where there is no git, or no repository."""
    command = ["git", "-C", str(root), *arguments]
    with suppress(OSError):
        done = subprocess.run(command, input=given, capture_output=True, text=True, errors="replace", check=False)
        return done.stdout
    return ""
