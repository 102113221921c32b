"""What the command shows: a unified diff, and findings as text, JSON or HTML."""

from __future__ import annotations

import difflib
import html
import json
from collections.abc import Iterator

from ws4channels.migration.engine import Change, Report
from ws4channels.migration.fixer import Finding, Severity

_TITLES = {
    Severity.MUST: "To do by hand",
    Severity.CHECK: "To look at",
    Severity.NOTE: "Good to know",
}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #ccc; padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; }
td:first-child { white-space: nowrap; }
pre { background: #f6f6f6; overflow-x: auto; padding: 1rem; }
.add { color: #060; } .remove { color: #a00; } .at { color: #666; }
"""


def diff_of(change: Change) -> str:
    """Return the unified diff of one file, as ``patch`` and ``git apply`` take it."""
    path = change.after.path
    old = f"a/{path}" if change.before is not None else "/dev/null"
    before = change.before.text if change.before is not None else ""
    lines = difflib.unified_diff(_split(before), _split(change.after.text), old, f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _split(text: str) -> list[str]:
    # Not splitlines(), which also splits at form feeds and the like.
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def as_text(report: Report, written: bool) -> str:
    """Return the diff, unless it was written, and the findings."""
    parts = [] if written else [diff_of(change) for change in report.changes]
    for severity, title in _TITLES.items():
        found = [finding for finding in report.findings if finding.severity is severity]
        if found:
            parts.append("\n".join([f"{title} ({len(found)}):", *map(_as_lines, found), ""]))
    return "\n".join([*parts, _summary(report, written), ""])


def _as_lines(finding: Finding) -> str:
    return f"  {_place(finding)}: {finding.what}\n      {finding.todo}"


def _place(finding: Finding) -> str:
    return f"{finding.path}:{finding.line}" if finding.line else finding.path


def _summary(report: Report, written: bool) -> str:
    files = f"{len(report.changes)} file{'' if len(report.changes) == 1 else 's'}"
    if written:
        return f"{files} written." if report.changes else "Nothing to write: all files are as they should be."
    if report.changes:
        return f"{files} would change. Nothing was written; do so with --write."
    return "No file needs a change."


def as_json(report: Report, written: bool) -> str:
    """Return the report as one JSON object: ``root``, ``written``, ``changes``, ``findings``."""
    return json.dumps(
        {
            "root": str(report.root),
            "written": written,
            "changes": [
                {"path": change.after.path, "new": change.before is None, "diff": diff_of(change)}
                for change in report.changes
            ],
            "findings": [
                {
                    "path": finding.path,
                    "line": finding.line,
                    "severity": finding.severity.value,
                    "what": finding.what,
                    "todo": finding.todo,
                }
                for finding in report.findings
            ],
        },
        indent=2,
    )


def as_html(report: Report, written: bool) -> str:
    """Return the report as a page of its own, with nothing to load."""
    title = f"Migration of {html.escape(report.root.resolve().name)}"
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>',
            f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<p>{html.escape(_summary(report, written))}</p>",
            *_html_findings(report),
            *_html_diffs(report),
            "</html>\n",
        ]
    )


def _html_findings(report: Report) -> Iterator[str]:
    for severity, title in _TITLES.items():
        found = [finding for finding in report.findings if finding.severity is severity]
        if found:
            yield f"<h2>{title} ({len(found)})</h2>\n<table>\n<tr><th>where<th>what<th>what to do"
            for finding in found:
                cells = (_place(finding), finding.what, finding.todo)
                yield "<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in cells)
            yield "</table>"


def _html_diffs(report: Report) -> Iterator[str]:
    if report.changes:
        yield f"<h2>Changes ({len(report.changes)})</h2>"
    for change in report.changes:
        yield f"<h3>{html.escape(change.after.path)}</h3>\n<pre>"
        yield from (_html_line(line) for line in diff_of(change).split("\n"))
        yield "</pre>"


def _html_line(line: str) -> str:
    kind = {"+": "add", "-": "remove", "@": "at"}.get(line[:1])
    text = html.escape(line)
    return f'<span class="{kind}">{text}</span>' if kind else text
