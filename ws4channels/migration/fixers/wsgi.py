"""Turn WSGI modules that use ws4redis's server into plain Django."""

import ast
import re
from collections.abc import Sequence
from dataclasses import replace

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ParentNodeProvider, ScopeProvider

from ws4channels.migration import layout, texts
from ws4channels.migration.fixer import Facts, Fixed
from ws4channels.migration.fixers.reported_code import gevent_patches
from ws4channels.migration.original import is_server
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.rules import finding
from ws4channels.migration.source import SourceFile, line_in
from ws4channels.migration.syntax import names_lost
from ws4channels.migration.texts import Line, SmallStatement, Statement, statements_of

_SERVERS = {
    *("ws4redis.uwsgi_runserver.uWSGIWebsocketServer", "ws4redis.django_runserver.WebsocketRunServer"),
    "ws4redis.wsgi_server.WebsocketWSGIServer",
}
_IMPORT = "from django.core.wsgi import get_wsgi_application"
_PLAIN = "get_wsgi_application()"
_NAMED_APPLICATION = re.compile(
    r"(?ms)^(?P<name>\w+) = get_wsgi_application\(\)\r?\n(?:\r?\n)*(?P<between>.*)^application = (?P=name)$"
)
_NO_LONGER_NEEDED = {"redis", "redis.connection", "django.conf.settings", "gevent", "gevent.monkey", "gevent.socket"}


class _Wsgi(Transformer):
    pattern = "uwsgi_runserver|django_runserver|wsgi_server"

    def visit_Module(self, node: cst.Module) -> None:
        """Find the names of the websocket applications, and whether all that is done with them is understood."""
        made = m.findall(node, m.Assign(value=m.MatchIfTrue(self._is_server_call)))
        targets = (each.target for assign in made for each in cst.ensure_type(assign, cst.Assign).targets)
        self._sockets = {target.value for target in targets if isinstance(target, cst.Name)}
        imports = m.findall(node, m.MatchIfTrue(self._imports_server))
        uses = filter(self._is_used, m.findall(node, m.Name() | m.Attribute()))
        self._recognised = bool(imports) and all(map(self._is_understood, uses))
        scope = self.metadata_of(ScopeProvider, node)
        self._has_import = scope is not None and "get_wsgi_application" in scope
        self._only_websockets = not self._has_import
        self._applications = len(m.findall(node, m.AssignTarget(m.Name("application"))))

    def _imports_server(self, node: cst.CSTNode) -> bool:
        """Tell whether a node is an import of nothing but the server's classes, or modules."""
        if not isinstance(node, cst.ImportFrom):
            return False
        module = self.module_named_by(node)
        names = {f"{module}.{name}" for name in texts.imported_by(node)}
        return bool(names) and (names <= _SERVERS or (module == "ws4redis" and all(map(is_server, names))))

    def _is_used(self, node: cst.CSTNode) -> bool:
        """Tell whether a node stands for a server's class or for a websocket application, outside imports."""
        parent = self.metadata_of(ParentNodeProvider, node)
        if isinstance(parent, (cst.Attribute, cst.AssignTarget, cst.ImportAlias, cst.ImportFrom)):
            return False
        return bool(self.imported_names(node) & _SERVERS) or self._is_socket(node)

    def _is_socket(self, node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Name) and node.value in self._sockets - {"application"}

    def _is_understood(self, node: cst.CSTNode) -> bool:
        """Tell whether a server is called to make an application, or an application to answer a request."""
        call = self.metadata_of(ParentNodeProvider, node)
        if not (isinstance(call, cst.Call) and call.func is node):
            return False
        parent = self.metadata_of(ParentNodeProvider, call)
        if self._is_socket(node):
            return isinstance(parent, cst.Return)
        return isinstance(parent, cst.Assign) or (isinstance(parent, cst.Call) and parent.func is call)

    def _is_server_call(self, node: cst.CSTNode) -> bool:
        return isinstance(node, cst.Call) and bool(self.imported_names(node.func) & _SERVERS)

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> SmallStatement:
        if not self._recognised or not self._imports_server(original_node):
            return updated_node
        if self._has_import:
            return cst.RemoveFromParent()
        self._has_import = True
        return cst.ensure_type(cst.parse_statement(_IMPORT), Line).body[0]

    def leave_Assign(self, original_node: cst.Assign, updated_node: cst.Assign) -> SmallStatement:
        """Make the application Django's; drop other websocket applications, and the patch of redis by gevent."""
        target = get_full_name_for_node(original_node.targets[0].target)
        value = get_full_name_for_node(original_node.value) or ""
        is_patch = target == "redis.connection.socket" and value.partition(".")[0] == "gevent"
        if not self._recognised or not (is_patch or self._is_server_call(original_node.value)):
            return updated_node
        if target == "application":
            return updated_node.with_changes(value=cst.parse_expression(_PLAIN))
        return cst.RemoveFromParent()

    def leave_Expr(self, original_node: cst.Expr, updated_node: cst.Expr) -> SmallStatement:
        """Drop gevent's patches of a process that only served websockets."""
        call = original_node.value
        names = self.imported_names(call.func) if isinstance(call, cst.Call) else set()
        patches = any(name.startswith("gevent.monkey.patch_") for name in names)
        return cst.RemoveFromParent() if patches and self._recognised and self._only_websockets else updated_node

    def leave_SimpleStatementLine(self, original_node: Line, updated_node: Line) -> Statement:
        return texts.what_is_left(updated_node)

    def leave_If(self, original_node: cst.If, updated_node: cst.If) -> Statement:
        """Keep of a choice what it does for a page, or when websockets are switched off."""
        if not self._recognised:
            return updated_node
        rest = updated_node.orelse
        if isinstance(rest, cst.Else) and self._makes_server(cst.ensure_type(original_node.orelse, cst.Else).body):
            return cst.FlattenSentinel(statements_of(updated_node.body))
        if self._answers_websockets(original_node.body) or (
            self._makes_server(original_node.body) and (rest is not None or self._applications > 1)
        ):
            if rest is None:
                return cst.RemoveFromParent()
            return rest if isinstance(rest, cst.If) else cst.FlattenSentinel(statements_of(rest.body))
        return updated_node if updated_node.body.body else texts.without_dead_branch(updated_node)

    def _makes_server(self, block: cst.BaseSuite) -> bool:
        makes = m.findall(block, m.AssignTarget(m.Name("application")) | m.FunctionDef(m.Name("application")))
        return bool(makes) and bool(m.findall(block, m.MatchIfTrue(self._is_server_call)))

    def leave_FunctionDef(self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef) -> cst.BaseStatement:
        """Replace a function that has nothing left to choose by what it calls."""
        mentions = m.MatchIfTrue(self._is_socket) | m.MatchIfTrue(self._is_server_call)
        if not self._recognised or not m.findall(original_node, mentions):
            return updated_node
        body = statements_of(updated_node.body)
        choice = body[-2] if len(body) > 1 else None
        if self._answers_websockets(original_node.body) and isinstance(choice, cst.If) and choice.orelse is None:
            # The last word was for websockets: the choice before it always holds.
            body = [*body[:-2], *statements_of(choice.body)]
        called = _only_call(body, updated_node.params)
        if called is None:
            return updated_node.with_changes(body=updated_node.body.with_changes(body=body))
        name = _PLAIN if self._is_socket(called) else cst.Module([]).code_for_node(called)
        line = cst.ensure_type(cst.parse_statement(f"{updated_node.name.value} = {name}"), Line)
        return line.with_changes(leading_lines=updated_node.leading_lines[:1])

    def _answers_websockets(self, block: cst.BaseSuite) -> bool:
        call = _returned_call(block.body[-1])
        return call is not None and (self._is_socket(call.func) or self._is_server_call(call.func))


def fix(file: SourceFile, facts: Facts) -> Fixed | None:
    """Reduce the module, then drop the imports and names that nothing uses any more."""
    # What is in a file that is named as if it were ASGI is reported.
    fixed = _Wsgi.fix(file, facts) if file.name != "asgi.py" else None
    if fixed is None:
        return None
    if fixed.text == file.text:
        return Fixed(file.text, [*fixed.findings, *gevent_patches(file.path, ast.parse(file.text))])
    code = fixed.text
    named = _NAMED_APPLICATION.search(code)  # A name that may be there only to become the application.
    if named is not None and len(re.findall(rf"\b{named['name']}\b", code)) <= 2:
        code = _NAMED_APPLICATION.sub(rf"\g<between>application = {_PLAIN}", code)
    code = texts.without_unused_imports(code, _NO_LONGER_NEEDED)
    lost = names_lost(ast.parse(file.text), ast.parse(code))
    if lost:
        return Fixed(file.text, [finding("not-understood", file.path, names=", ".join(sorted(lost)))])
    patches = gevent_patches(file.path, ast.parse(code))
    findings = [replace(each, line=line_in(each.line, code, file.text)) for each in patches]
    wsgi = layout.wsgi_of(facts, file.path)
    if wsgi is not None and wsgi != file.path:
        findings.append(finding("for-the-old-server", file.path, wsgi=wsgi))
    return Fixed(code, findings)


def _returned_call(last: cst.CSTNode) -> cst.Call | None:
    statement = last.body[-1] if isinstance(last, Line) else last
    call = statement.value if isinstance(statement, cst.Return) else None
    return call if isinstance(call, cst.Call) else None


def _only_call(body: Sequence[cst.BaseStatement], parameters: cst.Parameters) -> cst.BaseExpression | None:
    """Return what is called by a function that only passes its parameters on; None if it does more."""
    is_alone = len(body) == 1 and m.matches(body[0], m.SimpleStatementLine([m.Return()]))
    call = _returned_call(body[0]) if is_alone else None
    if call is None:
        return None
    given = [get_full_name_for_node(arg.value) for arg in call.args if arg.keyword is None and not arg.star]
    taken = [parameter.name.value for parameter in parameters.params]
    return call.func if given == taken and len(given) == len(call.args) else None
