"""``user.is_authenticated()``: not a method any more since Django 2.0."""

from __future__ import annotations

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ws4channels.migration.fixer import Severity
from ws4channels.migration.python_fixer import PythonFixer, Transformer

_WERE_METHODS = ("is_authenticated", "is_anonymous")


class _SignedIn(Transformer):
    def visit_Call(self, node: cst.Call) -> None:
        """Report calls without arguments on what is named a user."""
        if node.args or not isinstance(node.func, cst.Attribute) or node.func.attr.value not in _WERE_METHODS:
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
