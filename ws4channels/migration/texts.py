"""Pieces of Python source that several fixers handle: texts and their quotes, lines and what is left of them."""

from __future__ import annotations

import libcst as cst


def what_is_left(line: cst.SimpleStatementLine) -> cst.SimpleStatementLine | cst.RemovalSentinel:
    """Return a line from which statements were removed, as it should read; or that it should go."""
    if not line.body:
        return cst.RemoveFromParent()
    *first, last = line.body
    return line.with_changes(body=[*first, last.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])


def text_of(node: cst.CSTNode) -> str | None:
    """Return what a plain text literal says; None for bytes and everything else."""
    if not isinstance(node, cst.SimpleString):
        return None
    value = node.evaluated_value
    return value if isinstance(value, str) else None


def with_text(node: cst.SimpleString, text: str) -> cst.SimpleString:
    """Return a literal that says `text`, with the quotes of `node`; `text` holds neither quotes nor backslashes."""
    return node.with_changes(value=f"{node.prefix}{node.quote}{text}{node.quote}")


def beside(node: cst.CSTNode, text: str) -> cst.SimpleString:
    """Return a literal that says `text`, with the quotes of `node` if that is a literal on one line."""
    quote = node.quote if isinstance(node, cst.SimpleString) and len(node.quote) == 1 else '"'
    return cst.SimpleString(f"{quote}{text}{quote}")
