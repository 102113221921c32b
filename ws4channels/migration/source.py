"""One file of a site: its path and its text, which can be written back byte for byte."""

import codecs
import difflib
import io
import re
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from posixpath import commonprefix

_PYTHON_SUFFIXES = (".py", ".pyw", ".wsgi")  # mod_wsgi's files are Python under another suffix.
PRINTED = re.compile(r"(?:^|&&|\|\||;|\bRUN\s|@|\bthen\s|\bdo\s)\s*[@-]?(?:echo|printf|logger|log)\b[^&|;]*", re.I)
"""The parts of a line of a shell, make or Docker that only print something."""
_SHEBANG = re.compile(rb"#!.*\bpython[\d.]*\s*$", re.M)


@dataclass(frozen=True)
class SourceFile:
    """A text file. `path` is below the project's root, with slashes; `text` has the file's own line endings."""

    path: str
    text: str
    encoding: str = "utf-8"

    @cached_property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    @cached_property
    def suffix(self) -> str:
        """What follows the last dot of the name, with the dot; may be empty."""
        return PurePosixPath(self.path).suffix

    @cached_property
    def is_python(self) -> bool:
        """Whether this is Python source, by its suffix or its first line."""
        return is_python(self.path, self.text[:200].encode("utf-8", "replace"))

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return self.text.splitlines()

    def line_of(self, offset: int) -> int:
        """Return the number, from 1, of the line that holds the character at `offset`."""
        return self.text.count("\n", 0, offset) + 1

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        return self.text.encode(self.encoding)


def is_python(path: str, raw: bytes) -> bool:
    """Tell whether a file with this path and beginning is Python source."""
    name = path.rpartition("/")[2]
    return name.endswith(_PYTHON_SUFFIXES) or ("." not in name and _SHEBANG.match(raw) is not None)


def read_source(path: str, raw: bytes) -> SourceFile | None:
    """Return the file with this content, or None if it is no text that can be written back as it was."""
    if b"\0" in raw:
        return None
    encoding = "utf-8-sig" if raw.startswith(codecs.BOM_UTF8) else "utf-8"
    try:
        if is_python(path, raw[:200]):
            encoding = tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
        file = SourceFile(path, raw.decode(encoding), encoding)
    except (UnicodeError, LookupError, SyntaxError):
        # Every byte is a character in this encoding, so it comes back as it was.
        file = SourceFile(path, raw.decode("latin-1"), "latin-1")
    return file if file.to_bytes() == raw else None


def line_in(line: int, before: str, after: str) -> int:
    """Return where line `line` of `before` is in `after`, or the nearest line before it that is still there."""
    if line == 0 or before == after:
        return line
    old, new = before.splitlines(), after.splitlines()
    # Only what lies between the first and the last difference is compared: that takes long in large files.
    first = len(commonprefix([old, new]))
    last = len(commonprefix([old[first:][::-1], new[first:][::-1]]))
    if line <= first:
        return line
    if line > len(old) - last:
        return max(1, min(line - len(old), 0) + len(new))
    matcher = difflib.SequenceMatcher(None, old[first : len(old) - last], new[first : len(new) - last], autojunk=False)
    place = line - 1 - first
    for _, start, end, new_start, new_end in matcher.get_opcodes():
        if start <= place < end:
            return max(1, first + min(new_start + place - start, new_end - 1) + 1)
    return max(1, len(new))
