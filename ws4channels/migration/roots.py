"""Find the folders on Python's path, and the dotted names of the files below them."""

import ast
from collections.abc import Mapping
from pathlib import PurePosixPath

from ws4channels.migration import syntax


def source_roots(paths: frozenset[str], trees: Mapping[str, ast.Module]) -> tuple[str, ...]:
    """Return the folders that are on Python's path, longest first: those from which sites import their settings."""
    folders = {""}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name == "manage.py":
            folders |= _roots_of_site(folder, syntax.settings_named(trees[path]) if path in trees else None, paths)
        elif name == "setup.py":
            folders.add(folder)
    folders |= {f"{folder}/src".lstrip("/") for folder in folders}
    return tuple(sorted(folders, key=lambda folder: (-len(folder), folder)))


def _roots_of_site(folder: str, settings: str | None, paths: frozenset[str]) -> set[str]:
    """Return where the names of a site begin whose manage.py is in `folder` and names these settings.

    That is the folder itself, one above it where manage.py lies inside the package, or also one below it.
    """
    if settings is None:
        return {folder}
    above = [folder, *map(str, PurePosixPath(folder).parents)] if folder else [""]
    for each in ("" if each == "." else each for each in above):
        if path_at(f"{each}/" if each else "", settings, paths) is not None:
            return {each}
    parent, _, name = folder.rpartition("/")
    if name and name == settings.partition(".")[0]:
        return {parent}  # The settings themselves are not in the tree.
    within = f"{folder}/" if folder else ""
    ends = [f"/{settings.replace('.', '/')}{end}" for end in (".py", "/__init__.py")]
    below = {path[: -len(end)] for path in paths for end in ends if path.startswith(within) and path.endswith(end)}
    return {folder, *below}


def path_at(folder: str, name: str, paths: frozenset[str]) -> str | None:
    """Return the file of a dotted name below a folder, which ends with a slash or is empty; None if there is none."""
    base = f"{folder}{name.replace('.', '/')}"
    return next((path for path in (f"{base}.py", f"{base}/__init__.py", f"{base}.wsgi") if path in paths), None)
