"""The command line: its options, and what each does. Starts without the libraries that fixers need."""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from ws4channels.migration.engine import examine
from ws4channels.migration.errors import MigrationError
from ws4channels.migration.report import as_html, as_json, as_text
from ws4channels.migration.writing import write_changes

DESCRIPTION = (
    "Moves a site from django-websocket-redis (ws4redis) to ws4channels. Without --write it shows a report and a diff, "
    "and changes nothing."
)
_NOTHING_TO_DO, _SOMETHING_TO_DO, _CANNOT = 0, 1, 2
_LIBRARIES = {"LibCST": "libcst", "packaging": "packaging", "PyYAML": "yaml"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, which the module's and Django's command have in common."""
    parser.add_argument("--write", action="store_true", help="change the files: all of them, or none if one fails")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 if a file would change or something must be done by hand"
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the report to FILE as a web page")


def run(path: Path, *, write: bool, check: bool, json: bool, html: Path | None, output: Callable[[str], object]) -> int:
    """Do what the options say and return the exit code. Raises MigrationError if it cannot."""
    if missing := [name for name, module in _LIBRARIES.items() if find_spec(module) is None]:
        verb = "is" if len(missing) == 1 else "are"
        raise MigrationError(
            f"This command needs {' and '.join(missing)}, which {verb} not installed. "
            'Install with: pip install "ws4channels[migration]"'
        )
    try:
        report = examine(path, progress=_show_progress)
    finally:
        _show_progress("")
    shown = report.after_writing() if write else report
    if html is not None:
        try:
            html.write_text(as_html(shown, write), "utf-8")
        except OSError as error:
            raise MigrationError(f"The report cannot be written to {str(html)!r}: {error.strerror}.") from error
    if write:
        write_changes(path, report.changes)
    output(as_json(shown, write) + "\n" if json else as_text(shown, write))
    left_to_do = report.needs_hands or (not write and report.changes)
    return _SOMETHING_TO_DO if check and left_to_do else _NOTHING_TO_DO


def _show_progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`, or those of the process; return the exit code: 0, 1 (--check) or 2 (error)."""
    parser = argparse.ArgumentParser(prog="python -m ws4channels.migration", description=DESCRIPTION)
    parser.add_argument("path", metavar="PATH", type=Path, help="the folder that holds the site's manage.py")
    add_options(parser)
    options = vars(parser.parse_args(arguments))
    try:
        return run(options.pop("path"), **options, output=sys.stdout.write)
    except MigrationError as error:
        sys.stderr.write(f"{error}\n")
        return _CANNOT
