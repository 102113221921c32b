"""Tests of the helpers for LibCST nodes."""

from __future__ import annotations

import libcst as cst
import pytest

from ws4channels.migration.texts import beside, text_of, what_is_left, with_text


def literal(source: str) -> cst.SimpleString:
    """Return a literal."""
    return cst.ensure_type(cst.parse_expression(source), cst.SimpleString)


@pytest.mark.parametrize(
    ("source", "text"), [("'a'", "a"), ('u"a"', "a"), ("'''a'''", "a"), ("b'a'", None), ("f'a'", None), ("a", None)]
)
def test_text_of_a_literal(source: str, text: str | None) -> None:
    """Plain texts are read; bytes, formatted texts and names are not."""
    assert text_of(cst.parse_expression(source)) == text


@pytest.mark.parametrize(
    ("source", "expected"), [("'a'", "'b'"), ('u"a"', 'u"b"'), ("'''a'''", "'''b'''"), ("r'a'", "r'b'")]
)
def test_quotes_are_kept(source: str, expected: str) -> None:
    """Another text stands in the same quotes, with the same prefix."""
    assert with_text(literal(source), "b").value == expected


@pytest.mark.parametrize(("source", "expected"), [("'a'", "'b'"), ('u"a"', '"b"'), ("'''a'''", '"b"'), ("a", '"b"')])
def test_neighbours_quotes_are_used(source: str, expected: str) -> None:
    """A new text beside another has its quotes, but neither a prefix nor three of them."""
    assert beside(cst.parse_expression(source), "b").value == expected


@pytest.mark.parametrize(("removed", "expected"), [("a", "b; c\n"), ("b", "a; c\n"), ("c", "a; b\n"), ("abc", None)])
def test_line_reads_well_without_a_statement(removed: str, expected: str | None) -> None:
    """Semicolons stand between statements only; an empty line is removed."""
    line = cst.ensure_type(cst.parse_statement("a; b; c"), cst.SimpleStatementLine)
    body = [small for small in line.body if cst.Module([]).code_for_node(small)[0] not in removed]
    left = what_is_left(line.with_changes(body=body))
    assert (cst.Module([]).code_for_node(left) if isinstance(left, cst.CSTNode) else None) == expected
