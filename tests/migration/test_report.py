"""Tests of the report's text, JSON and HTML."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from ws4channels.migration.engine import Change, Report
from ws4channels.migration.fixer import Finding, Severity
from ws4channels.migration.report import as_html, as_json, as_text, diff_of
from ws4channels.migration.source import SourceFile

CHANGE = Change(SourceFile("a.py", "one\ntwo\n"), SourceFile("a.py", "one\n<2>\n"))
NEW = Change(None, SourceFile("asgi.py", "x\n"))
MUST = Finding("a.py", 3, "It is <b>.", "Do & see.", Severity.MUST)
NOTE = Finding("lib", 0, "There.", "Nothing.", Severity.NOTE)
REPORT = Report(Path("site"), (CHANGE, NEW), (NOTE, MUST))


def test_text_shows_what_to_do_then_the_diff() -> None:
    """The text has the findings by their severity, a diff of each file, and how to go on."""
    assert as_text(REPORT, written=False) == (
        "To do by hand, in this order (1):\n  1. It is <b>.\n     Do & see.\n       a.py:3\n"
        "\nGood to know (1):\n  1. There.\n     Nothing.\n       lib\n"
        "\n--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+<2>\n"
        "\n--- /dev/null\n+++ b/asgi.py\n@@ -0,0 +1 @@\n+x\n"
        "\n2 files would change. Nothing was written; do so with --write.\n"
    )


def test_same_finding_at_many_places_is_one_entry() -> None:
    """Places stand below what is said of all of them, ten at most; JSON has all."""
    many = Report(Path("site"), (), tuple(replace(MUST, line=line, shown="<b>") for line in range(1, 13)))
    text = as_text(many, written=False)
    assert text.count("It is <b>.") == 1
    assert "a.py:10: <b>\n       … and 2 more; --json lists them all\n" in text
    assert len(json.loads(as_json(many, written=False))["findings"]) == 12


def test_uncommitted_work_is_named_before_writing() -> None:
    """Who writes with changes of their own in the tree cannot tell them from the command's."""
    dirty = replace(REPORT, uncommitted=("a.py", "b.py", "c.py", "d.py"))
    assert "Commit your own changes first (a.py, b.py, c.py, …)" in as_text(dirty, written=False)
    assert "Commit your own changes" not in as_text(dirty, written=True)


def test_text_after_writing_has_no_diff() -> None:
    """What was written is counted, not shown again."""
    assert as_text(REPORT, written=True).startswith("To do by hand, in this order (1):\n")
    assert "--- a/a.py" not in as_text(REPORT, written=True)
    assert "2 files written.\n\nWhat to do next:\n  1. Read what changed" in as_text(REPORT, written=True)


def test_text_of_nothing_to_do() -> None:
    """A site that has moved gets one sentence."""
    nothing = Report(Path("site"), (), ())
    assert as_text(nothing, written=False) == "No file needs a change.\n"
    assert as_text(nothing, written=True) == "Nothing to write: all files are as they should be.\n"


def test_json_has_everything() -> None:
    """JSON holds changes with their diffs, and findings, for other programs."""
    shown = json.loads(as_json(REPORT, written=False))
    assert (shown["root"], shown["written"]) == ("site", False)
    assert [(change["path"], change["new"]) for change in shown["changes"]] == [("a.py", False), ("asgi.py", True)]
    assert shown["changes"][0]["diff"] == diff_of(CHANGE)
    assert shown["findings"][1] == {
        "path": "a.py",
        "line": 3,
        "severity": "must",
        "step": "code",
        "shown": "",
        "what": "It is <b>.",
        "todo": "Do & see.",
    }


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_html_shows_the_same_and_escapes_it() -> None:
    """The page holds findings and diffs, and nothing from a site's files becomes markup."""
    page = _Texts()
    page.feed(as_html(REPORT, written=False))
    assert {"It is <b>.", "Do & see.", "a.py:3", "+<2>", "-two"} <= set(page.texts)
    assert "b" not in page.tags
    assert not {"script", "link", "img"} & set(page.tags)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\r\nb\r\n", "a\r\nc\r\n"),
        ("a", "b"),
        ("a\nb", "a\nb\n"),
        ("a\x0cb\n", "a\x0cc\n"),
        ("", "x\n"),
        (None, "new\n"),
    ],
)
def test_diff_is_one_that_git_applies(tmp_path: Path, before: str | None, after: str) -> None:
    """`git apply` makes the new file of the old one, whatever its line endings."""
    if before is not None:
        (tmp_path / "a.txt").write_bytes(before.encode())
    change = Change(None if before is None else SourceFile("a.txt", before), SourceFile("a.txt", after))
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff_of(change).encode(), check=True, timeout=60)
    assert (tmp_path / "a.txt").read_bytes() == after.encode()
