"""Remove imports that a rewriting has left unused."""

from __future__ import annotations

import re
from collections.abc import Collection

import libcst as cst
from libcst.codemod import CodemodContext
from libcst.codemod.visitors import RemoveImportsVisitor


def without_unused_imports(code: str, names: Collection[str]) -> str:
    """Return code without the imports of any of the dotted `names` that nothing in it uses."""
    context = CodemodContext()
    for name in names:
        module, _, thing = name.rpartition(".")
        RemoveImportsVisitor.remove_unused_import(context, name)
        if module:
            RemoveImportsVisitor.remove_unused_import(context, module, thing)
    kept = RemoveImportsVisitor(context).transform_module(cst.parse_module(code)).code
    return re.sub(r"(?m)^((?:import|from)\s.*?);[ ]*$", r"\1", kept)
