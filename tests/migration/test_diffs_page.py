"""Tests of docs/migrating-diffs.md: the command makes of the left side what the page shows on the right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ws4channels.migration.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "migrating-diffs.md"
# What the page does not show because the command leaves it alone.
UNCHANGED = {
    "manage.py": 'import os\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")\n',
    "mysite/__init__.py": "",
    "mysite/urls.py": "urlpatterns = []\n",
    "chat/__init__.py": "",
}


def sides() -> tuple[dict[str, str], dict[str, str]]:
    """Return the files of the site before and after, as the page shows them."""
    before, after = dict(UNCHANGED), dict(UNCHANGED)
    for old, new, lines in re.findall(
        r"^```diff\n--- (\S+)\n\+\+\+ b/(\S+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S
    ):
        if old != "/dev/null":
            before[new] = side(lines, " -")
        after[new] = side(lines, " +")
    return before, after


def side(lines: str, signs: str) -> str:
    """Return the lines of a diff with these signs, without them."""
    return "".join(line[1:] for line in lines.splitlines(keepends=True) if line[0] in signs)


def write(root: Path, files: dict[str, str]) -> None:
    """Write the files of a site."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def test_page_shows_what_the_command_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file of the page becomes what is shown, and no other file changes or appears."""
    before, after = sides()
    write(tmp_path, before)
    assert main([str(tmp_path), "--write"]) == 0
    found = {path.relative_to(tmp_path).as_posix(): path for path in tmp_path.rglob("*") if path.is_file()}
    assert {name: path.read_text("utf-8") for name, path in found.items()} == after
    assert f"{len(after) - len(UNCHANGED)} files written." in capsys.readouterr().out


def test_page_shows_a_site_of_every_kind_of_file() -> None:
    """The page has not lost its diffs: settings, servers, Python, templates and requirements are among them."""
    before, after = sides()
    assert set(after) - set(before) == {"mysite/asgi.py"}
    assert {"mysite/settings.py", "mysite/wsgi_websocket.py", "chat/views.py", "requirements.txt"} <= set(before)
