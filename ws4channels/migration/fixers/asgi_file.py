"""The new ``asgi.py``: as ``wsgi.py``, but with websockets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node

from ws4channels.migration import layout
from ws4channels.migration.facts import Facts
from ws4channels.migration.fixer import Finding, ProjectFixed, ProjectFixer

_NEW = '''\
"""ASGI application of {name}: pages and websockets."""

import os

from ws4channels.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings}")

application = get_asgi_application()
'''
_DOCSTRING = '"""ASGI application of {name}: pages and websockets."""'
_IMPORT = m.ImportFrom(module=m.Attribute(m.Attribute(m.Name("django"), m.Name("core")), m.Name("wsgi")))
_APPLICATION = m.Assign([m.AssignTarget(m.Name("application"))], m.Call(func=m.Name("get_wsgi_application"), args=[]))
_SIMPLE = m.Import() | m.ImportFrom() | m.Assign() | m.Expr()


class AsgiFileFixer(ProjectFixer):
    """Writes the ASGI module that ASGI_APPLICATION names, if it is not there."""

    def fix_project(self, texts: Mapping[str, str], facts: Facts) -> ProjectFixed:
        """Return a new file for each group of settings that lists ws4redis and has no ASGI module."""
        files: dict[str, str] = {}
        findings: list[Finding] = []
        for settings in sorted(layout.daphne_paths(facts)):
            path = layout.asgi_of(facts, settings)
            if path in texts or path in files:
                continue
            wsgi = layout.wsgi_of(facts, settings)
            like_wsgi = _like_wsgi(texts[wsgi], _project_name(path, facts)) if wsgi is not None else None
            files[path] = like_wsgi or _from_nothing(path, settings, facts)
            findings += _about(path, wsgi if like_wsgi is None else None)
        return ProjectFixed(files, findings)


def _about(path: str, wsgi: str | None) -> list[Finding]:
    findings = []
    if path.endswith("asgi_websocket.py"):
        usual = path.replace("asgi_websocket.py", "asgi.py")
        findings.append(
            Finding(
                usual,
                0,
                f"This file holds no ASGI application. It was left as it is, and {path} was written instead.",
                "Delete this file if only the old server used it.",
            )
        )
    if wsgi is not None:
        findings.append(
            Finding(wsgi, 0, f"This file does more than Django's does; {path} does not.", "Copy what websockets need.")
        )
    return findings


def _project_name(path: str, facts: Facts) -> str:
    return facts.name_of(path).rpartition(".")[0].rpartition(".")[2] or "this site"


def _from_nothing(path: str, settings: str, facts: Facts) -> str:
    name = layout.settings_named_for(facts, settings) or facts.name_of(settings)
    return _NEW.format(name=_project_name(path, facts), settings=name)


def _like_wsgi(text: str, name: str) -> str | None:
    """Return the ASGI twin of a WSGI module; None if that wraps its application or is otherwise no plain one."""
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError:
        return None
    smalls = [small for line in module.body for small in _parts_of(line)]
    if not all(m.matches(small, _SIMPLE) for small in smalls) or _imports_any(module, {"gevent", "ws4redis"}):
        return None
    about_application = [small for small in smalls if m.findall(small, m.Name("application"))]
    if len(about_application) != 1 or not m.matches(about_application[0], _APPLICATION):
        return None
    if not any(m.matches(small, _IMPORT) for small in smalls):
        return None
    return _with_docstring(cst.ensure_type(module.visit(_Twin()), cst.Module), name).code


def _imports_any(module: cst.Module, packages: set[str]) -> bool:
    names = [name.name for each in m.findall(module, m.Import()) for name in cst.ensure_type(each, cst.Import).names]
    names += [
        each.module
        for each in m.findall(module, m.ImportFrom())
        if isinstance(each, cst.ImportFrom) and each.module is not None
    ]
    return any((get_full_name_for_node(name) or "").partition(".")[0] in packages for name in names)


def _parts_of(statement: cst.BaseStatement | cst.BaseSmallStatement) -> Sequence[cst.CSTNode]:
    return statement.body if isinstance(statement, cst.SimpleStatementLine) else [statement]


class _Twin(cst.CSTTransformer):
    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        """Import from ws4channels what came from Django."""
        if not m.matches(original_node, _IMPORT):
            return updated_node
        return updated_node.with_changes(module=cst.parse_expression("ws4channels.asgi"))

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        """Rename the function."""
        if updated_node.value != "get_wsgi_application":
            return updated_node
        return updated_node.with_changes(value="get_asgi_application")


def _with_docstring(module: cst.Module, name: str) -> cst.Module:
    """Return the module with a docstring of its own, in place of the other's."""
    line = cst.ensure_type(cst.parse_statement(_DOCSTRING.format(name=name)), cst.SimpleStatementLine)
    if module.get_docstring() is None:
        first, *others = module.body
        spaced = cst.ensure_type(first, cst.SimpleStatementLine)
        return module.with_changes(body=[line, spaced.with_changes(leading_lines=_spaced(spaced)), *others])
    return module.with_changes(body=[line, *module.body[1:]])


def _spaced(line: cst.SimpleStatementLine) -> list[cst.EmptyLine]:
    return [cst.EmptyLine(indent=False), *line.leading_lines]
