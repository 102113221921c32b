"""Tests of the structure: rooms import downwards, imports form no circle, each module has its tests."""

from __future__ import annotations

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import ws4channels

PACKAGE = Path(ws4channels.__file__).parent
TESTS = Path(__file__).parent

ROOMS = (
    {"exceptions", "settings", "audience", "counters", "shown"},
    {"connections"},
    {"transports"},
    {"redis_store", "publisher", "subscriber", "closing"},
    {"delivery"},
    {"processes"},
    {"access"},
    {"presence"},
    {"consumers", "streams", "origins", "routing", "asgi", "tickets"},
)
"""The rooms from bottom to top: each imports from itself and from those before it. All others are above them."""

MODULES = sorted(
    path.relative_to(PACKAGE).with_suffix("").as_posix().removesuffix("/__init__").replace("/", ".")
    for path in PACKAGE.rglob("*.py")
    if path != PACKAGE / "__init__.py"
)

MAX_LINES = 300
LONGER: dict[str, int] = {"settings": 500, "consumers": 320}
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


def level_of(module: str) -> int:
    """Return the position of a module's room, counted from the bottom."""
    room = module.partition(".")[0]
    return next((level for level, rooms in enumerate(ROOMS) if room in rooms), len(ROOMS))


@pytest.mark.parametrize("module", MODULES)
def test_module_imports_nothing_from_a_room_above(module: str) -> None:
    """Imports point down the rooms."""
    above = {imported for imported in own_imports_of(module) if level_of(imported) > level_of(module)}
    assert above == set()


def test_imports_form_no_circle() -> None:
    """The modules can be put into one row, in which each imports only those before it."""
    graph = {module: own_imports_of(module) - {module} for module in MODULES}
    row = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(row) == set(MODULES)


def test_rooms_are_there() -> None:
    """The order of rooms names no module that has gone."""
    assert set().union(*ROOMS) <= set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_module_has_its_tests(module: str) -> None:
    """Each module has a file of tests in its room, named after it or with its name in the docstring."""
    parent, _, name = module.rpartition(".")
    room = TESTS / parent.replace(".", "/")
    own = (room / f"test_{name.strip('_')}.py", TESTS / module.replace(".", "/") / "__init__.py")
    of_flat_package = TESTS / f"test_{module.partition('.')[0]}.py"
    if not any(path.is_file() for path in (*own, of_flat_package)):
        docstrings = [ast.get_docstring(ast.parse(path.read_text("utf-8"))) for path in room.glob("test_*.py")]
        assert any(f"`ws4channels.{module}`" in (docstring or "") for docstring in docstrings)


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("migration")])
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


@pytest.mark.parametrize("module", MODULES)
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


@pytest.mark.parametrize("module", MODULES)
def test_module_says_what_it_is(module: str) -> None:
    """Each module begins with a docstring whose first line is a sentence of its own."""
    docstring = ast.get_docstring(tree_of(module)) or ""
    first, _, rest = docstring.partition("\n")
    assert first.endswith((".", ":")) or "." in first
    assert not rest or rest.startswith("\n")


@pytest.mark.parametrize("module", MODULES)
def test_module_holds_one_idea(module: str) -> None:
    """No module grows without notice."""
    lines = len(path_of(module).read_text("utf-8").splitlines())
    assert lines <= LONGER.get(module, MAX_LINES)


@pytest.mark.parametrize("module", MODULES)
def test_module_logs_below_the_loggers_of_the_package(module: str) -> None:
    """Who configures ``ws4channels`` has configured all there is, and nothing is printed."""
    calls = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call)]
    loggers = {ast.unparse(call) for call in calls if ast.unparse(call.func).endswith("getLogger")}
    # The first keeps the layer's own lines in bounds; the second reads why websockets of tests are refused.
    others = {
        "transports.pubsub_layer": {"logging.getLogger(pubsub.__name__)"},
        "testing": {"logging.getLogger('ws4channels')"},
    }
    assert loggers <= {"logging.getLogger(__name__)"} | others.get(module, set())
    assert not [call for call in calls if re.fullmatch(r"print|logging\.(?!getLogger)[a-z]+", ast.unparse(call.func))]


@pytest.mark.parametrize("module", ["settings", "audience", "counters", "shown", "transports.messages"])
def test_core_knows_neither_redis_nor_channels(module: str) -> None:
    """The pure core imports no client of anything."""
    assert (
        packages_imported_by(module) & {"redis", "channels", "channels_redis", "asyncio", "daphne", "twisted"} == set()
    )


def test_clients_of_redis_are_built_in_one_place() -> None:
    """Only the room `connections` makes Redis clients; others name redis for its types at most."""
    builders = set()
    for module in MODULES:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Call) and _builds_a_client(ast.unparse(node.func)):
                builders.add(module)
    assert builders == {"connections", "connections.clusters"}


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
    tree = tree_of("delivery.subscriber_map")
    asynchronous = (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)
    assert not [node for node in ast.walk(tree) if isinstance(node, asynchronous)]
    packages = {name.partition(".")[0] for name in imports_of(tree)}
    assert packages == {"__future__", "collections", "logging", "typing", "ws4channels"}
    ours = [name for name in imports_of(tree) if name.startswith("ws4channels")]
    assert ours == ["ws4channels.transports.messages.Delivery"]


@pytest.mark.parametrize("module", MODULES)
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
