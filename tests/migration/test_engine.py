"""Tests of running the fixers over a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.migration.rewriting import examine_site, write_site
from ws4channels.migration.engine import examine
from ws4channels.migration.errors import MigrationError
from ws4channels.migration.fixer import Facts, Finding, Fixed, Fixer, ProjectFixed, Severity, SourceFile

MANAGE = {"manage.py": "import django\n"}


def add_line(file: SourceFile, facts: Facts) -> Fixed | None:
    """Put a line on top and report the line that holds an x."""
    if file.suffix != ".txt":
        return None
    line = file.lines.index("x") + 1
    return Fixed(f"new\n{file.text}", [Finding(file.path, line, "an x", "look", Severity.NOTE)])


def fail(file: SourceFile, facts: Facts) -> Fixed:
    """Fail."""
    raise ValueError("oh")


def make_file(files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
    """Make one file, with what the others have become."""
    return ProjectFixed({"made.txt": files["a.txt"].text})


ADD_LINE = Fixer("add_line", fix=add_line)
MAKE_FILE = Fixer("make_file", fix_project=make_file)


def test_lines_of_findings_are_those_of_the_file_as_it_is(tmp_path: Path) -> None:
    """However many fixers changed the text before, a finding names the line that the reader sees."""
    report = examine(write_site(tmp_path, {**MANAGE, "a.txt": "a\nx\n# django"}), [ADD_LINE, ADD_LINE])
    assert [finding.line for finding in report.findings] == [2]
    assert [finding.line for finding in report.after_writing().findings] == [4]
    assert [change.after.text for change in report.changes] == ["new\nnew\na\nx\n# django"]


def test_new_files_are_changes_without_a_before(tmp_path: Path) -> None:
    """A project fixer sees the texts as they have become, and its files are among the changes."""
    report = examine(write_site(tmp_path, {**MANAGE, "a.txt": "x\n# django"}), [ADD_LINE, MAKE_FILE])
    made = report.changes[-1]
    assert (made.before, made.after.path, made.after.text) == (None, "made.txt", "new\nx\n# django")


def test_fixer_that_fails_is_named(tmp_path: Path) -> None:
    """An error in a fixer stops the command before anything is written, with the file's and the fixer's name."""
    write_site(tmp_path, {**MANAGE, "a.txt": "x\n# django"})
    with pytest.raises(MigrationError) as caught:
        examine(tmp_path, [Fixer("failing", fix=fail)])
    assert str(caught.value) == ("a.txt: failing failed with ValueError: oh. Nothing was changed. Please report it.")


def test_fixer_of_all_files_that_fails_is_named(tmp_path: Path) -> None:
    """An error there stops the command as well."""
    write_site(tmp_path, MANAGE)
    with pytest.raises(
        MigrationError, match=r"^All files: make_file failed with KeyError: 'a\.txt'\. Nothing was changed"
    ):
        examine(tmp_path, [MAKE_FILE])


def test_file_that_does_not_parse_is_said(tmp_path: Path) -> None:
    """Python 2 and templates of Python files are skipped; those that mention ws4redis must be done by hand."""
    report = examine_site(
        tmp_path,
        {
            **MANAGE,
            "old.py": "import ws4redis\nprint 'x'\n",
            "{{ name }}/settings.py": "from ws4redis import {{ what }}\n",
            "other.py": "exec 'x'\n",
        },
    )
    assert report.changes == ()
    assert [(each.path, each.line, each.severity, each.what) for each in report.findings if each.path != "."] == [
        ("old.py", 2, Severity.MUST, "This file was skipped, because it is Python 2, and it mentions ws4redis."),
        (
            "{{ name }}/settings.py",
            1,
            Severity.MUST,
            "This file was skipped, because it is a template, not Python, and it mentions ws4redis.",
        ),
    ]


def test_vendored_copy_is_left_alone(tmp_path: Path) -> None:
    """A copy of the original in the site's tree is said, and nothing in it changes."""
    copy = {f"lib/ws4redis/{name}.py": "from ws4redis import settings\n" for name in ("publisher", "subscriber")}
    report = examine_site(tmp_path, {**MANAGE, **copy})
    assert report.changes == ()
    assert [finding.path for finding in report.findings if finding.path != "."] == ["lib/ws4redis"]
