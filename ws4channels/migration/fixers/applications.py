"""Replace ws4redis in ``WSGI_APPLICATION``, and add ``ASGI_APPLICATION``."""

import libcst as cst
from libcst import matchers as m

from ws4channels.migration import layout, original
from ws4channels.migration.settings_fixer import SettingsTransformer, assigned_by
from ws4channels.migration.texts import Line, Statement, beside, text_of, what_is_left, without_dead_branch

_WSGI, _ASGI = "WSGI_APPLICATION", "ASGI_APPLICATION"


class _Applications(SettingsTransformer):
    def plan(self) -> None:
        """Add ASGI_APPLICATION after WSGI_APPLICATION or the apps, unless there is one in these settings."""
        path, paths = self.file.path, layout.daphne_paths(self.facts)
        self._replaced: Line | None = None
        self._plain_wsgi = layout.wsgi_of(self.facts, path)
        self._asgi = f"{self.facts.name_of(layout.asgi_of(self.facts, path))}.application"
        has_asgi = any(_ASGI in module.assigned for module in self.facts.together_with(path))
        if path not in paths or has_asgi or any(base.path in paths for base in self.facts.bases_of(path)):
            return
        line = self.last_line_assigning(_WSGI, "INSTALLED_APPS")
        if line is not None and self._plain_wsgi is None and any(map(_names_the_server, line.body)):
            self._replaced = line
        else:
            value = getattr(line.body[-1], "value", None) if line is not None else None
            self.add_after(line, f"{_ASGI} = {beside(value, self._asgi).value}\n")

    def leave_SimpleStatementLine(self, original_node: Line, updated_node: Line) -> Statement:
        """Point WSGI_APPLICATION at the site's own module; where there is none, ASGI_APPLICATION takes its place."""
        if not any(map(_names_the_server, original_node.body)):
            return super().leave_SimpleStatementLine(original_node, updated_node)
        pairs = zip(original_node.body, updated_node.body, strict=True)
        body = [self._corrected(new) if _names_the_server(old) else new for old, new in pairs]
        kept = what_is_left(updated_node.with_changes(body=[small for small in body if small is not None]))
        if not isinstance(kept, Line) or original_node is self._replaced:
            return kept
        return super().leave_SimpleStatementLine(original_node, kept)

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> Statement:
        assigns = m.findall(original_node, m.Assign(targets=[m.AssignTarget(m.Name(_WSGI))]))
        return without_dead_branch(updated_node) if any(map(_names_the_server, assigns)) else updated_node

    def _corrected(self, statement: cst.BaseSmallStatement) -> cst.BaseSmallStatement | None:
        """Return what stands where the server was named, in the same quotes; None for nothing."""
        if self._plain_wsgi is not None:
            name, text = _WSGI, f"{self.facts.name_of(self._plain_wsgi)}.application"
        elif self._replaced is not None:
            name, text = _ASGI, self._asgi
        else:
            return None
        if isinstance(statement, cst.AnnAssign):
            return statement.with_changes(target=cst.Name(name), value=beside(None, text))
        old = cst.ensure_type(statement, cst.Assign)
        return old.with_changes(targets=[cst.AssignTarget(cst.Name(name))], value=beside(old.value, text))


fix = _Applications.fix


def _names_the_server(statement: cst.CSTNode) -> bool:
    text = text_of(getattr(statement, "value", statement)) or ""
    return _WSGI in assigned_by(statement) and original.is_the_original(text) and original.is_server(text)
