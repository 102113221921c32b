"""Writes all files or none."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ws4channels.migration.engine import Change
from ws4channels.migration.errors import MigrationError

_NEW_FILE_MODE = 0o666


def write_changes(root: Path, changes: Sequence[Change]) -> None:
    """Write the changes below `root`, each file at once and with its mode kept.

    Raises MigrationError, with every file as it was, if one cannot be written or was changed since it was read.
    """
    with _errors_in_words():
        prepared: list[tuple[Change, Path]] = []
        try:
            for change in changes:
                _check_unchanged(root, change)
                prepared.append((change, _prepare(root, change)))
            _replace_all(root, prepared)
        finally:
            for _, temporary in prepared:
                temporary.unlink(missing_ok=True)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MigrationError(f"{error.filename!r} cannot be written: {error.strerror}. Nothing was changed.") from error


def _check_unchanged(root: Path, change: Change) -> None:
    path = root / change.after.path
    if change.before is None:
        if path.exists():
            raise MigrationError(f"{str(path)!r} has been made in the meantime. Nothing was changed; start again.")
    elif path.read_bytes() != change.before.to_bytes():
        raise MigrationError(f"{str(path)!r} has been changed in the meantime. Nothing was changed; start again.")


def _prepare(root: Path, change: Change) -> Path:
    """Write the new content beside the file, and return where."""
    path = root / change.after.path
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(change.after.to_bytes())
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(path.stat().st_mode & 0o7777 if change.before is not None else _NEW_FILE_MODE & ~_umask())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _umask() -> int:
    # There is no other way to read it.
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _replace_all(root: Path, prepared: Sequence[tuple[Change, Path]]) -> None:
    done: list[Change] = []
    try:
        for change, temporary in prepared:
            temporary.replace(root / change.after.path)
            done.append(change)
    except OSError:
        for change in done:
            _restore(root, change)
        raise


def _restore(root: Path, change: Change) -> None:
    path = root / change.after.path
    # What can be put back is put back, even if one of the files cannot.
    with suppress(OSError):
        if change.before is None:
            path.unlink()
        else:
            path.write_bytes(change.before.to_bytes())
