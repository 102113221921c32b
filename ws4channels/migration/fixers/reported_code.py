"""Report Python that must be changed by hand: subscribers, patches, removed methods of users."""

import ast
import re
from collections.abc import Iterator

from ws4channels.migration import layout
from ws4channels.migration.facts import ModuleFacts
from ws4channels.migration.fixer import Facts, Finding, Fixed, SourceFile
from ws4channels.migration.original import ITS_NAME, OUR_NAME, is_server, module_of
from ws4channels.migration.rules import finding, instead_of
from ws4channels.migration.syntax import bound_names, dotted_name, targets, texts_of

_SUBSCRIBER = {f"{package}.subscriber.RedisSubscriber" for package in (ITS_NAME, OUR_NAME)}
_SETTING = "WS4REDIS_SUBSCRIBER"
_UNCALLED = ("get_file_descriptor", "parse_response")
_WERE_METHODS = ("is_authenticated", "is_anonymous")
_CALL_ON_USER = re.compile(r"[\w.]*(?i:user)\.\w+\(\)")
_ASKS = re.compile(rf"(?s)callable\(.*\.(?:{'|'.join(_WERE_METHODS)})\)")


def fix(file: SourceFile, facts: Facts) -> Fixed | None:
    """Return the file as it is, and what was found in it. Runs first, because it looks at files as they are."""
    module = facts.modules.get(file.path)
    if module is None:
        return None
    findings = [*_subscribers(module, facts), *_calls_of_attributes(module), *_replaced_parts(module, facts)]
    for text in texts_of(module.tree, _SETTING):
        path = facts.path_of(text.rpartition(".")[0], module.path)
        if path is not None and (named := facts.module_at(path)) is not None and path not in facts.modules:
            findings += _subscribers(named, facts)  # No other word in that file tells that it matters.
    if not layout.serves(module):
        findings += gevent_patches(file.path, module.tree)
    return Fixed(file.text, findings)


def _subscribers(module: ModuleFacts, facts: Facts) -> Iterator[Finding]:
    named = {text for each in facts.settings for text in texts_of(each.tree, _SETTING)}
    for node in (each for each in ast.walk(module.tree) if isinstance(each, ast.ClassDef)):
        is_named = f"{module.name}.{node.name}" in named
        if is_named and not inherits(module, node.name, facts, _SUBSCRIBER):
            yield finding("no-subscriber", module.path, node.lineno, node.name)
        if is_named or any((dotted_name(base, {}) or "").endswith("Subscriber") for base in node.bases):
            for statement in node.body:
                if isinstance(statement, ast.FunctionDef) and statement.name in _UNCALLED:
                    yield finding(statement.name, module.path, statement.lineno, owner=node.name)


def inherits(module: ModuleFacts, name: str, facts: Facts, wanted: set[str]) -> bool:
    """Tell whether a class of a module inherits from one of the `wanted`, or may, because a base is not in the tree."""
    found = next((each for each in module.tree.body if isinstance(each, ast.ClassDef) and each.name == name), None)
    bound = bound_names(module.tree, module.name, module.path)
    if found is None:
        return bound.get(name) is None or _is_one(bound[name], module, facts, wanted)
    return any(_is_one(dotted_name(base, bound), module, facts, wanted) for base in found.bases)


def _is_one(dotted: str | None, module: ModuleFacts, facts: Facts, wanted: set[str]) -> bool:
    if dotted is None or dotted in wanted:
        return True
    owner, _, name = dotted.rpartition(".")
    if dotted == "object" or owner.partition(".")[0] in layout.PACKAGES:
        return False
    if not owner:
        return name != module.name and inherits(module, name, facts, wanted)
    path = facts.path_of(owner, module.path)
    other = facts.module_at(path) if path is not None else None
    return other is None or inherits(other, name, facts, wanted)


def _calls_of_attributes(module: ModuleFacts) -> Iterator[Finding]:
    choices = (each for each in ast.walk(module.tree) if isinstance(each, ast.If))
    asking = (each for each in choices if _ASKS.fullmatch(ast.unparse(each.test)))
    guarded = {node for choice in asking for statement in choice.body for node in ast.walk(statement)}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node not in guarded:
            name = node.func.attr
            if name in _WERE_METHODS and _CALL_ON_USER.fullmatch(ast.unparse(node)):
                yield finding("was-a-method", module.path, node.lineno, ast.unparse(node), name=name)


def gevent_patches(path: str, tree: ast.Module) -> Iterator[Finding]:
    """Yield a finding for each call or assignment with which a module has gevent replace parts of the process."""
    bound = bound_names(tree, "", path)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted_name(node.func, bound) or ""
            if name.startswith("gevent.monkey.patch_"):
                yield finding("gevent", path, node.lineno, patch=f"{name}() changes the whole process")
        elif isinstance(node, ast.Assign):
            source = dotted_name(node.value, bound) or ""
            for name in (dotted_name(target, bound) or "" for target in node.targets):
                if name.startswith("redis.") and source.startswith("gevent."):
                    yield finding("gevent", path, node.lineno, patch=f"{name} is replaced by {source}")


def _replaced_parts(module: ModuleFacts, facts: Facts) -> Iterator[Finding]:
    bound = bound_names(module.tree, module.name, module.path)
    for node in ast.walk(module.tree):
        for target in targets(node) if isinstance(node, ast.Assign) else ():
            name = dotted_name(target, bound) or ""
            if isinstance(target, ast.Attribute) and name.partition(".")[0] in layout.PACKAGES:
                name = name.replace(OUR_NAME, ITS_NAME, 1)
                kind = "setting" if module_of(name) == "settings" else "server" if is_server(name) else "part"
                instead = instead_of(module_of(name), layout.application_near(facts, module.path))
                yield finding(f"{kind}-replaced", module.path, target.lineno, name=name, instead=instead)
