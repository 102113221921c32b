"""Add websockets to ``asgi.py``, or write it as a copy of ``wsgi.py``; report one that has a router of Channels."""

import ast
import re
from collections.abc import Mapping

import libcst as cst

from ws4channels.migration import layout
from ws4channels.migration.fixer import Facts, Finding, ProjectFixed, SourceFile
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.rules import code, finding
from ws4channels.migration.texts import imported_by

_DOCSTRING = '"""ASGI application of {name}: pages and websockets."""'
_IMPORT = "from django.core.wsgi import get_wsgi_application"
_APPLICATION = "application = get_wsgi_application()"
_TWINS = {
    _IMPORT: "from ws4channels.asgi import get_asgi_application",
    _APPLICATION: "application = get_asgi_application()",
}


class _Asgi(Transformer):
    pattern = r"django\.core\.asgi"

    @classmethod
    def wants(cls, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file is the ASGI module of settings that list ws4redis, and knows nothing of ws4channels."""
        if not super().wants(file, facts) or "ws4channels" in file.text:
            return False
        return any(layout.asgi_of(facts, path) == file.path for path in layout.daphne_paths(facts))

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        named = self.module_named_by(original_node), imported_by(original_node)
        if named != ("django.core.asgi", ["get_asgi_application"]):
            return updated_node
        if self.facts.modules[self.file.path].imports("channels"):
            self.report(original_node, "own-router")
            return updated_node
        return updated_node.with_changes(module=cst.parse_expression("ws4channels.asgi"))


fix = _Asgi.fix


def fix_project(files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
    """Return a new file for each group of settings that lists ws4redis and has no ASGI module."""
    new: dict[str, str] = {}
    findings: list[Finding] = []
    for settings in sorted(layout.daphne_paths(facts)):
        path = layout.asgi_of(facts, settings)
        if path in files or path in new:
            continue
        wsgi = layout.served_file(facts, settings)
        name = facts.name_of(path).rpartition(".")[0].rpartition(".")[2] or "this site"
        twin = files.get(wsgi) or facts.read(wsgi) if wsgi else None
        like_wsgi = _like_wsgi(twin.text, name) if twin else None
        settings_name = layout.settings_named_for(facts, settings) or facts.name_of(settings)
        new[path] = like_wsgi or code("asgi", name=name, settings=settings_name)
        if path.endswith("asgi_websocket.py"):
            usual = path.replace("asgi_websocket.py", "asgi.py")
            findings.append(finding("no-asgi-application", usual, written=path))
        if wsgi is not None and like_wsgi is None:
            findings.append(finding("more-than-djangos", wsgi, written=path))
    return ProjectFixed(new, findings)


def _like_wsgi(text: str, name: str) -> str | None:
    """Return the ASGI twin of a WSGI module, without its comments; None if the module does more than Django's does.

    Comments stay behind, because they may be about the old server, and hold commands and passwords.
    """
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return None
    if ast.get_docstring(ast.Module(statements, [])) is not None:
        statements = statements[1:]
    if not all(isinstance(each, (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)) for each in statements):
        return None
    codes = [ast.get_source_segment(text, each) or "" for each in statements]
    uses = sum(code.count("application") - code.count("_wsgi_application") for code in codes)
    is_plain = not re.search(r"gevent|ws4redis|activate_this", "".join(codes))
    if uses != 1 or not is_plain or not {_IMPORT, _APPLICATION}.issubset(codes):
        return None
    lines = [_DOCSTRING.format(name=name), ""]
    for before, each, source in zip([None, *statements], statements, codes, strict=False):
        if before is not None and each.lineno - (before.end_lineno or 0) > 1:
            lines.append("")
        lines.append(_TWINS.get(source, source))
    return "\n".join(lines) + "\n"
