"""Write all files, or none if one cannot be written or the process is stopped."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ws4channels.migration.engine import Change
from ws4channels.migration.errors import MigrationError

_ENDING = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))


def write_changes(root: Path, changes: Sequence[Change]) -> None:
    """Write the changes below `root`, each file at once and with its mode kept.

    Raises MigrationError, with every file as it was, if one cannot be written or was changed since it was read, or if
    the process is told to end meanwhile.
    """
    prepared: list[tuple[Change, Path]] = []
    with _signals_wait() as check_signals:
        try:
            for change in changes:
                check_signals()
                _check_unchanged(root, change)
                prepared.append((change, _prepare(root, change)))
            _replace_all(root, prepared, check_signals)
        except OSError as error:
            what = f"{error.filename!r} cannot be written: {error.strerror}."
            raise MigrationError(f"{what} Nothing was changed.") from error
        finally:
            for _, temporary in prepared:
                temporary.unlink(missing_ok=True)


@contextmanager
def _signals_wait() -> Iterator[Callable[[], None]]:
    """Hold back the signals that end a process, and yield what raises MigrationError once there was one."""
    received: list[int] = []

    def check() -> None:
        if received:
            raise MigrationError(f"Stopped by {signal.Signals(received[0]).name}. Nothing was changed.")

    if threading.current_thread() is not threading.main_thread():
        yield check  # Only the main thread gets signals.
        return
    before = {number: signal.signal(number, lambda number, frame: received.append(number)) for number in _ENDING}
    try:
        yield check
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _check_unchanged(root: Path, change: Change) -> None:
    path = root / change.after.path
    done = "made" if change.before is None else "changed"
    if path.exists() if change.before is None else path.read_bytes() != change.before.to_bytes():
        raise MigrationError(f"{str(path)!r} has been {done} in the meantime. Nothing was changed; start again.")


def _prepare(root: Path, change: Change) -> Path:
    path = root / change.after.path
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("xb") as stream:
            if change.before is not None:
                temporary.chmod(path.stat().st_mode & 0o7777)
            stream.write(change.after.to_bytes())
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _replace_all(root: Path, prepared: Sequence[tuple[Change, Path]], check_signals: Callable[[], None]) -> None:
    done: list[Change] = []
    try:
        for change, temporary in prepared:
            temporary.replace(root / change.after.path)
            done.append(change)
            check_signals()
    except BaseException:
        for change in done:
            # What can be put back is put back, even if one of the files cannot.
            with suppress(OSError):
                if change.before is None:
                    (root / change.after.path).unlink()
                else:
                    (root / change.after.path).write_bytes(change.before.to_bytes())
        raise
