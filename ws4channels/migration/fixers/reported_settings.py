"""Report settings that no longer work, and settings that are missing."""

import ast
from collections.abc import Iterator, Mapping

from ws4channels.migration import layout, syntax
from ws4channels.migration.facts import ModuleFacts
from ws4channels.migration.fixer import Facts, Finding, ProjectFixed, SourceFile
from ws4channels.migration.original import ITS_NAME, ITS_SETTINGS, OUR_NAME
from ws4channels.migration.rules import code, finding
from ws4channels.migration.syntax import text_in

_HOOKS = {
    "WS4REDIS_ALLOWED_CHANNELS": "The original let everybody in; ws4channels refuses every websocket.",
    "WS4REDIS_PROCESS_REQUEST": "ws4channels refuses every websocket.",
    "WS4REDIS_SUBSCRIBER": "ws4channels refuses every websocket.",
}
_DEAD = {"MIDDLEWARE_CLASSES": ("MIDDLEWARE", "2.0"), "TEMPLATE_CONTEXT_PROCESSORS": ("TEMPLATES", "1.10")}
"""Settings that Django dropped: what replaced each, and in which version."""
_REMOVED = ("PickleSerializer", "memcached.MemcachedCache")


def fix_project(files: Mapping[str, SourceFile], facts: Facts) -> ProjectFixed:
    """Return what is to be said about the settings."""
    concerned = [module for module in facts.settings if layout.is_concerned(facts, module.path)]
    findings = [each for module in concerned for each in _in_settings(module, facts)]
    return ProjectFixed(findings=[*findings, *_incomplete(facts), *_nowhere(facts)])


def _in_settings(module: ModuleFacts, facts: Facts) -> Iterator[Finding]:
    for node in syntax.outside_functions(module.tree):
        value, line = getattr(node, "value", None), getattr(node, "lineno", 0)
        for name in (target.id for target in syntax.targets(node) if isinstance(target, ast.Name)):
            if name in _DEAD:
                new, version = _DEAD[name]
                said = (
                    "dead-twice" if any(new in each.assigned for each in facts.together_with(module.path)) else "dead"
                )
                yield finding(said, module.path, line, name=name, new=new, version=version)
            elif name in _HOOKS and (wrong := _wrong_hook(value, module, facts)):
                shown, effect = ast.unparse(node), _HOOKS[name]
                yield finding("wrong-hook", module.path, line, shown, name=name, wrong=wrong, effect=effect)
            for text in syntax.texts_within(value) if isinstance(value, ast.AST) else ():
                yield from (finding(part, module.path, line, text) for part in _REMOVED if part in text)


def _wrong_hook(value: ast.expr | None, module: ModuleFacts, facts: Facts) -> str:
    """Return what is wrong with the value of a setting that names a function or class; nothing if it may be right."""
    if isinstance(value, (ast.List, ast.Tuple, ast.Set, ast.Dict)):
        return "is no function"
    text = text_in(value)
    if text is None:
        return "is no function" if isinstance(value, ast.Constant) and value.value is not None else ""
    owner, _, name = text.rpartition(".")
    if not owner:
        return "is a word, not the dotted path of a function or class"
    path = facts.path_of(owner, module.path)
    found = facts.module_at(path) if path is not None else None
    if found is not None and not syntax.names_defined(found.tree) & {name, "*"}:
        kind = "a module, not what is in it" if facts.path_of(text, module.path) else f"what {path} does not have"
        return f"names {kind}"
    is_package = facts.path_of(owner.partition(".")[0], module.path)
    return "names a module that is not there" if path is None and is_package else ""


def _incomplete(facts: Facts) -> Iterator[Finding]:
    """Yield settings that use ws4redis, such as those of a worker, but are combined with none that list apps."""
    modules = layout.app_modules(facts)
    for module in facts.settings:
        together = facts.together_with(module.path)
        names = frozenset().union(*(each.assigned for each in together))
        others = [each for each in facts.settings if each is not module]
        is_part = any(name.startswith(module.name) for each in others for name in each.imported)
        has_apps = any(each in modules or each.apps & layout.PACKAGES for each in together)
        is_complete = has_apps or bool({"CHANNEL_LAYERS", "WS4CHANNELS_TRANSPORT"} & names)
        if module.assigned & ITS_SETTINGS and not is_part and not is_complete:
            yield finding("incomplete", module.path, layer=_layer(names))


def _nowhere(facts: Facts) -> Iterator[Finding]:
    """Yield where a site uses the package whose settings are not in the tree, or cannot be read."""
    using = [each.path for each in facts.modules.values() if each.imports(ITS_NAME, OUR_NAME)]
    unread = {path: text for path in facts.unparsed if "INSTALLED_APPS" in (text := facts.files[path].text)}
    broken = [path for path, text in unread.items() if ITS_NAME in text]
    settled = [each.path for each in [*layout.app_modules(facts), *facts.settings] if each.apps & layout.PACKAGES]
    settled += [path for path, text in unread.items() if OUR_NAME in text]
    listing = {facts.root_of(path) for path in settled}
    with_manage = {facts.root_of(path) for path in facts.paths if path.rpartition("/")[2] == "manage.py"}
    roots = {facts.root_of(path) for path in [*broken, *using]}
    for root in sorted(roots & with_manage - listing) if listing else sorted(roots)[:1]:
        path = next(path for path in [*broken, *using] if facts.root_of(path) == root)
        application = layout.application_near(facts, path).replace(":", ".")
        yield finding("nowhere", path, application=application, layer=_layer(frozenset()))


def _layer(names: frozenset[str]) -> str:
    host = "WS4REDIS_CONNECTION" if "WS4REDIS_CONNECTION" in names else '{"host": "localhost", "port": 6379}'
    return code("layer-in-a-line", host=host)
