"""gevent's patches, which the old server needed."""

from __future__ import annotations

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ws4channels.migration.fixer import Severity
from ws4channels.migration.python_fixer import PythonFixer, Transformer

_TODO = (
    "Remove it unless something else needs gevent: the processes that serve websockets run on asyncio, and must not be "
    "patched."
)


class _GeventPatches(Transformer):
    def visit_Call(self, node: cst.Call) -> None:
        """Report ``monkey.patch_all()`` and its kin."""
        for name in self.imported_names(node.func):
            if name.startswith("gevent.monkey.patch_"):
                self.report(node, f"{name}() changes the whole process.", _TODO, Severity.CHECK)

    def visit_Assign(self, node: cst.Assign) -> None:
        """Report ``redis.connection.socket = gevent.socket``."""
        source = get_full_name_for_node(node.value) or ""
        for target in node.targets:
            name = get_full_name_for_node(target.target) or ""
            if name.startswith("redis.") and source.startswith("gevent."):
                self.report(node, f"{name} is replaced by {source}.", _TODO, Severity.CHECK)


class GeventPatchesFixer(PythonFixer):
    """Reports patches by gevent."""

    words = ("gevent",)
    transformer = _GeventPatches
