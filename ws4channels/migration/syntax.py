"""Read names, imports and lists of apps from the syntax tree of one module."""

import ast
from collections.abc import Iterator, Sequence

from ws4channels.migration.original import ITS_NAME, PUBLIC_MODULES

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


def assignments(tree: ast.AST) -> Iterator[tuple[set[str], ast.expr | None]]:
    """Yield the names and the value of each assignment outside functions; an item counts for the name that holds it."""
    for node in outside_functions(tree):
        names = {each.id for target in targets(node) for each in ast.walk(target) if isinstance(each, ast.Name)}
        if names:
            yield names, getattr(node, "value", None)


def texts_of(tree: ast.AST, name: str) -> list[str]:
    """Return the texts that a name is assigned outside functions."""
    values = (value for names, value in assignments(tree) if name in names)
    return [text for value in values if (text := text_in(value)) is not None]


def apps_added_by(body: Sequence[ast.stmt], is_conditional: bool = False) -> Iterator[tuple[str, frozenset[str], bool]]:
    """Yield what adds to, or changes, a list of apps: the list's name, the texts, and whether it is in a condition.

    Statements that make a list of texts alone are left out.
    """
    for node in body:
        name = None
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            target = dotted_name(targets(node)[0], {})
            names = (dotted_name(each, {}) for each in ast.walk(node.value))
            name = target if isinstance(node, ast.AugAssign) or target in names else None
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            name = (dotted_name(node.value.func, {}) or "").rpartition(".")[0]
        if name and name.endswith("APPS"):
            yield name, frozenset(texts_within(node)), is_conditional
        for block in ("body", "orelse", "handlers", "finalbody") if isinstance(node, (ast.If, ast.Try)) else ():
            for inner in getattr(node, block, []):
                inner_body = inner.body if isinstance(inner, ast.ExceptHandler) else [inner]
                yield from apps_added_by(inner_body, True)


def text_in(node: ast.AST | None) -> str | None:
    """Return the text that a literal holds; None for everything else."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def texts_within(tree: ast.AST) -> Iterator[str]:
    """Yield all texts in an expression."""
    yield from (text for node in ast.walk(tree) if (text := text_in(node)) is not None)


def imported(tree: ast.AST, module: str, path: str) -> Iterator[str]:
    """Yield the dotted names of what the module of that name at `path` imports anywhere."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            owner = resolve(module, path, node.level, node.module or "")
            yield from (owner, *(f"{owner}.{alias.name}" for alias in node.names))


def bound_names(tree: ast.AST, module: str, path: str) -> dict[str, str]:
    """Return what each name stands for that an import binds, wherever it stands, as a dotted name."""
    bound = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                bound[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            owner = resolve(module, path, node.level, node.module or "")
            bound |= {alias.asname or alias.name: f"{owner}.{alias.name}" for alias in node.names}
    return bound


def dotted_name(node: ast.AST, bound: dict[str, str]) -> str | None:
    """Return the dotted name that an expression is, with what its first part stands for; None for others."""
    if isinstance(node, ast.Name):
        return bound.get(node.id, node.id)
    owner = dotted_name(node.value, bound) if isinstance(node, ast.Attribute) else None
    return f"{owner}.{node.attr}" if owner is not None and isinstance(node, ast.Attribute) else None


def resolve(module: str, path: str, level: int, name: str) -> str:
    """Return the dotted name that `name` after `level` dots is for the module at `path`."""
    if not level:
        return name
    parts = module.split(".")
    package = parts[: max(len(parts) - level + path.endswith("__init__.py"), 0)]
    return ".".join([*package, *([name] if name else [])])


def names_lost(before: ast.Module, after: ast.Module) -> set[str]:
    """Return the names that a rewritten module still reads but binds no more."""
    read = {node.id for node in ast.walk(after) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return read & (names_defined(before) - names_defined(after))


def names_defined(tree: ast.Module) -> set[str]:
    """Return the names that a module binds anywhere; a star stands for those of a star import."""
    defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = list(ast.walk(tree))
    stored = {node.id for node in nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return stored | {node.name for node in nodes if isinstance(node, defined)} | set(bound_names(tree, "", ""))


def settings_named(tree: ast.AST) -> str | None:
    """Return what stands beside DJANGO_SETTINGS_MODULE: an argument of a call, a keyword's or an item's value."""
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg == _ENVIRONMENT]
            if len(node.args) == 2 and text_in(node.args[0]) == _ENVIRONMENT:
                values.append(node.args[1])
        elif isinstance(node, ast.Assign) and any(_ENVIRONMENT in texts_within(target) for target in node.targets):
            values = [node.value]
        for value in values:
            if (text := text_in(value)) is not None:
                return text
    return None


def binds_the_original(tree: ast.AST) -> bool:
    """Tell whether the module has ``import ws4redis`` or ``import ws4redis.…`` outside functions and classes."""
    imports = (node for node in outside_functions(tree) if isinstance(node, ast.Import))
    names = [alias.name.split(".") for node in imports for alias in node.names if alias.asname is None]
    return any(first == ITS_NAME and PUBLIC_MODULES.issuperset(rest[:1]) for first, *rest in names)
