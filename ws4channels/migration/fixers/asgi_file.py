"""Write ``asgi.py``: a copy of ``wsgi.py`` that serves websockets as well."""

import ast
import re
from collections.abc import Mapping

from ws4channels.migration import layout
from ws4channels.migration.facts import Facts
from ws4channels.migration.fixer import Finding, ProjectFixed, ProjectFixer, SourceFile, Step

_NEW = '''\
"""ASGI application of {name}: pages and websockets."""

import os

from ws4channels.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")

application = get_asgi_application()
'''
_DOCSTRING = '"""ASGI application of {name}: pages and websockets."""'
_IMPORT = "from django.core.wsgi import get_wsgi_application"
_APPLICATION = "application = get_wsgi_application()"
_TWINS = {
    _IMPORT: "from ws4channels.asgi import get_asgi_application",
    _APPLICATION: "application = get_asgi_application()",
}


class AsgiFileFixer(ProjectFixer):
    """Writes the ASGI module that ASGI_APPLICATION names, if it is not there."""

    step = Step.SETTINGS

    def fix_project(self, files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
        """Return a new file for each group of settings that lists ws4redis and has no ASGI module."""
        new: dict[str, str] = {}
        findings: list[Finding] = []
        for settings in sorted(layout.daphne_paths(facts)):
            path = layout.asgi_of(facts, settings)
            if path in files or path in new:
                continue
            wsgi = layout.served_file(facts, settings)
            name = facts.name_of(path).rpartition(".")[0].rpartition(".")[2] or "this site"
            like_wsgi = _like_wsgi(files[wsgi].text, name) if wsgi else None
            settings_name = layout.settings_named_for(facts, settings) or facts.name_of(settings)
            new[path] = like_wsgi or _NEW.format(name=name, settings=settings_name)
            if path.endswith("asgi_websocket.py"):
                usual = path.replace("asgi_websocket.py", "asgi.py")
                what = f"This file holds no ASGI application. It was left as it is, and {path} was written instead."
                findings.append(Finding(usual, 0, what, "Delete this file if only the old server used it."))
            if wsgi is not None and like_wsgi is None:
                what = f"This file does more than Django's does; {path} does not."
                findings.append(Finding(wsgi, 0, what, "Copy what websockets need."))
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
    if sum(code.count("application") - code.count("_wsgi_application") for code in codes) != 1:
        return None
    if _IMPORT not in codes or _APPLICATION not in codes or re.search(r"gevent|ws4redis|activate_this", "".join(codes)):
        return None
    lines = [_DOCSTRING.format(name=name), ""]
    for before, each, code in zip([None, *statements], statements, codes, strict=False):
        if before is not None and each.lineno - (before.end_lineno or 0) > 1:
            lines.append("")
        lines.append(_TWINS.get(code, code))
    return "\n".join(lines) + "\n"
