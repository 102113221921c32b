"""Tests of what is nobody's in particular: which module may import which, and that each has its tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ws4channels

PACKAGE = Path(ws4channels.__file__).parent
TESTS = Path(__file__).parent

ORDER = [
    "exceptions",
    "settings",
    "audience",
    "counters",
    "deadlines",
    "sentinels",
    "clusters",
    "connections",
    "pipelines",
    "messages",
    "event_loops",
    "layer_logs",
    "subscriptions",
    "losses",
    "redis_subscription",
    "transports",
    "publishing",
    "closing",
    "limits",
    "names",
    "redis_store",
    "publisher",
    "subscriber",
    "handshake",
    "refusals",
    "outbox",
    "servers.direct",
    "servers.daphne",
    "servers.uvicorn",
    "servers",
    "subscriber_map",
    "batches",
    "flushing",
    "heartbeats",
    "membership",
    "latest",
    "watch",
    "open_sockets",
    "hub",
    "metrics",
    "custom_subscribers",
    "consumers",
    "origins",
    "routing",
    "asgi",
    "context_processors",
    "signing_out",
    "models",
    "checks.values",
    "checks.layer",
    "checks.site",
    "checks",
    "apps",
    "status.server",
    "status.kept",
    "status.listening",
    "status",
    "management",
    "management.terminal",
    "management.commands",
    "management.commands.ws4channels_listen",
    "management.commands.ws4channels_publish",
    "management.commands.ws4channels_status",
    "testing",
    "compat.importers",
    "compat.finder",
    "compat",
    "compat.apps",
    "migration",
    "migration.errors",
    "migration.source",
    "migration.project",
    "migration.syntax",
    "migration.roots",
    "migration.facts",
    "migration.fixer",
    "migration.original",
    "migration.layout",
    "migration.texts",
    "migration.unused_imports",
    "migration.excerpts",
    "migration.python_fixer",
    "migration.settings_fixer",
    "migration.connection_arguments",
    "migration.commands",
    "migration.requirements",
    "migration.sections",
    "migration.fixers",
    "migration.fixers.reported_code",
    "migration.fixers.reported_texts",
    "migration.fixers.wsgi",
    "migration.fixers.installed_apps",
    "migration.fixers.applications",
    "migration.fixers.channel_layers",
    "migration.fixers.asgi",
    "migration.fixers.imports",
    "migration.fixers.dotted_paths",
    "migration.fixers.templates",
    "migration.fixers.asgi_file",
    "migration.fixers.server_files",
    "migration.fixers.reported_settings",
    "migration.fixers.requirements_files",
    "migration.fixers.needed_packages",
    "migration.leftovers",
    "migration.engine",
    "migration.report",
    "migration.writing",
    "migration.cli",
    "migration.__main__",
    "management.commands.ws4redis_migrate",
]
"""The modules from bottom to top: each imports only what stands before it. The same as in docs/architecture."""

MAX_LINES = 300
LONGER: dict[str, int] = {"settings": 500}
"""Modules that hold one idea all the same, with the lines that each may have."""


def path_of(module: str) -> Path:
    """Return the file of one of our modules."""
    path = PACKAGE / module.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def tree_of(module: str) -> ast.Module:
    """Return the syntax of one of our modules."""
    return ast.parse(path_of(module).read_text("utf-8"))


def imports_of(tree: ast.AST) -> Iterator[str]:
    """Yield the dotted name of every module, or thing in a module, that is imported anywhere in `tree`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "Imports are absolute."
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports_of(module: str) -> set[str]:
    """Return which of our modules a module imports."""
    names = {name.removeprefix("ws4channels.") for name in imports_of(tree_of(module)) if "ws4channels." in name}
    return {each for name in names for each in (name, name.rpartition(".")[0]) if path_of(each).is_file() and each}


def packages_imported_by(module: str) -> set[str]:
    """Return the names of the packages that a module imports itself."""
    return {name.partition(".")[0] for name in imports_of(tree_of(module))}


def test_every_module_has_its_place() -> None:
    """The list names the modules that there are, each once."""
    files = (path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))
    there = {file.removesuffix("/__init__").replace("/", ".") for file in files} - {"__init__"}
    assert there == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("module", ORDER)
def test_module_imports_only_what_stands_before_it(module: str) -> None:
    """Imports point one way, so that there is no cycle."""
    unknown_or_above = own_imports_of(module) - set(ORDER[: ORDER.index(module)])
    assert unknown_or_above == set()


@pytest.mark.parametrize("module", ORDER)
def test_module_has_its_tests(module: str) -> None:
    """Each module, or the package that it is in, has a partner among the tests; `migration` has a folder of them."""
    parent, _, name = module.rpartition(".")
    in_folder = TESTS / parent.replace(".", "/") / f"test_{name.strip('_')}.py"
    of_package = TESTS / module.replace(".", "/") / "__init__.py"
    partners = (TESTS / f"test_{module.partition('.')[0]}.py", in_folder, of_package)
    assert any(partner.is_file() for partner in partners)


@pytest.mark.parametrize("module", [module for module in ORDER if module.startswith("migration")])
def test_migration_needs_no_django(module: str) -> None:
    """The command runs on sites whose Django does not, and without LibCST it can still say what to install."""
    assert packages_imported_by(module) & {"django", "channels", "redis"} == set()


def test_migration_starts_without_libcst() -> None:
    """What runs before a fixer is loaded needs no LibCST, so that the command can say what to install."""
    waiting = ["migration.__main__"]
    for module in waiting:
        assert "libcst" not in packages_imported_by(module)
        waiting += own_imports_of(module) - set(waiting)
    assert "migration.fixers" in waiting


@pytest.mark.parametrize("module", ORDER)
def test_module_imports_at_its_top(module: str) -> None:
    """No import hides in a function, a class or a condition, other than for types."""
    statements = tree_of(module).body
    hidden = [
        f"line {node.lineno}"
        for statement in statements
        if not isinstance(statement, (ast.Import, ast.ImportFrom))
        for node in ast.walk(statement)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    assert hidden == []


@pytest.mark.parametrize("module", ORDER)
def test_module_says_what_it_is(module: str) -> None:
    """Each module begins with a docstring whose first line is a sentence of its own."""
    docstring = ast.get_docstring(tree_of(module)) or ""
    first, _, rest = docstring.partition("\n")
    assert first.endswith((".", ":")) or "." in first
    assert not rest or rest.startswith("\n")


@pytest.mark.parametrize("module", ORDER)
def test_module_holds_one_idea(module: str) -> None:
    """No module grows without notice."""
    lines = len(path_of(module).read_text("utf-8").splitlines())
    assert lines <= LONGER.get(module, MAX_LINES)


@pytest.mark.parametrize("module", ORDER)
def test_module_logs_below_the_loggers_of_the_package(module: str) -> None:
    """Who configures ``ws4channels`` has configured all there is, and nothing is printed."""
    calls = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
    loggers = {ast.unparse(call) for call in calls if ast.unparse(call.func).endswith("getLogger")}
    # That one keeps the layer's own lines in bounds.
    others = {"logging.getLogger(pubsub.__name__)"} if module == "layer_logs" else set()
    assert loggers <= {"logging.getLogger(__name__)"} | others
    assert not [call for call in calls if re.fullmatch(r"print|logging\.(?!getLogger)[a-z]+", ast.unparse(call.func))]


@pytest.mark.parametrize("module", ["exceptions", "settings", "audience", "counters", "messages"])
def test_core_knows_neither_redis_nor_channels(module: str) -> None:
    """The pure core imports no client of anything."""
    assert (
        packages_imported_by(module) & {"redis", "channels", "channels_redis", "asyncio", "daphne", "twisted"} == set()
    )


def test_clients_of_redis_are_built_in_one_place() -> None:
    """Only `connections`, and `clusters` for it, makes Redis clients; others name redis for its types at most."""
    builders = set()
    for module in ORDER:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call) and _builds_a_client(ast.unparse(node.func)):
                builders.add(module)
    assert builders == {"clusters", "connections"}


def _builds_a_client(called: str) -> bool:
    return called.startswith("redis.") and called.rpartition(".")[2] in {
        "Redis",
        "StrictRedis",
        "RedisCluster",
        "from_url",
        "from_pool",
    }


def test_subscriber_map_does_no_io() -> None:
    """The hub's map of who wants what is plain data: it awaits nothing and calls no module."""
    tree = tree_of("subscriber_map")
    asynchronous = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(tree) if isinstance(node, asynchronous)]
    packages = {name.partition(".")[0] for name in imports_of(tree)}
    assert packages == {"__future__", "collections", "typing", "ws4channels"}
    ours = [name for name in imports_of(tree) if name.startswith("ws4channels")]
    assert ours == ["ws4channels.messages.Delivery"]


@pytest.mark.parametrize("module", ORDER)
def test_module_needs_no_clean_up_by_the_garbage_collector(module: str) -> None:
    """State has an owner that ends it: there is no `__del__`, and no `except: pass`."""
    tree = tree_of(module)
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__del__"]
    silent = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and all(isinstance(each, ast.Pass) for each in node.body)
    ]
    assert silent == []
