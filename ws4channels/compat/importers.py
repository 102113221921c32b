"""Who imports ``ws4redis``: finds the file and line, and warns once for each file."""

from __future__ import annotations

import sys
import sysconfig
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import django

ADVICE = (
    "ws4redis is an alias of ws4channels: write ws4channels in place of ws4redis here. "
    "`python -m ws4channels.migration` finds and rewrites all such places of a site."
)
_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_INSTALLED = ("site-packages", "dist-packages")
_COMPAT = str(Path(__file__).parent)
# What imports modules by names that it was given: these stand in the settings.
_READS_NAMES = (str(Path(django.__file__).parent), str(Path(__file__).parents[1]))


@dataclass(frozen=True)
class Place:
    """A line of a file, and the module that the file is."""

    filename: str
    line: int
    module: str


class Importers:
    """The files that were seen to import ``ws4redis``; `settings` is the place that imported `ws4channels.compat`."""

    def __init__(self, settings: Place) -> None:
        self._settings = settings
        self._warned: set[str] = set()

    def warn(self) -> None:
        """Warn of the file that imports something now, unless it was warned of before.

        Where Django or ws4channels import by a dotted path, that is the file of the settings.
        """
        place = current_place()
        if place is None or place.filename.startswith(_READS_NAMES):
            place = self._settings
        if place.filename in self._warned:
            return
        self._warned.add(place.filename)
        warnings.warn_explicit(ADVICE, DeprecationWarning, place.filename, place.line, place.module)


def current_place() -> Place | None:
    """Return the line that runs now, below what belongs to Python itself and to this package."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_machinery(frame.f_code.co_filename):
        frame = frame.f_back
    if frame is None:
        return None
    return Place(frame.f_code.co_filename, frame.f_lineno, frame.f_globals.get("__name__", "__main__"))


def _is_machinery(filename: str) -> bool:
    """Tell whether a file is part of the import system, the standard library or this package."""
    if filename.startswith(("<frozen ", _COMPAT)):
        return True
    return filename.startswith(_STANDARD_LIBRARY) and not any(name in filename for name in _INSTALLED)
