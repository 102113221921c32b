"""Rename imports of ``ws4redis`` and the uses of the name that they bind."""

from collections.abc import Callable

import libcst as cst
from libcst.metadata import ImportAssignment, ParentNodeProvider, ScopeProvider

from ws4channels.migration import original
from ws4channels.migration.original import ITS_NAME, OUR_NAME
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.texts import Line, Statement, imported_by


class _Imports(Transformer):
    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        return updated_node.with_changes(names=[self._moved(alias) for alias in original_node.names])

    def _moved(self, alias: cst.ImportAlias) -> cst.ImportAlias:
        dotted = alias.evaluated_name
        if not original.is_the_original(dotted):
            return alias
        if not original.is_moved(dotted):
            self.report_unmoved(alias, dotted)
            return alias
        return alias.with_changes(name=_renamed(dotted))

    def leave_ImportFrom(
        self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom
    ) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
        module, names = self.module_named_by(original_node), imported_by(original_node)
        if original_node.relative or not original.is_the_original(module):
            return self._follow(module, updated_node)
        ours = updated_node.with_changes(module=_renamed(module))
        if module == ITS_NAME:
            for name in names:
                if not _is_in_our_package(name):
                    self.report_unmoved(original_node, f"{ITS_NAME}.{name}")
            return _divided(ours, updated_node, _is_in_our_package)
        if not original.is_moved(module):
            self.report_unmoved(original_node, module)
            return updated_node
        part = original.module_of(module)
        for name in names:
            if name not in original.NAMES.get(part, set()) | original.OF_REDIS_PY:
                self.report(original_node, "no-such-name", module=part, name=name)
        of_redis_py = updated_node.with_changes(module=cst.Name("redis"))
        return _divided(ours, of_redis_py, lambda name: name not in original.OF_REDIS_PY)

    def leave_SimpleStatementLine(self, original_node: Line, updated_node: Line) -> Statement:
        """Give each import a line of its own where one became two."""
        if len(updated_node.body) == len(original_node.body) or len(original_node.body) > 1:
            return updated_node
        first, *others = (each.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for each in updated_node.body)
        return cst.FlattenSentinel([updated_node.with_changes(body=[first]), *(Line([each]) for each in others)])

    def _follow(self, module: str, node: cst.ImportFrom) -> cst.ImportFrom:
        """Rename what is imported from a module of the site that imports the original for others."""
        if module not in self.facts.binders or isinstance(node.names, cst.ImportStar):
            return node
        ours = cst.Name(OUR_NAME)
        names = [alias.with_changes(name=ours) if alias.evaluated_name == ITS_NAME else alias for alias in node.names]
        return node.with_changes(names=names)

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Rename the uses of the name that an import binds, and what else the same scope binds it to."""
        is_ours = original_node.value == ITS_NAME and self._is_variable(original_node)
        if not is_ours or not self._stands_for_package(original_node):
            return updated_node
        return updated_node.with_changes(value=OUR_NAME)

    def _is_variable(self, node: cst.Name) -> bool:
        parent = self.metadata_of(ParentNodeProvider, node)
        if isinstance(parent, cst.Attribute):
            is_server = original.is_server(f"{ITS_NAME}.{parent.attr.value}")
            return parent.value is node and not is_server and not self._within_import(parent)
        if isinstance(parent, cst.Arg):
            return parent.keyword is not node
        return not isinstance(parent, (cst.ImportAlias, cst.ImportFrom, cst.AsName, cst.Param))

    def _within_import(self, node: cst.CSTNode) -> bool:
        return self.is_within(node, lambda above, _: isinstance(above, (cst.Import, cst.ImportFrom)))

    def _stands_for_package(self, node: cst.Name) -> bool:
        scope = self.metadata_of(ScopeProvider, node, None)
        if scope is None:
            return False
        if assignments := scope[ITS_NAME]:
            return any(self._imports_package(each) for each in assignments)
        return any(base.name in self.facts.binders for base in self.facts.bases_of(self.file.path))

    def _imports_package(self, assignment: object) -> bool:
        if not isinstance(assignment, ImportAssignment):
            return False
        if isinstance(assignment.node, cst.ImportFrom):
            return self.module_named_by(assignment.node) in self.facts.binders
        aliases = cst.ensure_type(assignment.node, cst.Import).names
        names = [alias.evaluated_name for alias in aliases if alias.asname is None]
        return any(original.is_the_original(name) and original.is_moved(name) for name in names)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        """Rename ``utils.ws4redis`` where the site's module ``utils`` imports the original."""
        if original_node.attr.value != ITS_NAME or self._within_import(original_node):
            return updated_node
        owners = {self.absolute(name) for name in self.imported_names(original_node.value)}
        return updated_node.with_changes(attr=cst.Name(OUR_NAME)) if owners & self.facts.binders else updated_node


fix = _Imports.fix


def _renamed(dotted: str) -> cst.BaseExpression:
    return cst.parse_expression(dotted.replace(ITS_NAME, OUR_NAME, 1))


def _is_in_our_package(name: str) -> bool:
    return original.is_moved(f"{ITS_NAME}.{name}") or name == "__version__"


def _divided(
    ours: cst.ImportFrom, theirs: cst.ImportFrom, is_ours: Callable[[str], bool]
) -> cst.ImportFrom | cst.FlattenSentinel[cst.BaseSmallStatement]:
    """Return `ours` with the names that are, and `theirs` with the others; one of them if the other has no names."""
    if isinstance(ours.names, cst.ImportStar):
        return ours
    kept = [alias for alias in ours.names if is_ours(alias.evaluated_name)]
    others = [alias for alias in ours.names if alias not in kept]
    if not kept or not others:
        return ours if kept else theirs
    return cst.FlattenSentinel([_with_names(ours, kept), _with_names(theirs, others)])


def _with_names(node: cst.ImportFrom, names: list[cst.ImportAlias]) -> cst.ImportFrom:
    return node.with_changes(names=[*names[:-1], names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])
