"""Replace ws4redis in ``WSGI_APPLICATION``, and add ``ASGI_APPLICATION``."""

from __future__ import annotations

import libcst as cst
from libcst import matchers as m

from ws4channels.migration import layout, original
from ws4channels.migration.facts import Facts
from ws4channels.migration.settings_fixer import SettingsFixer, SettingsTransformer, assigned_by
from ws4channels.migration.source import SourceFile
from ws4channels.migration.texts import beside, text_of, what_is_left, without_dead_branch

_WSGI, _ASGI = "WSGI_APPLICATION", "ASGI_APPLICATION"


class _Applications(SettingsTransformer):
    def __init__(self, file: SourceFile, facts: Facts) -> None:
        super().__init__(file, facts)
        self._replaced: cst.SimpleStatementLine | None = None
        self._plain_wsgi = layout.wsgi_of(facts, file.path)

    def plan(self) -> None:
        """Add ASGI_APPLICATION after WSGI_APPLICATION or the apps, unless there is one in these settings."""
        paths = layout.daphne_paths(self.facts)
        if self.file.path not in paths or layout.is_inherited(self.facts, self.file.path, paths) or self._has_asgi():
            return
        line = self.last_line_assigning(_WSGI, "INSTALLED_APPS")
        if line is not None and self._plain_wsgi is None and self._is_of_the_original(line):
            self._replaced = line
        else:
            quotes = cst.SimpleString(self._quoted(line))
            self.add_after(line, f"{_ASGI} = {beside(quotes, self._asgi()).value}\n")

    def _has_asgi(self) -> bool:
        modules = [self.facts.modules[self.file.path], *self.facts.relatives_of(self.file.path)]
        return any(_ASGI in module.assigned for module in modules)

    def _asgi(self) -> str:
        return f"{self.facts.name_of(layout.asgi_of(self.facts, self.file.path))}.application"

    def _quoted(self, line: cst.SimpleStatementLine | None) -> str:
        """Return a literal of the line, whose quotes the new one gets."""
        value = getattr(line.body[-1], "value", None) if line is not None else None
        return value.value if isinstance(value, cst.SimpleString) else '""'

    def _is_of_the_original(self, line: cst.SimpleStatementLine) -> bool:
        return any(map(_names_the_server, line.body))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
        """Point WSGI_APPLICATION at the site's own module; where there is none, ASGI_APPLICATION takes its place."""
        if not self._is_of_the_original(original_node):
            return super().leave_SimpleStatementLine(original_node, updated_node)
        pairs = zip(original_node.body, updated_node.body, strict=True)
        body = [self._corrected(new) if _names_the_server(old) else new for old, new in pairs]
        kept = what_is_left(updated_node.with_changes(body=[small for small in body if small is not None]))
        if not isinstance(kept, cst.SimpleStatementLine) or original_node is self._replaced:
            return kept
        return super().leave_SimpleStatementLine(original_node, kept)

    def leave_If(
        self, original_node: cst.If, updated_node: cst.If
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement] | cst.RemovalSentinel:
        """Leave nothing of a switch between the two servers."""
        switches = any(
            map(_names_the_server, m.findall(original_node, m.Assign(targets=[m.AssignTarget(m.Name(_WSGI))])))
        )
        return without_dead_branch(updated_node) if switches else updated_node

    def _corrected(self, statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement | None:
        """Return what stands where the server was named; None for nothing."""
        if self._plain_wsgi is not None:
            return _assignment(_WSGI, f"{self.facts.name_of(self._plain_wsgi)}.application", statement)
        return _assignment(_ASGI, self._asgi(), statement) if self._replaced is not None else None


class ApplicationsFixer(SettingsFixer):
    """Fixes the names of the applications."""

    transformer = _Applications


def _names_the_server(statement: cst.CSTNode) -> bool:
    """Tell whether a statement makes a part of ws4redis the WSGI application."""
    text = text_of(getattr(statement, "value", statement)) or ""
    return _WSGI in assigned_by(statement) and original.is_the_original(text) and original.is_server(text)


def _assignment(name: str, text: str, statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement:
    """Return the assignment of a text in the quotes that `statement` has."""
    if isinstance(statement, cst.AnnAssign):
        return statement.with_changes(target=cst.Name(name), value=beside(cst.Name(name), text))
    old = cst.ensure_type(statement, cst.Assign)
    return old.with_changes(targets=[cst.AssignTarget(cst.Name(name))], value=beside(old.value, text))
