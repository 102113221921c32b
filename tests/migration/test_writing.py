"""Tests of writing: all files or none."""

from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import pytest

from ws4channels.migration.engine import Change
from ws4channels.migration.errors import MigrationError
from ws4channels.migration.source import SourceFile
from ws4channels.migration.writing import write_changes


def change(path: str, before: str | None, after: str, encoding: str = "utf-8") -> Change:
    """Return a change of a file."""
    old = None if before is None else SourceFile(path, before, encoding)
    return Change(old, SourceFile(path, after, encoding))


def names_in(folder: Path) -> list[str]:
    """Return what is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_files_are_written_with_mode_and_encoding(tmp_path: Path) -> None:
    """A script stays executable, and a Latin-1 file Latin-1."""
    (tmp_path / "run.py").write_bytes(b"# \xe4\n")
    (tmp_path / "run.py").chmod(0o751)
    write_changes(tmp_path, [change("run.py", "# ä\n", "# ä!\n", "latin-1"), change("asgi.py", None, "x\n")])
    assert (tmp_path / "run.py").read_bytes() == b"# \xe4!\n"
    assert stat.S_IMODE((tmp_path / "run.py").stat().st_mode) == 0o751
    (tmp_path / "other").write_text("")
    assert (tmp_path / "asgi.py").stat().st_mode == (tmp_path / "other").stat().st_mode
    assert names_in(tmp_path) == ["asgi.py", "other", "run.py"]


def test_file_that_was_changed_meanwhile_stops_all(tmp_path: Path) -> None:
    """Somebody's edit between reading and writing is not overwritten, nor is anything else written."""
    (tmp_path / "a.py").write_text("a\n")
    (tmp_path / "b.py").write_text("edited\n")
    with pytest.raises(MigrationError, match=r"b\.py' has been changed in the meantime"):
        write_changes(tmp_path, [change("a.py", "a\n", "A\n"), change("b.py", "b\n", "B\n")])
    assert (tmp_path / "a.py").read_text() == "a\n"
    assert names_in(tmp_path) == ["a.py", "b.py"]


def test_new_file_that_is_there_meanwhile_stops_all(tmp_path: Path) -> None:
    """A file that has appeared since is not overwritten."""
    (tmp_path / "asgi.py").write_text("mine\n")
    with pytest.raises(MigrationError, match=r"asgi\.py' has been made in the meantime"):
        write_changes(tmp_path, [change("asgi.py", None, "x\n")])
    assert (tmp_path / "asgi.py").read_text() == "mine\n"


def test_file_that_cannot_be_prepared_leaves_all_as_they_were(tmp_path: Path) -> None:
    """When one file has nowhere to go, none is changed and no temporary file is left."""
    (tmp_path / "a.py").write_text("a\n")
    with pytest.raises(MigrationError, match="Nothing was changed"):
        write_changes(tmp_path, [change("a.py", "a\n", "A\n"), change("no/b.py", None, "B\n")])
    assert (tmp_path / "a.py").read_text() == "a\n"
    assert names_in(tmp_path) == ["a.py"]


def test_file_that_cannot_be_replaced_takes_the_others_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last replacement fails, those before it are undone and new files are gone again."""
    (tmp_path / "a.py").write_text("a\n")
    (tmp_path / "z.py").write_text("z\n")
    replace = Path.replace

    def refuse_z(path: Path, target: Path) -> Path:
        if target.name == "z.py":
            raise PermissionError(13, "Permission denied", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", refuse_z)
    changes = [change("a.py", "a\n", "A\n"), change("new.py", None, "n\n"), change("z.py", "z\n", "Z\n")]
    with pytest.raises(MigrationError, match=r"Permission denied\. Nothing was changed"):
        write_changes(tmp_path, changes)
    assert (tmp_path / "a.py").read_text() == "a\n"
    assert names_in(tmp_path) == ["a.py", "z.py"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("when", ["prepare", "replace"])
def test_signal_takes_all_back(when: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is told to end in the middle leaves every file as it was, and no temporary one."""
    names = ["a.py", "b.py", "c.py"]
    for name in names:
        (tmp_path / name).write_text("old\n")
    replace, chmod = Path.replace, Path.chmod

    def replace_and_end(path: Path, target: Path) -> Path:
        if when == "replace" and target.name == "b.py":
            os.kill(os.getpid(), number)
        return replace(path, target)

    def chmod_and_end(path: Path, mode: int) -> None:
        if when == "prepare" and ".b.py." in path.name:
            os.kill(os.getpid(), number)
        chmod(path, mode)

    monkeypatch.setattr(Path, "replace", replace_and_end)
    monkeypatch.setattr(Path, "chmod", chmod_and_end)
    handler = signal.getsignal(number)
    with pytest.raises(MigrationError, match=rf"Stopped by {signal.Signals(number).name}\. Nothing was changed\."):
        write_changes(tmp_path, [change(name, "old\n", "new\n") for name in names])
    assert [(tmp_path / name).read_text() for name in names] == ["old\n"] * 3
    assert names_in(tmp_path) == names
    assert signal.getsignal(number) is handler
