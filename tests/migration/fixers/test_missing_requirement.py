"""Tests of the report that nothing requires ws4channels."""

from __future__ import annotations

import pytest

from tests.migration.rewriting import facts_of
from ws4channels import __version__
from ws4channels.migration.fixers.missing_requirement import MissingRequirementFixer


def paths_reported(texts: dict[str, str]) -> list[str]:
    """Return the paths of the findings about a project."""
    return [finding.path for finding in MissingRequirementFixer().fix_project(texts, facts_of(texts)).findings]


def test_site_whose_requirements_never_named_the_original_is_told() -> None:
    """So it is where a copy of the original was in the tree."""
    texts = {"requirements.txt": "Django\n", "a/pyproject.toml": "[project]\n", "manage.py": "import django\n"}
    (finding,) = MissingRequirementFixer().fix_project(texts, facts_of(texts)).findings
    assert finding.path == "a/pyproject.toml"
    assert finding.todo == f"Add ws4channels=={__version__} to where the site's other requirements are."


@pytest.mark.parametrize(
    "texts",
    [
        {"requirements.txt": "ws4channels\n"},
        {"requirements.txt": "Django\n", "requirements/live.txt": "ws4channels==0.1.0\n"},
        {"setup.py": "setup(install_requires=['ws4channels'])\n", "requirements.txt": ".\n"},
        {"Pipfile": '[packages]\nws4channels = "*"\n'},
        {"pyproject.toml": '[tool.poetry.dependencies]\nws4channels = "^0.1"\n'},
        {"manage.py": "import django\n"},
        {"notes.txt": "Django\n"},
    ],
)
def test_site_that_requires_ours_or_lists_nothing_is_not(texts: dict[str, str]) -> None:
    """One file that names it is enough; a site without such files has its packages from elsewhere."""
    assert paths_reported(texts) == []


def test_no_file_is_made() -> None:
    """The fixer only reports."""
    texts = {"requirements.txt": "Django\n"}
    assert MissingRequirementFixer().fix_project(texts, facts_of(texts)).new_files == {}
