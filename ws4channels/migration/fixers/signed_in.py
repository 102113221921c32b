"""``user.is_authenticated()``: not a method any more since Django 2.0."""

from __future__ import annotations

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node

from ws4channels.migration.facts import Facts
from ws4channels.migration.fixer import Severity
from ws4channels.migration.python_fixer import PythonFixer, Transformer
from ws4channels.migration.source import SourceFile

_WERE_METHODS = ("is_authenticated", "is_anonymous")
_ASKS = m.Call(func=m.Name("callable"), args=[m.Arg(m.Attribute(attr=m.OneOf(*map(m.Name, _WERE_METHODS))))])


class _SignedIn(Transformer):
    def __init__(self, file: SourceFile, facts: Facts) -> None:
        super().__init__(file, facts)
        self._guards = 0

    def visit_If_body(self, node: cst.If) -> None:
        """Note that the site has asked whether it is a method."""
        self._guards += m.matches(node.test, _ASKS)

    def leave_If_body(self, node: cst.If) -> None:
        """Forget it where that holds no more."""
        self._guards -= m.matches(node.test, _ASKS)

    def visit_Call(self, node: cst.Call) -> None:
        """Report calls without arguments on what is named a user."""
        if (
            self._guards
            or node.args
            or not isinstance(node.func, cst.Attribute)
            or node.func.attr.value not in _WERE_METHODS
        ):
            return
        owner = (get_full_name_for_node(node.func.value) or "").rpartition(".")[2]
        if owner.lower().endswith("user"):
            name = node.func.attr.value
            self.report(
                node,
                f"{owner}.{name}() fails: since Django 2.0 it is no method.",
                f"Write {owner}.{name} without parentheses.",
                Severity.MUST,
            )


class SignedInFixer(PythonFixer):
    """Reports calls of what have become attributes."""

    words = _WERE_METHODS
    transformer = _SignedIn
