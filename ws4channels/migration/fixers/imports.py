"""Rename imports of ``ws4redis`` and the uses of the name that they bind."""

from __future__ import annotations

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ImportAssignment, ParentNodeProvider, ScopeProvider

from ws4channels.migration import layout, original
from ws4channels.migration.fixer import Severity
from ws4channels.migration.python_fixer import PythonFixer, Transformer
from ws4channels.migration.syntax import ITS_NAME, OUR_NAME


class _Imports(Transformer):
    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        """Rename ``import ws4redis`` and ``import ws4redis.publisher``."""
        return updated_node.with_changes(names=[self._moved(alias) for alias in original_node.names])

    def _moved(self, alias: cst.ImportAlias) -> cst.ImportAlias:
        dotted = get_full_name_for_node(alias.name) or ""
        if not original.is_the_original(dotted):
            return alias
        if not original.is_moved(dotted):
            self._report_unmoved(alias, dotted)
            return alias
        return alias.with_changes(name=_renamed(alias.name))

    def _report_unmoved(self, node: cst.CSTNode, dotted: str) -> None:
        self.report(
            node,
            f"{dotted} has no counterpart in ws4channels.",
            original.replacement_of(original.module_of(dotted), layout.application_near(self.facts, self.file.path)),
            Severity.MUST,
        )

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        """Rename ``from ws4redis import …`` and ``from ws4redis.publisher import …``."""
        module = self.module_named_by(original_node)
        if original_node.relative or not original.is_the_original(module):
            return self._follow(module, updated_node)
        if module == ITS_NAME:
            return self._from_package(original_node, updated_node)
        if not original.is_moved(module):
            self._report_unmoved(original_node, module)
            return updated_node
        self._report_unknown(original_node, module)
        return _with_elsewhere(_with_our_name(updated_node))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        """Give each import a line of its own where one became two."""
        if len(updated_node.body) == len(original_node.body) or len(original_node.body) > 1:
            return updated_node
        first, *others = (each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for each in updated_node.body)
        line = updated_node.with_changes(body=[first])
        return cst.FlattenSentinel([line, *(cst.SimpleStatementLine([each]) for each in others)])

    def _follow(self, module: str, node: cst.ImportFrom) -> cst.ImportFrom:
        """Rename what is imported from a module of the site that imports the original for others."""
        if module not in self.facts.binders or isinstance(node.names, cst.ImportStar):
            return node
        names = [
            alias.with_changes(name=cst.Name(OUR_NAME)) if alias.evaluated_name == ITS_NAME else alias
            for alias in node.names
        ]
        return node.with_changes(names=names)

    def _from_package(
        self, node: cst.ImportFrom, updated: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        if isinstance(updated.names, cst.ImportStar):
            return _with_our_name(updated)
        ours, theirs = [], []
        for alias in updated.names:
            name = alias.evaluated_name
            if original.is_moved(f"{ITS_NAME}.{name}") or name == "__version__":
                ours.append(alias)
            else:
                theirs.append(alias)
                self._report_unmoved(node, f"{ITS_NAME}.{name}")
        if not ours:
            return updated
        if not theirs:
            return _with_our_name(updated)
        return cst.FlattenSentinel([_with_names(_with_our_name(updated), ours), _with_names(updated, theirs)])

    def _report_unknown(self, node: cst.ImportFrom, module: str) -> None:
        if isinstance(node.names, cst.ImportStar):
            return
        for alias in node.names:
            known = original.NAMES.get(original.module_of(module), set()) | original.ELSEWHERE.keys()
            if alias.evaluated_name not in known:
                self.report(
                    node,
                    f"ws4channels.{original.module_of(module)} has no {alias.evaluated_name}.",
                    "Copy what it does into your site, or do without it.",
                    Severity.MUST,
                )

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Rename the uses of the name that an import binds, and what else the same scope binds it to."""
        if original_node.value != ITS_NAME or not self._is_variable(original_node):
            return updated_node
        return updated_node.with_changes(value=OUR_NAME) if self._stands_for_package(original_node) else updated_node

    def _is_variable(self, node: cst.Name) -> bool:
        parent = self.get_metadata(ParentNodeProvider, node)
        if isinstance(parent, cst.Attribute):
            return parent.value is node and not self._within_import(parent) and not self._names_the_server(parent)
        if isinstance(parent, cst.Arg):
            return parent.keyword is not node
        return not isinstance(parent, (cst.ImportAlias, cst.ImportFrom, cst.AsName, cst.Param))

    def _within_import(self, node: cst.CSTNode) -> bool:
        while isinstance(node, (cst.Attribute, cst.ImportAlias)):
            node = self.get_metadata(ParentNodeProvider, node)
        return isinstance(node, (cst.Import, cst.ImportFrom))

    def _names_the_server(self, node: cst.Attribute) -> bool:
        return original.is_server(f"{ITS_NAME}.{node.attr.value}")

    def _stands_for_package(self, node: cst.Name) -> bool:
        scope = self.get_metadata(ScopeProvider, node, None)
        if scope is None:
            return False
        assignments = scope[ITS_NAME]
        if not assignments:
            return self._comes_by_star()
        return any(self._imports_package(each) for each in assignments)

    def _comes_by_star(self) -> bool:
        return any(base.name in self.facts.binders for base in self.facts.bases_of(self.file.path))

    def _imports_package(self, assignment: object) -> bool:
        if not isinstance(assignment, ImportAssignment):
            return False
        if isinstance(assignment.node, cst.ImportFrom):
            return self.module_named_by(assignment.node) in self.facts.binders
        return any(
            alias.asname is None
            and original.is_the_original(alias.evaluated_name)
            and original.is_moved(alias.evaluated_name)
            for alias in cst.ensure_type(assignment.node, cst.Import).names
        )

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        """Rename ``utils.ws4redis`` where the site's module ``utils`` imports the original."""
        if original_node.attr.value != ITS_NAME or self._within_import(original_node):
            return updated_node
        owners = {self.absolute(name) for name in self.imported_names(original_node.value)}
        return updated_node.with_changes(attr=cst.Name(OUR_NAME)) if owners & self.facts.binders else updated_node


class ImportsFixer(PythonFixer):
    """Fixes imports."""

    transformer = _Imports


def _renamed(name: cst.Name | cst.Attribute) -> cst.Name | cst.Attribute:
    """Return a dotted name with its first part replaced by ours."""
    if isinstance(name, cst.Attribute):
        return name.with_deep_changes(_first_of(name), value=OUR_NAME)
    return name.with_changes(value=OUR_NAME)


def _first_of(name: cst.BaseExpression) -> cst.BaseExpression:
    while isinstance(name, cst.Attribute):
        name = name.value
    return name


def _with_our_name(node: cst.ImportFrom) -> cst.ImportFrom:
    assert node.module is not None
    return node.with_changes(module=_renamed(node.module))


def _with_elsewhere(node: cst.ImportFrom) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
    """Return an import without what the original had from redis-py, and one that imports that from there."""
    if isinstance(node.names, cst.ImportStar):
        return node
    theirs = [alias for alias in node.names if alias.evaluated_name in original.ELSEWHERE]
    ours = [alias for alias in node.names if alias not in theirs]
    if not theirs:
        return node
    package = original.ELSEWHERE[theirs[0].evaluated_name]
    moved = _with_names(node, theirs).with_changes(module=cst.Name(package))
    return cst.FlattenSentinel([_with_names(node, ours), moved]) if ours else moved


def _with_names(node: cst.ImportFrom, names: list[cst.ImportAlias]) -> cst.ImportFrom:
    last = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return node.with_changes(names=[*names[:-1], last])
