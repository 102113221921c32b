"""Tests of the command's options and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.migration.rewriting import write_site
from ws4channels.migration import cli

SITE = {
    "manage.py": "import django\n",
    "app.py": "from ws4redis.publisher import RedisPublisher\n",
    "settings.py": "INSTALLED_APPS = ['daphne', 'channels', 'ws4channels']\n",
    "requirements.txt": "ws4channels\n",
}
MOVED = "from ws4channels.publisher import RedisPublisher\n"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, output and errors of the command."""
    code = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_nothing_changes_without_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command shows a diff, exits with 0 and leaves every file as it was."""
    write_site(tmp_path, SITE)
    code, out, _ = run(capsys, tmp_path)
    assert code == 0
    assert f"+{MOVED}" in out
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == SITE


def test_second_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--write changes the files, and then there is nothing left to do."""
    write_site(tmp_path, SITE)
    assert run(capsys, tmp_path, "--check")[0] == 1
    code, out, _ = run(capsys, tmp_path, "--write")
    assert (code, (tmp_path / "app.py").read_text()) == (0, MOVED)
    assert "1 file written." in out
    assert run(capsys, tmp_path, "--check")[0] == 0
    assert "Nothing to write" in run(capsys, tmp_path, "--write")[1]


def test_check_after_writing_counts_what_is_left_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--check with --write exits with 1 only for what it could not do itself."""
    write_site(tmp_path, SITE)
    assert run(capsys, tmp_path, "--check", "--write")[0] == 0
    write_site(tmp_path, {"b.py": "import ws4redis.wsgi_server\n"})
    assert run(capsys, tmp_path, "--check", "--write")[0] == 1


def test_reports_in_other_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints JSON and nothing else; --html writes a page."""
    write_site(tmp_path / "site", SITE)
    page = tmp_path / "report.html"
    _, out, _ = run(capsys, tmp_path / "site", "--json", "--html", page)
    assert [change["path"] for change in json.loads(out)["changes"]] == ["app.py"]
    assert "app.py" in page.read_text("utf-8")


def test_page_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The error names the file, and nothing was changed before it came."""
    write_site(tmp_path, SITE)
    code, _, error = run(capsys, tmp_path, "--write", "--html", tmp_path / "no" / "report.html")
    assert code == 2
    assert (
        error == f"The report cannot be written to {str(tmp_path / 'no/report.html')!r}: No such file or directory.\n"
    )
    assert (tmp_path / "app.py").read_text() == SITE["app.py"]


def test_error_goes_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stops the command is one sentence on stderr and exit code 2."""
    code, out, error = run(capsys, tmp_path / "no")
    assert (code, out) == (2, "")
    assert error.startswith(f"{str(tmp_path / 'no')!r} does not exist.")


def test_missing_libraries_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the libraries of fixers the command says how to install them."""
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    assert run(capsys, tmp_path)[2] == (
        "This command needs LibCST and packaging and PyYAML, which are not installed. "
        'Install with: pip install "ws4channels[migration]"\n'
    )


def in_new_python(code: str, *arguments: str) -> str:
    """Return what a program prints in a new process without Django's settings."""
    command: Sequence[str] = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env={}).stdout


def test_command_imports_neither_django_nor_libcst() -> None:
    """Everything but the fixers works where neither can be imported."""
    code = "import sys, ws4channels.migration.cli; print({'django', 'libcst', 'redis'} & set(sys.modules))"
    assert in_new_python(code) == "set()\n"


def test_command_runs_without_settings(tmp_path: Path) -> None:
    """The module runs in a process that has no Django settings, and never imports Django."""
    write_site(tmp_path, SITE)
    code = "import sys\nfrom ws4channels.migration.cli import main\nmain(sys.argv[1:])\nprint('django' in sys.modules)"
    assert in_new_python(code, str(tmp_path)).endswith("\nFalse\n")


def test_progress_is_shown_on_a_terminal_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the command is at stands on one line, and is gone in the end; a log gets nothing of it."""
    write_site(tmp_path, SITE)
    assert run(capsys, tmp_path)[2] == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    shown = run(capsys, tmp_path)[2]
    assert "\r\x1b[KReading Python" in shown
    assert shown.endswith("\r\x1b[K")
