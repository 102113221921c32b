"""One file of a site: its path, its text, and how to turn the text into the same bytes again."""

from __future__ import annotations

import io
import tokenize
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath

_UTF8_MARK = b"\xef\xbb\xbf"


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
    def folder(self) -> str:
        """The path without the name; empty for files in the root."""
        return "/".join(self.path.split("/")[:-1])

    @property
    def is_python(self) -> bool:
        """Whether this is Python source."""
        return self.suffix == ".py"

    @cached_property
    def newline(self) -> str:
        """The line ending that lines added to this file get: that of its first line."""
        first, found, _ = self.text.partition("\n")
        return "\r\n" if found and first.endswith("\r") else "\n"

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return self.text.splitlines()

    def line_of(self, offset: int) -> int:
        """Return the number, from 1, of the line that holds the character at `offset`."""
        return self.text.count("\n", 0, offset) + 1

    def with_text(self, text: str) -> SourceFile:
        """Return this file with another text."""
        return replace(self, text=text)

    def to_bytes(self) -> bytes:
        """Return the file's content."""
        return self.text.encode(self.encoding)


def read_source(path: str, raw: bytes) -> SourceFile | None:
    """Return the file with this content, or None if it is no text that can be written back as it was."""
    if b"\0" in raw:
        return None
    encoding = _encoding_of(path, raw)
    try:
        file = SourceFile(path, raw.decode(encoding), encoding)
        unchanged = file.to_bytes() == raw
    except (UnicodeError, LookupError):
        # Every byte is a character in this encoding, so it comes back as it was.
        file, unchanged = SourceFile(path, raw.decode("latin-1"), "latin-1"), True
    return file if unchanged else None


def _encoding_of(path: str, raw: bytes) -> str:
    if path.endswith(".py"):
        try:
            return tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
        except SyntaxError:
            return "latin-1"
    return "utf-8-sig" if raw.startswith(_UTF8_MARK) else "utf-8"
