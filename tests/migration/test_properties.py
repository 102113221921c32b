"""Properties that hold for the sample sites and for unusual settings: Python parses, a second run changes nothing."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.migration.rewriting import examine_site
from tests.migration.sample_sites import SAMPLE_SITES
from ws4channels.migration.engine import Report, examine
from ws4channels.migration.writing import write_changes

SNIPPETS = {
    "one-line block": "if True: INSTALLED_APPS = ['ws4redis']\n",
    "no newline at the end": "INSTALLED_APPS = ['ws4redis']\nWS4REDIS_CONNECTION = {'host': 'x'}",
    "windows": "INSTALLED_APPS = [\r\n    'ws4redis',\r\n]\r\nWS4REDIS_CONNECTION = {\r\n    'db': 1}\r\n",
    "tabs": "class A:\n\tINSTALLED_APPS = ('ws4redis',)\n\tif x:\n\t\tWS4REDIS_CONNECTION = {'unix_socket_path': y}\n",
    "semicolons": "D = 1; INSTALLED_APPS = ['ws4redis']; WSGI_APPLICATION = 'ws4redis.django_runserver.application'\n",
    "continued": "INSTALLED_APPS = ['a'] + \\\n    ['ws4redis']\n",
    "comments": "INSTALLED_APPS = [\n    # 'ws4redis',\n    'ws4redis'  # last\n    # end\n]\n",
    "everything": "from ws4redis import publisher; import ws4redis.settings, os\nINSTALLED_APPS = ['ws4redis']\n",
    "try": "try:\n    INSTALLED_APPS += ['ws4redis']\nfinally:\n    WS4REDIS_CONNECTION = dict(ssl=True)\n",
    "with": "with open('x') as f: WS4REDIS_CONNECTION = f.read()\nINSTALLED_APPS = ['ws4redis']\n",
    "nested lists": "INSTALLED_APPS = [*BASE, *['ws4redis'], 'ws4redis']\n",
    "chained": "INSTALLED_APPS = THIRD_APPS = 'ws4redis',\n",
    "empty": "INSTALLED_APPS = []\nWS4REDIS_CONNECTION = {}\nINSTALLED_APPS.append('ws4redis')\n",
}


def check(report: Report) -> None:
    """Check that what was Python is Python, that every finding has a place, and that a second run is idle."""
    for change in report.changes:
        if change.after.is_python:
            ast.parse(change.after.text, change.after.path)
    write_changes(report.root, report.changes)
    again = examine(report.root)
    assert [change.after.path for change in again.changes] == []
    for finding in again.findings:
        path = report.root / finding.path
        assert path.exists()
        assert finding.line == 0 or finding.line <= len(path.read_bytes().splitlines()) + 1


@pytest.mark.parametrize("name", SAMPLE_SITES)
def test_sample_site_parses_and_changes_once(name: str, tmp_path: Path) -> None:
    """After the command every Python file of a sample still parses, and a second run changes nothing."""
    report = examine(SAMPLE_SITES[name].copy_to(tmp_path))
    assert report.changes
    check(report)


@pytest.mark.parametrize("text", SNIPPETS.values(), ids=SNIPPETS)
def test_snippet_parses_and_changes_once(text: str, tmp_path: Path) -> None:
    """So does each odd way to write settings, and none keeps the old app."""
    report = examine_site(tmp_path, {"manage.py": "import django\n", "mysite/settings.py": text})
    settings = next(change.after for change in report.changes if change.after.path == "mysite/settings.py")
    assert "'ws4redis'" not in settings.text.replace("# 'ws4redis'", "")
    check(report)
