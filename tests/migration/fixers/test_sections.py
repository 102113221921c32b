"""Tests of finding the section and key of a place."""

from __future__ import annotations

import pytest

from ws4channels.migration.fixers.requirements_files import place_of

TEXT = """\
top = X1
[a.b]  # c
key = [
    "X2",
    ["X3"],
]
"quoted" = X4
[[array]]
X5
[single]
other-key: X6
last.key = X7
"""


@pytest.mark.parametrize(
    ("mark", "place"),
    [
        ("X1", ("", "top")),
        ("X2", ("a.b", "key")),
        ("X3", ("a.b", "key")),
        ("X4", ("a.b", "quoted")),
        ("X5", ("array", "")),
        ("X7", ("single", "last.key")),
    ],
)
def test_section_and_key_are_told(mark: str, place: tuple[str, str]) -> None:
    """The nearest header and the nearest key before the place count; nested lists are no headers."""
    assert place_of(TEXT, TEXT.index(mark)) == place
