"""Tests of which files are read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.migration.rewriting import write_site
from ws4channels.migration import project
from ws4channels.migration.engine import examine
from ws4channels.migration.errors import MigrationError
from ws4channels.migration.project import read_project

MANAGE = {"manage.py": "import django\n"}


def test_files_are_found_below_the_root(tmp_path: Path) -> None:
    """Text files of every kind are read, in order of their paths; binary and very large ones are not."""
    write_site(tmp_path, {**MANAGE, "b/x.html": "ws4redis", "b/a.py": "import ws4redis", "requirements.txt": "django"})
    (tmp_path / "logo.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "dump.sql").write_bytes(b"x" * (project.MAX_BYTES + 1))
    assert list(read_project(tmp_path).files) == ["manage.py", "requirements.txt", "b/a.py", "b/x.html"]


@pytest.mark.parametrize("folder", [".git", "node_modules", ".venv", ".tox", "lib/site-packages", "__pycache__"])
def test_folders_of_others_are_skipped(tmp_path: Path, folder: str) -> None:
    """Version control, environments and packages are not the site's."""
    write_site(tmp_path, {**MANAGE, f"{folder}/a.py": "import ws4redis\n"})
    assert list(read_project(tmp_path).files) == ["manage.py"]


def test_environment_of_any_name_is_skipped(tmp_path: Path) -> None:
    """A folder with a pyvenv.cfg is an environment."""
    write_site(tmp_path, {**MANAGE, "myenv/pyvenv.cfg": "home = /usr\n", "myenv/a.py": ""})
    assert list(read_project(tmp_path).files) == ["manage.py"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    """What a link leads to is reached where it is, or is not the site's."""
    write_site(tmp_path / "other", {"a.py": ""})
    root = write_site(tmp_path / "site", MANAGE)
    (root / "link").symlink_to(tmp_path / "other")
    (root / "link.py").symlink_to(tmp_path / "other" / "a.py")
    assert list(read_project(root).files) == ["manage.py"]


def test_vendored_copy_is_noted(tmp_path: Path) -> None:
    """A folder named ws4redis with the original's modules is noted, and its files are not read."""
    copy = {f"lib/ws4redis/{name}.py": "" for name in ("publisher", "redis_store")}
    found = read_project(write_site(tmp_path, {**MANAGE, **copy}))
    assert found.vendored == ["lib/ws4redis"]
    assert list(found.files) == ["manage.py"]


def test_app_that_is_only_named_alike_is_read(tmp_path: Path) -> None:
    """A site's own app named ws4redis holds none of the original's modules."""
    found = read_project(write_site(tmp_path, {**MANAGE, "ws4redis/views.py": "# ws4redis", "ws4redis/models.py": ""}))
    assert found.vendored == []
    assert "ws4redis/views.py" in found.files


def test_path_that_is_missing_is_said(tmp_path: Path) -> None:
    """The error names the path and says what to give."""
    with pytest.raises(MigrationError) as caught:
        read_project(tmp_path / "no")
    assert str(caught.value) == (
        f"{str(tmp_path / 'no')!r} does not exist. Give the folder that holds the site's manage.py."
    )


def test_path_that_is_a_file_is_said(tmp_path: Path) -> None:
    """The error names the path and says what to give."""
    write_site(tmp_path, MANAGE)
    with pytest.raises(MigrationError, match="is not a folder"):
        read_project(tmp_path / "manage.py")


def test_folder_without_django_is_said(tmp_path: Path) -> None:
    """A folder in which no Python file knows Django is not what was meant."""
    write_site(tmp_path, {"a.py": "import flask\n", "django.txt": "django\n"})
    with pytest.raises(MigrationError, match="holds no Django project"):
        read_project(tmp_path)


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder, apart from the user's configuration."""
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_folders_that_git_ignores_are_skipped_and_said(tmp_path: Path) -> None:
    """Local settings that are ignored as files belong to the site; folders that are ignored do not."""
    code = "import ws4redis\n"
    site = {**MANAGE, ".gitignore": "media/\nlocal*.py\n", "media/a.py": code, "site/local_settings.py": code}
    git(write_site(tmp_path, site), "init")
    found = read_project(tmp_path)
    assert found.skipped == {"media": "git ignores it."}
    assert list(found.files) == ["manage.py", "site/local_settings.py"]


def test_site_in_a_folder_that_git_ignores_is_read(tmp_path: Path) -> None:
    """Then git knows nothing of the site."""
    git(
        write_site(
            tmp_path, {".gitignore": "*\n", "site/manage.py": "import django\n", "site/a/b.py": "import ws4redis"}
        ),
        "init",
    )
    assert list(read_project(tmp_path / "site").files) == ["manage.py", "a/b.py"]


def test_uncommitted_work_is_named(tmp_path: Path) -> None:
    """Files that git knows and that were changed since."""
    git(write_site(tmp_path, MANAGE), "init")
    git(tmp_path, "add", "manage.py")
    git(tmp_path, "commit", "-m", "x")
    assert examine(tmp_path).uncommitted == ()
    write_site(tmp_path, {"manage.py": "import django, os\n", "new.py": ""})
    assert examine(tmp_path).uncommitted == ("manage.py",)
