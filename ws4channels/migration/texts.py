"""Helpers for LibCST nodes that several fixers share: string literals, and statements after a removal."""

from __future__ import annotations

import libcst as cst


def what_is_left(line: cst.SimpleStatementLine) -> cst.SimpleStatementLine | cst.RemovalSentinel:
    """Return a line from which statements were removed, as it should read; or that it should go."""
    if not line.body:
        return cst.RemoveFromParent()
    *first, last = line.body
    return line.with_changes(body=[*first, last.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])


def without_dead_branch(
    node: cst.If,
) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
    """Return an ``if`` whose branches were changed: nothing if it is empty, one branch if both do the same."""
    body = statements_of(node.body)
    if node.orelse is None:
        return node if body else cst.RemoveFromParent()
    if isinstance(node.orelse, cst.Else):
        rest = statements_of(node.orelse.body)
        code = cst.Module([]).code_for_node
        if not body or not rest or code(node.body) == code(node.orelse.body):
            return cst.FlattenSentinel(rest or body)
    return node


def statements_of(block: cst.BaseSuite) -> list[cst.BaseStatement]:
    """Return the statements of an indented block."""
    return [each for each in block.body if isinstance(each, cst.BaseStatement)]


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
