"""Assignments into the modules of ws4redis."""

from __future__ import annotations

import libcst as cst

from ws4channels.migration.fixer import Severity
from ws4channels.migration.original import is_server, module_of, replacement_of
from ws4channels.migration.python_fixer import PythonFixer, Transformer

_PACKAGES = ("ws4redis", "ws4channels")
_TODO_SETTING = "It takes effect here as well, for this process. Better: put it into Django's settings."
_TODO_OTHER = "Make a subclass instead, and use that: what is assigned here is not what ws4channels calls."


class _Monkeypatches(Transformer):
    def visit_Assign(self, node: cst.Assign) -> None:
        """Report each target that belongs to the original."""
        for target in node.targets:
            for name in self.imported_names(target.target) if isinstance(target.target, cst.Attribute) else ():
                if name.partition(".")[0] in _PACKAGES:
                    self._report(node, name.replace("ws4channels", "ws4redis", 1))

    def _report(self, node: cst.Assign, name: str) -> None:
        what = f"{name} is replaced at run time."
        if module_of(name) == "settings":
            self.report(node, what, _TODO_SETTING, Severity.CHECK)
        else:
            todo = replacement_of(module_of(name)) if is_server(name) else _TODO_OTHER
            self.report(node, what, todo, Severity.MUST)


class MonkeypatchesFixer(PythonFixer):
    """Reports replacements of the original's parts."""

    words = _PACKAGES
    transformer = _Monkeypatches
