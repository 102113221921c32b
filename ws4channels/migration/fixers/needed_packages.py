"""Report that no file requires ws4channels."""

import re
from collections.abc import Mapping

from ws4channels import __version__
from ws4channels.migration.fixer import Facts, Finding, ProjectFixed, ProjectFixer, Severity, SourceFile, Step
from ws4channels.migration.fixers.requirements_files import OF_PROJECTS, files_for_pip
from ws4channels.migration.syntax import OUR_NAME


class NeededPackagesFixer(ProjectFixer):
    """Makes no file: which of several is the place for a requirement is for the reader to say."""

    step = Step.PACKAGES

    def fix_project(self, files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
        """Return a finding if none of the files of requirements names ws4channels, or if there are none."""
        for_pip = files_for_pip(facts)
        lists = [path for path, file in files.items() if path in for_pip or file.name in OF_PROJECTS]
        if any(re.search(rf"\b{OUR_NAME}\b", files[path].text) for path in lists):
            return ProjectFixed()
        where = "to the site's requirements" if lists else "to what the site's packages are installed by"
        todo = f"Add {OUR_NAME}=={__version__} {where}."
        what = f"No file here requires {OUR_NAME}."
        return ProjectFixed(findings=[Finding(min(lists, default="."), 0, what, todo, Severity.MUST)])
