"""Print the report as text, JSON or HTML: what must be done, in the order of doing, and a unified diff."""

import difflib
import html
import json
import re
from collections.abc import Iterator

from ws4channels.migration.engine import Change, Report
from ws4channels.migration.fixer import Finding, Severity, masked

_TITLES = {Severity.MUST: "To do by hand, in this order", Severity.CHECK: "To look at", Severity.NOTE: "Good to know"}
_KINDS = {"+": "add", "-": "remove", "@": "at"}
_SHOWN = 10
"""How many places of one entry the text shows; JSON has all of them."""
_NEXT = (
    "Read what changed, for example with git diff.",
    "Do what the report lists under 'To do by hand'.",
    "Install what the site requires now, and ws4channels.",
    "python manage.py check",
    "Start Daphne beside the old server, as docs/migrating.md says under 'Three phases'.",
)
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #ccc; padding: .4rem .8rem .4rem 0; text-align: left; vertical-align: top; }
pre { background: #f6f6f6; overflow-x: auto; padding: 1rem; }
.add { color: #060; } .remove { color: #a00; } .at { color: #666; }
"""


def diff_of(change: Change) -> str:
    """Return the unified diff of one file, as ``patch`` and ``git apply`` take it."""
    path = change.after.path
    old = f"a/{path}" if change.before is not None else "/dev/null"
    before = change.before.text if change.before is not None else ""
    # Not by splitlines(), which also splits at form feeds and the like.
    was, now = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (before, change.after.text))
    lines = difflib.unified_diff(was, now, old, f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _sections(report: Report) -> Iterator[tuple[str, list[list[Finding]]]]:
    """Yield title and entries of each severity; findings that say the same of different places are one entry."""
    for severity, title in _TITLES.items():
        entries: dict[tuple[str, str], list[Finding]] = {}
        for finding in report.findings:
            if finding.severity is severity:
                entries.setdefault((finding.what, finding.todo), []).append(finding)
        if entries:
            yield title, list(entries.values())


def as_text(report: Report, written: bool) -> str:
    """Return what to do, the diff unless it was written, and how to go on."""
    parts = []
    for title, entries in _sections(report):
        parts += [f"{title} ({len(entries)}):", *map(_as_lines, range(1, 1 + len(entries)), entries), ""]
    parts += [] if written else [diff_of(change) for change in report.changes]
    return "\n".join([*parts, *_summary(report, written), ""])


def _as_lines(number: int, entry: list[Finding]) -> str:
    lines = [f"{number:3}. {entry[0].what}", f"     {entry[0].todo}"]
    lines += [f"       {_place(finding)}{f': {finding.shown}' if finding.shown else ''}" for finding in entry[:_SHOWN]]
    if len(entry) > _SHOWN:
        lines.append(f"       … and {len(entry) - _SHOWN} more; --json lists them all")
    return "\n".join(lines)


def _place(finding: Finding) -> str:
    return f"{finding.path}:{finding.line}" if finding.line else finding.path


def _summary(report: Report, written: bool) -> list[str]:
    files = f"{len(report.changes)} file{'' if len(report.changes) == 1 else 's'}"
    if written:
        if not report.changes:
            return ["Nothing to write: all files are as they should be."]
        return [f"{files} written.", "", "What to do next:", *(f"  {n}. {text}" for n, text in enumerate(_NEXT, 1))]
    if not report.changes:
        return ["No file needs a change."]
    lines = [f"{files} would change. Nothing was written; do so with --write."]
    if report.uncommitted:
        some = ", ".join(report.uncommitted[:3]) + (", …" if len(report.uncommitted) > 3 else "")
        why = "then git diff shows what this command changed, and no more."
        lines.append(f"Commit your own changes first ({some}): {why}")
    return lines


def as_json(report: Report, written: bool) -> str:
    """Return the report as one JSON object: ``root``, ``written``, ``changes``, ``findings``."""
    changes = [{"path": each.after.path, "new": each.before is None, "diff": diff_of(each)} for each in report.changes]
    findings = [{**vars(each), "step": each.step.name.lower()} for each in report.findings]
    whole = {"root": str(report.root), "written": written, "uncommitted": report.uncommitted}
    return json.dumps({**whole, "changes": changes, "findings": findings}, indent=2)


def as_html(report: Report, written: bool) -> str:
    """Return the report as a page of its own, with nothing to load."""
    title = f"Migration of {html.escape(report.root.resolve().name)}"
    head = f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{title}</title>'
    summary = (f"<p>{html.escape(line)}</p>" for line in _summary(report, written) if line)
    body = [f"<style>{_STYLE}</style>\n<h1>{title}</h1>", *summary, *_html_parts(report)]
    return "\n".join([head, *body, "</html>\n"])


def _html_parts(report: Report) -> Iterator[str]:
    for title, entries in _sections(report):
        yield f"<h2>{title} ({len(entries)})</h2>\n<table>\n<tr><th>what<th>what to do<th>where"
        for entry in entries:
            places = "<br>".join(html.escape(f"{_place(each)} {each.shown}".rstrip()) for each in entry)
            yield f"<tr><td>{html.escape(entry[0].what)}<td>{html.escape(entry[0].todo)}<td>{places}"
        yield "</table>"
    if report.changes:
        yield f"<h2>Changes ({len(report.changes)})</h2>"
    for change in report.changes:
        diff = "\n".join(html.escape(masked(line)) for line in diff_of(change).split("\n"))
        colored = re.sub("(?m)^([+@-]).*", lambda found: f'<span class="{_KINDS[found[1]]}">{found[0]}</span>', diff)
        yield f"<h3>{html.escape(change.after.path)}</h3>\n<pre>\n{colored}\n</pre>"
