"""Requirements in ``setup.py`` and ``setup.cfg``."""

from __future__ import annotations

import re

from ws4channels.migration.fixer import Facts, Fixed, Fixer, SourceFile
from ws4channels.migration.requirements import REQUIREMENT, replace_requirements
from ws4channels.migration.sections import place_of

_QUOTED = re.compile(rf"""(?<![\w"'])(?<!name=)(?P<quote>["']){REQUIREMENT.pattern}(?P=quote)(?!["'])""")
_LISTED = re.compile(rf"^(?:[ \t]+|[\w.-]+[ \t]*=[ \t]*){REQUIREMENT.pattern}[ \t]*(?:#.*)?\r?$", re.M)
_KEYS = {"install_requires", "setup_requires", "tests_require"}


class SetupPyFixer(Fixer):
    """Fixes the texts in ``setup.py`` that are requirements as a whole, and the lists of them in ``setup.cfg``."""

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file is one of the two."""
        return file.name in ("setup.py", "setup.cfg")

    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file with its requirements replaced where they must be."""
        if file.name == "setup.py":
            return replace_requirements(file, facts, _QUOTED)
        return replace_requirements(file, facts, _LISTED, lambda found: _is_listed(file.text, found.start("name")))


def _is_listed(text: str, offset: int) -> bool:
    section, key = place_of(text, offset)
    return section == "options.extras_require" or (section == "options" and key in _KEYS)
