"""The virtual environment of the original, made once and kept in `.venv-original/`."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / ".venv-original"
COMPLETE = HOME / "complete"

# The original needs these ages: Django 4.2 and redis 5 dropped what it uses, and newer setuptools do not build it.
FOUNDATION = ["wheel", "setuptools==65.5.0", "Django<4.2", "redis<5", "gevent", "greenlet", "uwsgi"]
ORIGINAL = "django-websocket-redis==0.6.0"

# Newest first. Django 4.1 knows nothing newer, and the original's dependency `six.moves` breaks on Python 3.12.
PYTHONS = ["3.11", "3.10"]


class EnvironmentMissing(Exception):
    """The original can't be installed here; the message says what to do."""


def find_python() -> str:
    """Return the path of a Python that the original can bear."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running in PYTHONS:
        return sys.executable
    for version in PYTHONS:
        path = shutil.which(f"python{version}")
        if path and subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return path
    names = " or ".join(f"python{version}" for version in PYTHONS)
    raise EnvironmentMissing(f"{ORIGINAL} does not run on Python {running}: install {names} and put it on PATH.")


def run(*command: str | Path) -> None:
    """Run one step of the installation; its output is shown only when it fails."""
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        tail = "\n".join(result.stdout.splitlines()[-40:])
        raise EnvironmentMissing(f"{' '.join(map(str, command))} failed (uWSGI needs a C compiler):\n{tail}")


def ensure_environment() -> Path:
    """Return the home of the original's environment, and make it first where it is missing or half made."""
    if COMPLETE.exists():
        return HOME
    python = find_python()
    print(f"Making {HOME.relative_to(ROOT)} with {python}; uWSGI is compiled, which takes a minute or two.", flush=True)
    run(python, "-m", "venv", "--clear", HOME)
    pip = [HOME / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, *FOUNDATION)
    run(*pip, "--no-build-isolation", ORIGINAL)
    COMPLETE.touch()
    return HOME
