"""Tests of README and docs: what they show runs, what they list is complete, where they lead exists."""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import ws4channels
from example_project.redis_server import HOST, RedisServer
from tests.people import request_of
from tests.test_architecture import ORDER
from tests.waiting import TIMEOUT
from ws4channels.settings import SETTINGS, Setting

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md"), ROOT / "benchmarks" / "README.md"])

_BLOCK = re.compile(r"(<!-- not run: .+ -->\n)?^```([\w+]+)\n(.*?)^```$", re.M | re.S)
_CODE = re.compile(r"^ *```.*?^ *```$|`[^`\n]+`", re.M | re.S)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)(?:#([\w-]+))?\)")


def text_of(path: str) -> str:
    """Return the text of a file of this repository."""
    return (ROOT / path).read_text("utf-8")


def blocks_of(path: str, language: str) -> list[str]:
    """Return the blocks in a language, other than those marked as not to be run."""
    return [code for mark, name, code in _BLOCK.findall(text_of(path)) if name == language and not mark]


def run_python(code: str, directory: Path) -> str:
    """Run `code` in a new interpreter, in the site in `directory`; return its output."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "mysite.settings"}
    finished = subprocess.run(
        [sys.executable, "-c", code],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


USE_THE_SITE = """
import asyncio
from mysite.asgi import application
from channels.testing import WebsocketCommunicator
from django.core.management import call_command
from django.test import Client

client = Client(headers={"host": "localhost"})

async def main():
    socket = WebsocketCommunicator(application, "/ws/news?subscribe-broadcast")
    assert (await socket.connect(timeout=30))[0]
    response = await asyncio.to_thread(client.post, "/", {"text": "hello, everybody"})
    assert response.status_code == 200, response
    print(await socket.receive_from(timeout=30))
    await socket.disconnect()

call_command("check", fail_level="WARNING")
asyncio.run(main())
print(client.get("/").content.decode())
"""


def test_what_the_readme_shows_works_together(tmp_path: Path, redis_server: RedisServer) -> None:
    """A project made and changed as the README says publishes what is posted, and its page connects there."""
    make_project = [sys.executable, "-m", "django", "startproject", "mysite", str(tmp_path)]
    subprocess.run(make_project, check=True, timeout=4 * TIMEOUT)
    (tmp_path / "templates").mkdir()
    files = [*blocks_of("README.md", "python"), *blocks_of("README.md", "html+django")]
    for code in files:
        # The first line says which file it is.
        name = re.findall(r"[\w/]+\.\w+", code)[0]
        code = code.replace("localhost:6379", f"{HOST}:{redis_server.port}")
        with (tmp_path / name).open("a" if name == "mysite/settings.py" else "w", encoding="utf-8") as file:
            file.write(code)
    assert len(files) == 4
    output = run_python(USE_THE_SITE, tmp_path)
    assert "\nhello, everybody\n" in output
    assert "uri: 'ws://localhost/ws/news?subscribe-broadcast'" in output
    assert "heartbeat_msg: null" in output
    assert '<script src="/static/js/ws4redis.js"></script>' in output


@pytest.mark.parametrize("code", blocks_of("docs/publishing.md", "python"))
def test_publishing_page_shows_what_runs(code: str) -> None:
    """Each block of the page runs by itself, given a request; those that await run on an event loop."""
    compiled = compile(code, "docs/publishing.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names: dict[str, Any] = {"request": request_of("john"), "__name__": "publishing"}
    result = eval(compiled, names)
    if inspect.iscoroutine(result):
        asyncio.run(result)


@pytest.mark.parametrize("path", ["docs/install.md", "docs/subscribing.md", "docs/settings.md"])
def test_other_pages_show_python(path: str) -> None:
    """What is shown as Python on pages that show pieces of files is Python, as far as it goes."""
    blocks = re.findall(r"^( *)```python\n(.*?)^ *```$", text_of(path), re.M | re.S)
    assert blocks
    for _, block in blocks:
        ast.parse(textwrap.dedent(block))


def test_versions_agree() -> None:
    """Package, documentation and the newest section of the changelog name one version."""
    newest = re.search(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.M)
    assert newest is not None
    assert newest[1] == ws4channels.__version__
    assert runpy.run_path(str(DOCS / "conf.py"))["release"] == ws4channels.__version__


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_setting_is_documented(setting: Setting) -> None:
    """Each setting has a row with its default and its unit."""
    row = f"| `{setting.name}` | `{setting.default!r}` | {setting.unit} |".replace("|  |", "| |")
    assert row in text_of("docs/settings.md")


def test_no_other_setting_is_documented() -> None:
    """The table has no row for a setting that is gone."""
    named = re.findall(r"^\| `([A-Z0-9_]+)` \|", text_of("docs/settings.md"), re.M)
    assert named == list(SETTINGS)


def test_checks_are_documented() -> None:
    """The page of checks has each id that the code uses, and no other."""
    used = set(re.findall(r"ws4channels\.[EW]\d{3}", text_of("ws4channels/checks.py")))
    assert set(re.findall(r"ws4channels\.[EW]\d{3}", text_of("docs/checks.md"))) == used


@pytest.mark.parametrize("module", ORDER)
def test_architecture_names_the_module(module: str) -> None:
    """The page of the architecture names each module of the package, as a file or dotted."""
    path = module.replace(".", "/")
    names = {module, f"ws4channels.{module}", f"{path}.py", f"{path}/", f"{path}/__init__.py"}
    assert names & set(re.findall(r"[\w./]+", text_of("docs/architecture.md")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name if page.parent != ROOT / "benchmarks" else "bench")
def test_make_targets_exist(page: Path) -> None:
    """Each `make` that a page mentions is in the Makefile."""
    targets = set(re.findall(r"^([\w-]+):", text_of("Makefile"), re.M))
    mentioned = set(re.findall(r"(?:`|\$ )make ([a-z][\w-]*)", page.read_text("utf-8")))
    assert mentioned <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name if page.parent != ROOT / "benchmarks" else "bench")
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link leads to a file, and each section that it names is there."""
    for target, section in _LINK.findall(_CODE.sub("", page.read_text("utf-8"))):
        path = page.parent / target
        assert path.is_file(), f"{page.name} links to {target}"
        if section:
            assert section in anchors_of(path), f"{page.name} links to {target}#{section}"


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub(lambda code: code[0].strip("`"), page.read_text("utf-8")), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_contents() -> None:
    """The index leads to all pages of docs/ and to no other."""
    listed = re.findall(
        r"^([\w-]+)$", "\n".join(re.findall(r"```\{toctree\}(.*?)```", text_of("docs/index.md"), re.S)), re.M
    )
    assert sorted(listed) == sorted(page.stem for page in DOCS.glob("*.md") if page.stem != "index")
