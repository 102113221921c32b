"""Report the lines that still name ws4redis after all fixers have run."""

import io
import re
import tokenize
from collections.abc import Collection, Iterator

from ws4channels.migration.fixer import Finding, Severity, SourceFile, Step
from ws4channels.migration.original import ITS_NAME
from ws4channels.migration.source import PRINTED, line_in

_STAYS = re.compile(r"ws4redis:memberof|ws4redis(?:\.min)?\.js|[\w/@.-]+/ws4redis[\w/.-]*|ws4redis/[\w/.-]+")
"""What keeps its name: a key of sessions, the browser client, and paths of the site."""
_NAMES = re.compile(r"(?<![\w-])(?:ws4redis(?!\w)|django-websocket-redis)")
# A string that begins with the name may be meant for an import, one with the package's for pip; a docstring is prose.
_IN_STRING = re.compile(r"""[A-Za-z]*(["'])(?!\1)(?:ws4redis(?![\w:/ ])|[^\n]*django-websocket-redis)""")
_DOCUMENTS = re.compile(
    r"(?i)\.(?:md|rst|po|pot|lock|map|csv|html?|[cm]?[jt]sx?|vue|haml|pug)$|(?:^|/)(?:changelog|changes|license|news|history|readme|authors)[^/]*$"
)
_COMMENT = re.compile(r"\s*(?:#|//|/?\*|;|--|<!--|\{#|\{% comment|-#)")
_WHAT = "This still names the original."
_TODO = "Write ws4channels if it means the package; leave it if it is a name of your own."


def leftovers_in(now: SourceFile, before: SourceFile, reported: Collection[int]) -> Iterator[Finding]:
    """Yield the lines of a file that name the original, other than comments, prose and what keeps its name.

    `now` is the file as the fixers have left it, `before` as it was; `reported` are the lines of other findings.
    """
    if (ITS_NAME not in now.text and "django-websocket-redis" not in now.text) or _DOCUMENTS.search(now.path):
        return
    lines = _in_python(now) if now.is_python else _in_text(now)
    for number in sorted(set(lines)):
        line = line_in(number, now.text, before.text)
        if line not in reported:
            shown = now.text.split("\n")[number - 1].strip()[:200]
            yield Finding(now.path, line, _WHAT, _TODO, Severity.CHECK, shown, Step.CLEAN_UP)


def _in_text(file: SourceFile) -> Iterator[int]:
    for number, line in enumerate(file.text.split("\n"), 1):
        if not _COMMENT.match(line) and _NAMES.search(_STAYS.sub("", PRINTED.sub("", line))):
            yield number


def _in_python(file: SourceFile) -> Iterator[int]:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(file.text).readline))
    except (tokenize.TokenError, SyntaxError):
        return
    for token in tokens:
        is_name = token.type == tokenize.NAME and token.string == ITS_NAME
        is_text = token.type == tokenize.STRING and _IN_STRING.match(token.string) is not None
        if (is_name or is_text) and not _STAYS.search(token.string):
            yield token.start[0]
