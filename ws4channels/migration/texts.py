"""Helpers for LibCST nodes that several fixers share: literals, imports, and statements after a removal."""

import re
from collections.abc import Collection
from typing import TypeAlias

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import RemoveImportsVisitor

Line: TypeAlias = cst.SimpleStatementLine
Statement: TypeAlias = cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel
SmallStatement: TypeAlias = cst.BaseSmallStatement | cst.RemovalSentinel


def what_is_left(line: Line) -> Line | cst.RemovalSentinel:
    """Return a line from which statements were removed, as it should read; or that it should go."""
    if not line.body:
        return cst.RemoveFromParent()
    *first, last = line.body
    return line.with_changes(body=[*first, last.with_changes(semicolon=cst.MaybeSentinel.DEFAULT)])


def without_dead_branch(node: cst.If) -> Statement:
    """Return an ``if`` whose branches were changed: nothing if it is empty, one branch if both do the same.

    An ``else`` that only repeats how the other branch begins or ends goes: it then stands before or after the ``if``.
    """
    body = statements_of(node.body)
    if not isinstance(node.orelse, cst.Else):
        return node if body or node.orelse is not None else cst.RemoveFromParent()
    rest = statements_of(node.orelse.body)
    does, repeats = ([cst.Module([]).code_for_node(each) for each in block] for block in (body, rest))
    if not body or not rest or does == repeats:
        return cst.FlattenSentinel(rest or body)
    is_end, is_beginning = does[-len(rest) :] == repeats, does[: len(rest)] == repeats
    if not is_end and not is_beginning:
        return node
    own = body[: -len(rest)] if is_end else body[len(rest) :]
    choice = node.with_changes(body=node.body.with_changes(body=own), orelse=None)
    return cst.FlattenSentinel([choice, *rest] if is_end else [*rest, choice])


class _ImportsRemover(RemoveImportsVisitor):
    # LibCST reads each attribute; that of zope.interface, which Daphne brings, cannot be read before it is set.
    __provides__ = None


def without_unused_imports(code: str, names: Collection[str]) -> str:
    """Return code without the imports of any of the dotted `names` that nothing in it uses."""
    context = CodemodContext()
    for name in names:
        module, _, thing = name.rpartition(".")
        _ImportsRemover.remove_unused_import(context, name)
        if module:
            _ImportsRemover.remove_unused_import(context, module, thing)
    kept = _ImportsRemover(context).transform_module(cst.parse_module(code)).code
    return re.sub(r"(?m)^((?:import|from)\s.*?);[ ]*$", r"\1", kept)


def imported_by(node: cst.ImportFrom) -> list[str]:
    """Return the names that a ``from`` import names; none for a star."""
    return [] if isinstance(node.names, cst.ImportStar) else [alias.evaluated_name for alias in node.names]


def statements_of(block: cst.BaseSuite) -> list[cst.BaseStatement]:
    """Return the statements of an indented block."""
    return [each for each in block.body if isinstance(each, cst.BaseStatement)]


def text_of(node: cst.CSTNode) -> str | None:
    """Return what a plain text literal says; None for bytes and everything else."""
    value = node.evaluated_value if isinstance(node, cst.SimpleString) else None
    return value if isinstance(value, str) else None


def with_text(node: cst.SimpleString, text: str) -> cst.SimpleString:
    """Return a literal that says `text`, with the quotes of `node`; `text` holds neither quotes nor backslashes."""
    return node.with_changes(value=f"{node.prefix}{node.quote}{text}{node.quote}")


def beside(node: cst.CSTNode | None, text: str) -> cst.SimpleString:
    """Return a literal that says `text`, with the quotes of `node` if that is a literal on one line."""
    quote = node.quote if isinstance(node, cst.SimpleString) and len(node.quote) == 1 else '"'
    return cst.SimpleString(f"{quote}{text}{quote}")
