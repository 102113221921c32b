"""Methods of RedisSubscriber subclasses that are not called here."""

from __future__ import annotations

import libcst as cst
from libcst.helpers import get_full_name_for_node

from ws4channels.migration.fixer import Severity
from ws4channels.migration.python_fixer import PythonFixer, Transformer

_UNCALLED = {
    "get_file_descriptor": "Remove it: no connection to Redis belongs to one websocket.",
    "parse_response": "Remove it: messages are received for all websockets at once. What it changed or withheld must "
    "be changed where it is published.",
}


class _Subscribers(Transformer):
    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        """Report the methods that nobody calls."""
        if not any((get_full_name_for_node(base.value) or "").endswith("Subscriber") for base in node.bases):
            return
        for statement in node.body.body:
            if isinstance(statement, cst.FunctionDef) and statement.name.value in _UNCALLED:
                name = statement.name.value
                self.report(statement, f"{node.name.value}.{name}() is not called.", _UNCALLED[name], Severity.MUST)


class SubscribersFixer(PythonFixer):
    """Reports hooks of subscribers that have gone."""

    words = tuple(_UNCALLED)
    transformer = _Subscribers
