"""Tests of the wheel: whoever installs it has all that the package needs."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ws4channels
from tests.test_architecture import MODULES, PACKAGE
from tests.waiting import TIMEOUT

ROOT = Path(__file__).parent.parent
SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the sources, so that building leaves nothing behind in the repository."""
    source = tmp_path_factory.mktemp("source")
    files = [*SOURCES, "requirements/base.txt", "requirements/migration.txt", *_package_files()]
    for name in files:
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    target = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", target, source],
        capture_output=True,
        text=True,
        timeout=8 * TIMEOUT,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = target.glob("*.whl")
    return path


def _package_files() -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_wheel_holds_the_whole_package(wheel: Path) -> None:
    """Every file of the package is in the wheel: modules, browser client, types."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if ".dist-info/" not in name} == set(_package_files())
    js = "ws4channels/static/js"
    assert {"ws4channels/py.typed", f"{js}/ws4redis.js", f"{js}/ws4redis.mjs", f"{js}/ws4redis.d.ts"} <= names
    assert len([name for name in names if name.endswith(".py")]) == len(MODULES) + 1


def test_wheel_says_what_it_is(wheel: Path) -> None:
    """Its metadata has the version, the licence, the requirements and the README."""
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode("utf-8")
    assert f"Version: {ws4channels.__version__}\n" in text
    assert "License: MIT\n" in text
    assert "Requires-Python: >=3.10\n" in text
    for requirement in (ROOT / "requirements/base.txt").read_text("utf-8").split():
        name = requirement.partition(">")[0]
        assert f"Requires-Dist: {name}" in text
    assert re.search(r"^Requires-Dist: prometheus_client\S*; extra == ['\"]metrics['\"]$", text, re.M)
    assert (ROOT / "README.md").read_text("utf-8").splitlines()[0] in text
