"""Tests of the report that nothing requires ws4channels."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of, project_of
from ws4channels import __version__
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import requirements_files


def paths_reported(texts: dict[str, str]) -> list[str]:
    """Return the paths of the findings about a project."""
    return [
        finding.path for finding in requirements_files.fix_project(project_of(texts).files, facts_of(texts)).findings
    ]


def test_site_whose_requirements_never_named_the_original_is_told() -> None:
    """A site that had a copy of the original in its tree has none."""
    texts = {"requirements.txt": "Django\n", "a/pyproject.toml": "[project]\n", "manage.py": "import django\n"}
    (finding,) = requirements_files.fix_project(project_of(texts).files, facts_of(texts)).findings
    assert finding.path == "a/pyproject.toml"
    assert finding.todo == f"Add ws4channels=={__version__} to the site's requirements."


@pytest.mark.parametrize(
    "texts",
    [
        {"requirements.txt": "ws4channels\n"},
        {"requirements.txt": "Django\n", "requirements/live.txt": "ws4channels==0.1.0\n"},
        {"setup.py": "setup(install_requires=['ws4channels'])\n", "requirements.txt": ".\n"},
        {"Pipfile": '[packages]\nws4channels = "*"\n'},
        {"pyproject.toml": '[tool.poetry.dependencies]\nws4channels = "^0.1"\n'},
    ],
)
def test_site_that_requires_ours_is_not(texts: dict[str, str]) -> None:
    """One file that names it is enough."""
    assert paths_reported(texts) == []


def test_no_file_is_made() -> None:
    """The fixer only reports."""
    texts = {"requirements.txt": "Django\n"}
    assert requirements_files.fix_project(project_of(texts).files, facts_of(texts)).new_files == {}


def test_site_without_requirements_is_told_once() -> None:
    """Where nothing says what is installed, the reader must know what to install."""
    texts = {"manage.py": "import django\n", "README.md": "pip install django\n"}
    (finding,) = requirements_files.fix_project(project_of(texts).files, facts_of(texts)).findings
    assert (finding.path, finding.severity) == (".", Severity.MUST)
    assert finding.todo == f"Add ws4channels=={__version__} to what the site's packages are installed by."
