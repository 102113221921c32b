"""Remove imports that a rewriting has left unused.

LibCST's own visitors for that fail in a process that has imported Twisted, as `manage.py` does where Daphne is
installed: zope.interface adds an attribute to `abc.ABC`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import MetadataWrapper, ScopeProvider

from ws4channels.migration.texts import what_is_left


def without_unused_imports(code: str, names: Collection[str]) -> str:
    """Return code without the top-level imports of any of the dotted `names` that nothing in it uses."""
    wrapper = MetadataWrapper(cst.parse_module(code), unsafe_skip_copy=True)
    return wrapper.visit(_UnusedImports(names)).code


class _UnusedImports(cst.CSTTransformer):
    METADATA_DEPENDENCIES = (ScopeProvider,)

    def __init__(self, names: Collection[str]) -> None:
        super().__init__()
        self._names = names
        self._used: set[str] = set()

    def visit_Module(self, node: cst.Module) -> None:
        """Note which names are read anywhere."""
        scope = self.get_metadata(ScopeProvider, node)
        if scope is not None:
            self._used = {each.name.partition(".")[0] for each in scope.assignments if each.references}

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import | cst.RemovalSentinel:
        """Drop the modules that are not used."""
        kept = [
            alias for alias in updated_node.names if not self._is_needless(get_full_name_for_node(alias.name), alias)
        ]
        return _with_names(updated_node, kept, len(updated_node.names))

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.RemovalSentinel:
        """Drop the names that are not used."""
        if isinstance(updated_node.names, cst.ImportStar) or updated_node.module is None or updated_node.relative:
            return updated_node
        module = get_full_name_for_node(updated_node.module)
        kept = [
            alias for alias in updated_node.names if not self._is_needless(f"{module}.{alias.evaluated_name}", alias)
        ]
        return _with_names(updated_node, kept, len(updated_node.names))

    def _is_needless(self, dotted: str | None, alias: cst.ImportAlias) -> bool:
        bound = alias.evaluated_alias or alias.evaluated_name.partition(".")[0]
        return dotted in self._names and bound not in self._used

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.RemovalSentinel:
        """Drop a line of which nothing is left."""
        return what_is_left(updated_node)


_Import = TypeVar("_Import", cst.Import, cst.ImportFrom)


def _with_names(node: _Import, names: list[cst.ImportAlias], count: int) -> _Import | cst.RemovalSentinel:
    if not names:
        return cst.RemoveFromParent()
    if len(names) == count:
        return node
    return node.with_changes(names=[*names[:-1], names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])
