"""Tests of ``manage.py ws4redis_migrate``."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.migration.rewriting import write_site

SITE = {"manage.py": "import django\n", "app.py": "from ws4redis.publisher import RedisPublisher\n"}


def test_command_shows_and_writes(tmp_path: Path) -> None:
    """Within a site the command does what the module does, with the same options."""
    write_site(tmp_path, SITE)
    shown = StringIO()
    call_command("ws4redis_migrate", str(tmp_path), stdout=shown)
    assert "+from ws4channels.publisher import RedisPublisher\n" in shown.getvalue()
    assert (tmp_path / "app.py").read_text() == SITE["app.py"]
    call_command("ws4redis_migrate", str(tmp_path), write=True, stdout=StringIO())
    assert (tmp_path / "app.py").read_text() == "from ws4channels.publisher import RedisPublisher\n"


def test_check_exits_with_one(tmp_path: Path) -> None:
    """--check makes the process fail while there is something to do."""
    write_site(tmp_path, SITE)
    with pytest.raises(SystemExit) as caught:
        call_command("ws4redis_migrate", str(tmp_path), check=True, stdout=StringIO())
    assert caught.value.code == 1


def test_path_is_the_sites_own_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PATH it is the folder of manage.py."""
    monkeypatch.setattr("sys.argv", [str(write_site(tmp_path, SITE) / "manage.py")])
    shown = StringIO()
    call_command("ws4redis_migrate", stdout=shown)
    assert "--- a/app.py" in shown.getvalue()


def test_what_stops_it_is_a_command_error(tmp_path: Path) -> None:
    """The error is one sentence, and the exit code 2."""
    with pytest.raises(CommandError, match="does not exist") as caught:
        call_command("ws4redis_migrate", str(tmp_path / "no"))
    assert caught.value.returncode == 2
