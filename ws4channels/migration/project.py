"""The files of a site: which of them are looked at, and their texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ws4channels.migration.errors import MigrationError
from ws4channels.migration.source import SourceFile, read_source

SKIPPED_FOLDERS = frozenset(
    {".bzr", ".eggs", ".git", ".hg", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".svn", ".tox", ".venv"}
    | {"__pycache__", "bower_components", "node_modules", "site-packages", "venv", "virtualenv"}
)
MAX_BYTES = 2 * 1024 * 1024
"""Larger files are data, dumps or bundles."""

_PARTS_OF_THE_ORIGINAL = {"publisher.py", "redis_store.py", "subscriber.py", "wsgi_server.py", "websocket.py"}


@dataclass(frozen=True)
class Project:
    """A site's files by path. `vendored` are the folders that hold copies of the original, which are left alone."""

    root: Path
    files: dict[str, SourceFile]
    vendored: tuple[str, ...]


def read_project(root: Path) -> Project:
    """Return the project below `root`; raise MigrationError if there is none or it cannot be read."""
    if not root.exists():
        raise MigrationError(f"{str(root)!r} does not exist. Give the folder that holds the site's manage.py.")
    if not root.is_dir():
        raise MigrationError(f"{str(root)!r} is not a folder. Give the folder that holds the site's manage.py.")
    vendored: list[str] = []
    files = {}
    for path in _walk(root, vendored):
        file = _read(root, path)
        if file is not None:
            files[file.path] = file
    if not any(_is_about_django(file) for file in files.values()):
        raise MigrationError(
            f"{str(root)!r} holds no Django project: no Python file below it imports django or ws4redis. "
            "Give the folder that holds the site's manage.py."
        )
    return Project(root, files, tuple(sorted(vendored)))


def _walk(root: Path, vendored: list[str]) -> Iterator[Path]:
    """Yield the files to look at, in order of their paths, and note vendored copies."""
    for folder, folders, names in os.walk(root, onerror=_raise):
        here = Path(folder)
        kept = []
        for name in sorted(folders):
            if (here / name).is_symlink() or name in SKIPPED_FOLDERS or (here / name / "pyvenv.cfg").is_file():
                continue
            if name == "ws4redis" and is_copy_of_the_original(here / name):
                vendored.append((here / name).relative_to(root).as_posix())
                continue
            kept.append(name)
        folders[:] = kept
        yield from (here / name for name in sorted(names) if (here / name).is_file() and not (here / name).is_symlink())


def is_copy_of_the_original(folder: Path) -> bool:
    """Tell whether a folder named ws4redis holds the original's modules, not a site's app of that name."""
    return len(_PARTS_OF_THE_ORIGINAL & {each.name for each in folder.iterdir()}) > 1


def _read(root: Path, path: Path) -> SourceFile | None:
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        return read_source(path.relative_to(root).as_posix(), path.read_bytes())
    except OSError as error:
        _raise(error)
        return None


def _raise(error: OSError) -> None:
    raise MigrationError(f"{error.filename!r} cannot be read: {error.strerror}. Nothing was changed.") from error


def _is_about_django(file: SourceFile) -> bool:
    return file.is_python and any(word in file.text for word in ("django", "ws4redis", "ws4channels"))
