"""Tests of reading files and writing the same bytes."""

from __future__ import annotations

import pytest

from ws4channels.migration.source import SourceFile, line_in, read_source


@pytest.mark.parametrize(
    ("path", "raw", "encoding"),
    [
        ("a.py", "x = 'ä'\n".encode(), "utf-8"),
        ("a.py", "x = 'ä'\r\ny\n".encode("utf-8-sig"), "utf-8-sig"),
        ("a.py", "# -*- coding: latin-1 -*-\nx = 'ä'\n".encode("latin-1"), "iso-8859-1"),
        ("a.py", b"# coding: klingon\n", "latin-1"),
        ("a.py", b"x = '\xff'\n", "latin-1"),
        ("a.html", "<p>ä\x0c\r".encode(), "utf-8"),
        ("a.html", "<p>ä".encode("utf-8-sig"), "utf-8-sig"),
        ("a.conf", b"\xff\xe4\r\n", "latin-1"),
        ("a.txt", b"", "utf-8"),
    ],
)
def test_bytes_come_back(path: str, raw: bytes, encoding: str) -> None:
    """Whatever a file's encoding and line endings, writing what was read changes no byte."""
    file = read_source(path, raw)
    assert file is not None
    assert file.encoding == encoding
    assert file.to_bytes() == raw


def test_binary_file_is_none() -> None:
    """What holds a zero byte is no text."""
    assert read_source("a.mo", b"a\0b") is None


def test_parts_of_the_path() -> None:
    """A file knows its name and suffix."""
    file = SourceFile("a/b/c.py", "")
    assert (file.name, file.suffix, file.is_python) == ("c.py", ".py", True)


def test_line_of_an_offset() -> None:
    """Lines count from 1."""
    file = SourceFile("a", "one\ntwo\n")
    assert [file.line_of(offset) for offset in (0, 3, 4)] == [1, 1, 2]


@pytest.mark.parametrize(
    ("line", "expected"),
    [(0, 0), (1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5)],
)
def test_lines_are_followed(line: int, expected: int) -> None:
    """A line that stayed is found where it is now; one that went has the last line of what took its place."""
    assert line_in(line, "a\nb\nc\nd\ne\nf\n", "a\nX\nY\ne\nf\n") == expected
