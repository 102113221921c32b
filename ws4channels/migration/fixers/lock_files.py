"""Reports the original in files that other tools make or that no other fixer reads: locks, and tox's settings."""

from __future__ import annotations

from ws4channels.migration.fixer import Facts, Finding, Fixed, Fixer, SourceFile
from ws4channels.migration.requirements import ORIGINAL

_MAKERS = {
    "Pipfile.lock": "pipenv lock",
    "pdm.lock": "pdm lock",
    "poetry.lock": "poetry lock",
    "uv.lock": "uv lock",
}


class LockFilesFixer(Fixer):
    """Finds the first line that names the original. These files are never rewritten."""

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file names the original's package."""
        return (file.name in _MAKERS or file.name == "tox.ini") and ORIGINAL in file.text

    def fix(self, file: SourceFile, facts: Facts) -> Fixed:
        """Return the file as it is, and where it names the original."""
        maker = _MAKERS.get(file.name)
        todo = f"Make it again: {maker}." if maker else "Write ws4channels instead."
        line = file.line_of(file.text.index(ORIGINAL))
        return Fixed(file.text, [Finding(file.path, line, f"This names {ORIGINAL}.", todo)])
