"""What can be read from the syntax of one module."""

from __future__ import annotations

import ast
from collections.abc import Iterator

OUR_NAME = "ws4channels"
ITS_NAME = "ws4redis"
PUBLIC_MODULES = frozenset(
    {"context_processors", "exceptions", "models", "publisher", "redis_store", "settings", "subscriber"}
)
"""The modules of the original that have a namesake here."""
SERVER_MODULES = frozenset({"django_runserver", "utf8validator", "uwsgi_runserver", "websocket", "wsgi_server"})
"""The modules of the original that were its server; they have none."""
_ENVIRONMENT = "DJANGO_SETTINGS_MODULE"


def outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below `tree`, other than those within functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from outside_functions(node)


def targets(node: ast.AST) -> list[ast.expr]:
    """Return what a statement assigns to."""
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AnnAssign, ast.AugAssign)) else []


def assigned(tree: ast.AST) -> Iterator[str]:
    """Yield the names that are assigned outside functions."""
    for node in outside_functions(tree):
        for target in targets(node):
            yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def texts_of(tree: ast.AST, name: str) -> list[str]:
    """Return the texts that a name is assigned outside functions."""
    values = values_of(tree, name)
    return [value.value for value in values if isinstance(value, ast.Constant) and isinstance(value.value, str)]


def values_of(tree: ast.AST, name: str) -> Iterator[ast.expr]:
    """Yield the values that a name is assigned outside functions."""
    for node in outside_functions(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(each, ast.Name) and each.id == name for each in node.targets
        ):
            yield node.value


def app_lists(tree: ast.AST) -> Iterator[frozenset[str]]:
    """Yield the texts in each list or tuple that is part of what is assigned, or added, to a name in …APPS."""
    for node in outside_functions(tree):
        named = (each.id for target in targets(node) for each in ast.walk(target) if isinstance(each, ast.Name))
        value = getattr(node, "value", None)
        if value is None or not any(name.endswith("APPS") for name in named):
            continue
        for each in ast.walk(value):
            if isinstance(each, (ast.List, ast.Tuple)):
                texts = (item.value for item in each.elts if isinstance(item, ast.Constant))
                yield frozenset(text for text in texts if isinstance(text, str))


def added_apps(tree: ast.AST) -> Iterator[frozenset[str]]:
    """Yield the texts in each call of ``append`` and the like on a name in …APPS."""
    for node in outside_functions(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            adds = node.func.attr in ("append", "insert", "extend")
            if adds and node.func.value.id.endswith("APPS"):
                yield frozenset(texts_within(node))


def texts_within(tree: ast.AST) -> Iterator[str]:
    """Yield all texts in an expression."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted names of what is imported anywhere; relative imports are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def settings_named(tree: ast.AST) -> str | None:
    """Return what stands beside DJANGO_SETTINGS_MODULE: an argument of a call, a keyword's or an item's value."""
    for node in ast.walk(tree):
        value = _named_in_call(node) if isinstance(node, ast.Call) else _named_in_item(node)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def _named_in_call(node: ast.Call) -> ast.expr | None:
    if len(node.args) == 2 and isinstance(node.args[0], ast.Constant) and node.args[0].value == _ENVIRONMENT:
        return node.args[1]
    return next((keyword.value for keyword in node.keywords if keyword.arg == _ENVIRONMENT), None)


def _named_in_item(node: ast.AST) -> ast.expr | None:
    if isinstance(node, ast.Assign) and any(_ENVIRONMENT in texts_within(target) for target in node.targets):
        return node.value
    return None


def binds_the_original(tree: ast.AST) -> bool:
    """Tell whether the module has ``import ws4redis`` or ``import ws4redis.…`` outside functions and classes."""
    for node in outside_functions(tree):
        if isinstance(node, ast.Import) and any(
            alias.asname is None and is_package_or_public(alias.name) for alias in node.names
        ):
            return True
    return False


def is_package_or_public(dotted: str) -> bool:
    """Tell whether a dotted name is ws4redis or begins with one of its public modules."""
    package, _, rest = dotted.partition(".")
    return package == ITS_NAME and (not rest or rest.partition(".")[0] in PUBLIC_MODULES)
