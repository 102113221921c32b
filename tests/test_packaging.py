"""Tests of wheel and sdist: each installs all that the package needs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

import ws4channels
from tests.test_architecture import MODULES, PACKAGE
from tests.waiting import TIMEOUT

ROOT = Path(__file__).parent.parent
NOT_RELEASED = ("build", "dist", "node_modules", "__pycache__")


def run(*words: object, directory: Path) -> str:
    """Run a command in a directory; return what it prints."""
    finished = subprocess.run(
        list(map(str, words)),
        cwd=directory,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "mysite.settings"},
        capture_output=True,
        text=True,
        timeout=8 * TIMEOUT,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that building leaves nothing behind in the repository."""
    source = tmp_path_factory.mktemp("source")
    tops = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
    requirements = [f"requirements/{path.name}" for path in (ROOT / "requirements").glob("*.txt")]
    for name in [*tops, *requirements, *_package_files()]:
        copy = source / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    return source


@pytest.fixture(scope="module")
def sdist(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist."""
    target = tmp_path_factory.mktemp("sdist")
    build = f"import setuptools.build_meta as backend; backend.build_sdist({str(target)!r})"
    run(sys.executable, "-c", build, directory=source)
    (path,) = target.glob("*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sources."""
    return _build_wheel(source, tmp_path_factory.mktemp("wheel"))


def _build_wheel(source: Path, target: Path) -> Path:
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    run(sys.executable, "-m", "pip", "wheel", *options, "-w", target, source, directory=source)
    (path,) = target.glob("*.whl")
    return path


def _package_files() -> list[str]:
    return [
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and not set(NOT_RELEASED) & set(path.parts)
    ]


def _own(names: Iterable[str]) -> set[str]:
    return {name for name in names if ".dist-info/" not in name}


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode("utf-8"))


def test_wheel_holds_the_whole_package(wheel: Path) -> None:
    """Every file of the package is in the wheel: modules, browser client, types."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert _own(names) == set(_package_files())
    js = "ws4channels/static/js"
    assert {"ws4channels/py.typed", f"{js}/ws4redis.js", f"{js}/ws4redis.mjs", f"{js}/ws4redis.d.ts"} <= names
    assert len([name for name in names if name.endswith(".py")]) == len(MODULES) + 1


@pytest.mark.slow
def test_wheel_of_the_sdist_is_the_same(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    """The sdist holds what building needs, so that it can be installed, and gives the same files."""
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    built = _build_wheel(unpacked, tmp_path / "built")
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(wheel) as other:
        assert _own(one.namelist()) == _own(other.namelist())
    assert _metadata(built).as_string() == _metadata(wheel).as_string()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_what_is_installed_works(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Installed into an environment of its own, a site finds the package there, its check passes, and the script."""
    archive: Path = request.getfixturevalue(kind)
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    (packages,) = (tmp_path / "venv").glob("**/site-packages")
    # What it requires is here already. No package index is asked for it.
    (packages / "here.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path), "utf-8")
    install = ("-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--target", packages)
    run(sys.executable, *install, archive, directory=tmp_path)
    run(python, "-m", "django", "startproject", "mysite", tmp_path, directory=tmp_path)
    with (tmp_path / "mysite" / "settings.py").open("a", encoding="utf-8") as file:
        file.write(
            "INSTALLED_APPS = ['daphne', *INSTALLED_APPS, 'ws4channels']\n"
            "ASGI_APPLICATION = 'mysite.asgi.application'\n"
            "CHANNEL_LAYERS = {'default': {'BACKEND': 'channels_redis.pubsub.RedisPubSubChannelLayer'}}\n"
        )
    asgi = tmp_path / "mysite" / "asgi.py"
    asgi.write_text(asgi.read_text("utf-8").replace("django.core.asgi", "ws4channels.asgi"), "utf-8")
    run(python, "manage.py", "check", "--fail-level", "WARNING", directory=tmp_path)
    found = run(python, "manage.py", "findstatic", "js/ws4redis.js", "--first", directory=tmp_path)
    assert str(packages / "ws4channels") in found


def test_metadata_says_what_it_is(wheel: Path) -> None:
    """An index shows version, licence, author, links, what it runs on, and what it needs."""
    metadata = _metadata(wheel)
    assert metadata["Version"] == ws4channels.__version__
    assert metadata["License"] == "MIT"
    assert metadata["Author"] == "The ws4channels authors"
    assert metadata["Requires-Python"] == ">=3.10"
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL", []))
    assert {"Documentation", "Changes", "Source", "Issues"} <= set(links)
    assert "django" in metadata["Keywords"]
    required = metadata.get_all("Requires-Dist", [])
    for requirement in (ROOT / "requirements/base.txt").read_text("utf-8").split():
        assert any(each.startswith(requirement.partition(">")[0]) for each in required)
    assert any(re.fullmatch(r"prometheus_client\S*; extra == ['\"]metrics['\"]", each) for each in required)


def test_metadata_names_the_versions_that_are_tested(wheel: Path) -> None:
    """The classifiers have each Python, and each Django that is pinned, of `make matrix`."""
    classifiers = _metadata(wheel).get_all("Classifier", [])
    pythons = re.findall(r"^Programming Language :: Python :: (3\.\d+)$", "\n".join(classifiers), re.M)
    djangos = re.findall(r"^Framework :: Django :: ([\d.]+)$", "\n".join(classifiers), re.M)
    matrix = (ROOT / "noxfile.py").read_text("utf-8")
    (tested,) = re.findall(r"^PYTHONS = (\[.+\])$", matrix, re.M)
    assert pythons == ast.literal_eval(tested)
    assert set(re.findall(r"Django==([\d.]+)\.\*", matrix)) < set(djangos)


def test_readme_of_the_index_has_absolute_links(wheel: Path) -> None:
    """An index shows the README without the files that it links to."""
    text = str(_metadata(wheel).get_payload())
    assert text.startswith((ROOT / "README.md").read_text("utf-8").splitlines()[0])
    prose = re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.S)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    assert len(targets) > 10
    assert [target for target in targets if not target.startswith(("https://", "http://", "#"))] == []


def test_sdist_holds_what_setup_reads(sdist: Path) -> None:
    """The lists of requirements, the licence and the changes are in the sdist."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"requirements/base.txt", "requirements/migration.txt", "LICENSE", "CHANGELOG.md", "README.md"} <= names
