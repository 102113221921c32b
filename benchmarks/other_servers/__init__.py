"""Servers in other languages, which send what comes through the same Redis: nginx with nchan, Node.js, Bun.

Node's package ``ws`` and Bun come from npm, into `.venv-node/`; nchan is a package of the system's. What is missing is
left out, and `why_missing` says why.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
HOME = HERE.parents[1] / ".venv-node"
PACKAGES = ("ws@8", "bun@1")
NCHAN_MODULES = ("/usr/lib/nginx/modules", "/usr/lib64/nginx/modules", "/usr/local/lib/nginx/modules")


def node_ws(port: int) -> list[str]:
    """Return the command line of Node.js with ws on `port`."""
    path = f"NODE_PATH={HOME / 'node_modules'}"
    return ["env", path, "node", str(HERE / "node_ws.cjs"), str(port), "broadcast:node-ws"]


def bun(port: int) -> list[str]:
    """Return the command line of Bun on `port`."""
    return [str(_bun()), str(HERE / "bun.cjs"), str(port), "broadcast:bun"]


def nchan(port: int) -> list[str]:
    """Return the command line of nginx with nchan on `port`."""
    return [sys.executable, "-m", "benchmarks.other_servers.nchan", str(port), _nchan_module() or ""]


@cache
def why_missing() -> dict[str, str]:
    """Return why each of the servers that cannot run here is left out; installs what npm has first."""
    missing = {}
    if shutil.which("nginx") is None or _nchan_module() is None:
        missing["nchan"] = "nginx with nchan is not installed (Debian: apt install libnginx-mod-nchan)"
    reason = _install()
    if reason or not _runs("node"):
        missing["node-ws"] = reason or "Node.js is not installed"
    if reason or not _runs(str(_bun())):
        missing["bun"] = reason or "the npm package bun brought no program for this machine"
    return missing


def _install() -> str | None:
    """Install the npm packages unless they are there; return why that did not work."""
    if (HOME / "node_modules" / "ws").is_dir() and (HOME / "node_modules" / "bun").is_dir():
        return None
    if shutil.which("npm") is None:
        return "npm is not installed"
    HOME.mkdir(exist_ok=True)
    command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(HOME), *PACKAGES]
    try:
        finished = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        return "npm install took longer than 300 s"
    return f"npm install failed: {finished.stderr.strip()[-200:]}" if finished.returncode else None


def _bun() -> Path:
    return HOME / "node_modules" / "bun" / "bin" / "bun.exe"  # So it is called on every system.


def _runs(program: str) -> bool:
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=30, check=False).returncode == 0
    except OSError:
        return False


def _nchan_module() -> str | None:
    paths = (Path(directory, "ngx_nchan_module.so") for directory in NCHAN_MODULES)
    return next((str(path) for path in paths if path.is_file()), None)
