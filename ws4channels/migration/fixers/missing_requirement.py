"""Says so where no file requires ws4channels, such as in a site that had a copy of the original in its tree."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ws4channels import __version__
from ws4channels.migration.fixer import Facts, Finding, ProjectFixed, ProjectFixer, Severity, name_of
from ws4channels.migration.syntax import OUR_NAME

_FILES = re.compile(
    r"(?:.*require.*|constraints.*|.*depend.*)\.(?:txt|in|pip)|setup\.py|setup\.cfg|pyproject\.toml|Pipfile"
)


class MissingRequirementFixer(ProjectFixer):
    """Makes no file: which of several is the place for a requirement is for the reader to say."""

    def fix_project(self, texts: Mapping[str, str], facts: Facts) -> ProjectFixed:
        """Return a finding for the first file of requirements if none of them names ws4channels."""
        files = [path for path in sorted(texts) if _FILES.fullmatch(name_of(path)) or "requirements/" in path]
        if not files or any(re.search(rf"\b{OUR_NAME}\b", texts[path]) for path in files):
            return ProjectFixed()
        what = f"No file here requires {OUR_NAME}."
        todo = f"Add {OUR_NAME}=={__version__} to where the site's other requirements are."
        return ProjectFixed(findings=[Finding(files[0], 0, what, todo, Severity.MUST)])
