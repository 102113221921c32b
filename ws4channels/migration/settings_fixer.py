"""The base class of what adds statements to settings files."""

from collections.abc import Iterator, Sequence

import libcst as cst
from libcst.metadata import ParentNodeProvider

from ws4channels.migration.fixer import Facts, SourceFile
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.texts import Line, Statement


class SettingsTransformer(Transformer):
    """A transformer that can add code after a statement, with the same indentation, or at the end of the file."""

    @classmethod
    def wants(cls, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file assigns settings and parses."""
        return facts.modules.get(file.path) in facts.settings

    def visit_Module(self, node: cst.Module) -> None:
        """Note which lines assign which names, and let the subclass plan."""
        self._module = node
        self._added: dict[Line | None, list[str]] = {}
        self._lines = list(_assigning_lines(node.body))
        self.plan()

    def plan(self) -> None:
        """Decide what to add: subclasses call `add_after`."""

    def add_after(self, line: Line | None, code: str) -> None:
        """Add statements after `line`, or at the end of the file if it is None."""
        self._added.setdefault(line, []).append(code)

    def lines_assigning(self, name: str) -> list[Line]:
        """Return the lines outside functions that assign, or add to, a name."""
        return [line for names, line in self._lines if name in names]

    def last_line_assigning(self, *names: str) -> Line | None:
        """Return the last line that always runs and assigns the first of `names` that any does; None if none does."""
        for name in names:
            lines = [line for line in self.lines_assigning(name) if self.always_runs(line)]
            if lines:
                return lines[-1]
        return None

    def always_runs(self, line: Line) -> bool:
        """Tell whether a line stands on the top level, or directly in a class."""
        parent = self.metadata_of(ParentNodeProvider, line)
        if isinstance(parent, cst.IndentedBlock):
            parent = self.metadata_of(ParentNodeProvider, parent)
        return isinstance(parent, (cst.Module, cst.ClassDef))

    def leave_SimpleStatementLine(self, original_node: Line, updated_node: Line) -> Statement:
        if original_node not in self._added:
            return updated_node
        return cst.FlattenSentinel([updated_node, *self._parsed(original_node)])

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        if None not in self._added:
            return updated_node
        return updated_node.with_changes(body=[*updated_node.body, *self._parsed(None)], has_trailing_newline=True)

    def _parsed(self, line: Line | None) -> list[cst.BaseStatement]:
        text = "".join(self._added[line]).replace("\n", self._module.default_newline)
        return [cst.ensure_type(each, Line) for each in cst.parse_module(text, self._module.config_for_parsing).body]


def _assigning_lines(nodes: Sequence[cst.CSTNode]) -> Iterator[tuple[frozenset[str], Line]]:
    for node in nodes:
        if isinstance(node, Line):
            yield frozenset(name for small in node.body for name in assigned_by(small)), node
        elif not isinstance(node, cst.FunctionDef):
            yield from _assigning_lines(node.children)


def assigned_by(statement: cst.CSTNode) -> Iterator[str]:
    """Yield the names that a small statement assigns or adds to, an item of which counts as well."""
    if isinstance(statement, cst.Assign):
        targets: list[cst.BaseExpression] = [target.target for target in statement.targets]
    elif isinstance(statement, (cst.AnnAssign, cst.AugAssign)):
        targets = [statement.target]
    else:
        return
    for target in targets:
        while isinstance(target, cst.Subscript):
            target = target.value
        if isinstance(target, cst.Name):
            yield target.value
