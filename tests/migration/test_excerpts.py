"""Tests of the shortening of large modules."""

from __future__ import annotations

import ast

import pytest

from ws4channels.migration.excerpts import SMALL, excerpt_of

LARGE = (
    "import os\n\n@decorated\nclass A:\n    x = 1\n\n# About y.\ny = [\n"
    + "    1,\n" * SMALL
    + "]\nfrom ws4redis import publisher\nz = 1; w = 2\ndef f():\n    return ws4redis\nlast = 3"
)


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_matters_stays_and_the_rest_comes_back(newline: str) -> None:
    """Imports, what names the original and comments stay; the whole is restored to the letter."""
    text = LARGE.replace("\n", newline)
    excerpt, left_out = excerpt_of(text)
    ast.parse(excerpt)
    assert len(excerpt.replace("\r", "").replace("\n", "")) < SMALL
    assert "class A" not in excerpt
    assert "# About y." in excerpt
    for stub, statement in left_out.items():
        excerpt = excerpt.replace(stub, statement)
    assert excerpt == text


def test_lines_are_those_of_the_whole() -> None:
    """A line of the excerpt has the number that it has in the whole module."""
    excerpt, _ = excerpt_of(LARGE)
    for words in ("import os", "from ws4redis import publisher", "last = 3"):
        line = next(n for n, each in enumerate(excerpt.split("\n")) if each.startswith(words))
        assert LARGE.split("\n")[line].startswith(words)


def test_statement_that_shares_a_line_stays() -> None:
    """To leave it out would break the other."""
    text = f"a = [\n1]; b = [\n2]\nc = 1; d = [\n{'3,' * SMALL}]\n"
    assert excerpt_of(text) == (text, {})


@pytest.mark.parametrize("text", ["x = 1\n", "x = '\r'\ry = 1\n" + "z = 1\n" * SMALL])
def test_small_and_odd_modules_stay(text: str) -> None:
    """Where it gains nothing, or lines are not what they seem."""
    assert excerpt_of(text) == (text, {})
