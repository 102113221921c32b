"""Add websockets to an existing ``asgi.py``; report one that has a router of Channels."""

import libcst as cst

from ws4channels.migration import layout
from ws4channels.migration.facts import Facts
from ws4channels.migration.fixer import Severity
from ws4channels.migration.python_fixer import PythonFixer, Transformer
from ws4channels.migration.source import SourceFile
from ws4channels.migration.texts import imported_by

_TODO = (
    'Give it ws4redis\'s URLs as well: "websocket": OriginCheck(WebsocketUrls()), with OriginCheck from '
    'ws4channels.origins and WebsocketUrls from ws4channels.routing; and wrap what "http" has into UpgradeRequired.'
)


class _Asgi(Transformer):
    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        """Import our function, which returns Django's application with websockets, in place of Django's."""
        named = self.module_named_by(original_node), imported_by(original_node)
        if named != ("django.core.asgi", ["get_asgi_application"]):
            return updated_node
        if "channels" in self.facts.modules[self.file.path].imported_packages:
            self.report(original_node, "This application has a router of its own.", _TODO, Severity.MUST)
            return updated_node
        return updated_node.with_changes(module=cst.parse_expression("ws4channels.asgi"))


class AsgiFixer(PythonFixer):
    """Fixes the ASGI module of settings that list ws4redis."""

    pattern = r"django\.core\.asgi"
    needs_whole_file = True
    transformer = _Asgi

    def wants(self, file: SourceFile, facts: Facts) -> bool:
        """Tell whether the file is the ASGI module of the site, and knows nothing of ws4channels."""
        if not super().wants(file, facts) or "ws4channels" in file.text:
            return False
        return any(layout.asgi_of(facts, path) == file.path for path in layout.daphne_paths(facts))
