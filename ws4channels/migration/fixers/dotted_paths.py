"""Rename dotted paths in strings, such as ``"ws4redis.context_processors.default"``."""

import re

import libcst as cst

from ws4channels.migration import original
from ws4channels.migration.original import ITS_NAME, OUR_NAME
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.settings_fixer import assigned_by
from ws4channels.migration.texts import text_of, with_text

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class _DottedPaths(Transformer):
    pattern = r"['\"][\w.]*\bws4redis\b"

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        text = text_of(original_node)
        if text is None or ITS_NAME not in text:
            return updated_node
        if text == ITS_NAME:
            return with_text(updated_node, OUR_NAME) if self._is_exported(original_node) else updated_node
        if not _DOTTED.fullmatch(text):
            return updated_node
        if not original.is_the_original(text):
            return with_text(updated_node, self._through_module(text))
        if original.is_moved(text):
            return with_text(updated_node, text.replace(ITS_NAME, OUR_NAME, 1))
        if original.is_server(text):
            self.report_unmoved(original_node, f"{ITS_NAME}.{original.module_of(text)}")
        return updated_node

    def _through_module(self, text: str) -> str:
        """Rename the package where the path leads through a module of the site that imports it."""
        parts = text.split(".")
        for place, part in enumerate(parts):
            if part == ITS_NAME and ".".join(parts[:place]) in self.facts.binders:
                return ".".join([*parts[:place], OUR_NAME, *parts[place + 1 :]])
        return text

    def _is_exported(self, node: cst.CSTNode) -> bool:
        """Tell whether the text is an item of ``__all__`` in a module that imports the package."""
        is_binder = self.facts.modules[self.file.path].name in self.facts.binders
        return is_binder and self.is_within(node, lambda above, _: "__all__" in assigned_by(above))


fix = _DottedPaths.fix
