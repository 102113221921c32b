"""The sample sites hold what their table says they do."""

from __future__ import annotations

import re

import pytest

from tests.migration.sample_sites import SAMPLE_SITES, SHARED, SITES

TABLE = re.compile(r"^\| .+ \| `([^`]+)` \| `([^`]+)` \|$", re.M)
ROWS = TABLE.findall((SITES / "README.md").read_text("utf-8"))


def test_table_is_read() -> None:
    """Each row that names a file is found."""
    rows = (SITES / "README.md").read_text("utf-8").partition("## What of real sites")[2].count("\n| ")
    assert len(ROWS) == rows - 1  # without the head
    assert len(ROWS) > 50


@pytest.mark.parametrize(("path", "text"), ROWS)
def test_site_holds_what_the_table_says(path: str, text: str) -> None:
    """The file of each row exists, and the text stands in it."""
    assert text in (SITES / path).read_text("utf-8")


def test_every_directory_is_a_known_site() -> None:
    """No site is forgotten, and the table names all of them."""
    directories = {path.name for path in SITES.iterdir() if path.is_dir()} - {SHARED.name}
    assert directories == set(SAMPLE_SITES)
    assert directories == {path.partition("/")[0] for path, _ in ROWS}
