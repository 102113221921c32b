"""Tests of `ws4channels.compat`. Each test imports it anew, and nothing of it is left behind afterwards."""

from __future__ import annotations

import importlib
import json
import os
import runpy
import subprocess
import sys
import textwrap
import threading
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import pytest

import ws4channels
import ws4channels.publisher
from tests.waiting import TIMEOUT
from ws4channels import settings as our_settings

ROOT = Path(__file__).parents[1]
PUBLIC_NAMES = {
    "publisher": "RedisPublisher RedisStore redis_connection_pool settings",
    "redis_store": "RedisMessage RedisStore SELF settings",
    "subscriber": "RedisStore RedisSubscriber SELF settings",
    "settings": "WEBSOCKET_URL WS4REDIS_ALLOWED_CHANNELS WS4REDIS_CONNECTION WS4REDIS_EXPIRE WS4REDIS_HEARTBEAT "
    "WS4REDIS_PREFIX WS4REDIS_PROCESS_REQUEST WS4REDIS_SUBSCRIBER",
    "context_processors": "default settings",
    "models": "store_groups_in_session",
    "exceptions": "WebSocketError FrameTooLargeException HandshakeError UpgradeRequiredError",
}
"""What sites can import from django-websocket-redis 0.6.0, other than what that imports from other packages."""
FORMS = {
    "names": "from ws4redis.publisher import RedisPublisher as found",
    "dotted": "import ws4redis.publisher\nfound = ws4redis.publisher.RedisPublisher",
    "package alone": "import ws4redis\nfound = ws4redis.publisher.RedisPublisher",
    "star": "from ws4redis.publisher import *\nfound = RedisPublisher",
    "relative": "import importlib\nfound = importlib.import_module('.publisher', 'ws4redis').RedisPublisher",
    "Django": "import django.utils.module_loading as django\n"
    "found = django.import_string('ws4redis.publisher.RedisPublisher')",
    "pkgutil": "import pkgutil\nfound = pkgutil.resolve_name('ws4redis.publisher:RedisPublisher')",
    "__import__": "found = __import__('ws4redis.publisher', fromlist=['RedisPublisher']).RedisPublisher",
    "pickle": r"import pickle; found = pickle.loads(b'cws4redis.publisher\nRedisPublisher\n.')",
}


def is_of_compat(name: str) -> bool:
    """Tell whether a module is one that compat brings with it."""
    return f"{name}.".startswith(("ws4redis.", "ws4channels.compat."))


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The import system as if compat had never been imported; afterwards as it was before."""
    for name in [name for name in sys.modules if is_of_compat(name)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield
    for name in [name for name in sys.modules if is_of_compat(name)]:
        del sys.modules[name]


@pytest.fixture
def compat(clean: None) -> ModuleType:
    """`ws4channels.compat`; imports of ``ws4redis`` do not warn after its one warning."""
    with pytest.warns(DeprecationWarning, match="^ws4redis is an alias"):
        return importlib.import_module("ws4channels.compat")


class Site(NamedTuple):
    """A directory on the import path."""

    directory: Path

    def write(self, name: str, code: str) -> str:
        """Write a file; return its path."""
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(code), "utf-8")
        return str(path)

    def run(self, name: str, code: str) -> dict[str, Any]:
        """Run a new file as a module; return its names."""
        return runpy.run_path(self.write(name, code))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The files of a site."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return Site(tmp_path)


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS)
def test_every_form_of_import_finds_our_classes(compat: ModuleType, site: Site, code: str) -> None:
    """However a file imports it, RedisPublisher is the one of ws4channels; at the first import and later."""
    for name in ("views.py", "tasks.py"):
        assert site.run(name, code)["found"] is ws4channels.publisher.RedisPublisher


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_module_is_our_module_itself(compat: ModuleType, site: Site, module: str) -> None:
    """Every import of a module gives the object of ws4channels, unchanged, with all public names of the original."""
    ours = importlib.import_module(f"ws4channels.{module}")
    before = [ours.__name__, ours.__spec__, ours.__loader__, ours.__package__, ours.__file__]
    names = site.run(
        "views.py",
        f"""\
        import importlib, sys
        import ws4redis.{module}
        from ws4redis import {module} as a
        import ws4redis.{module} as b
        c = importlib.import_module("ws4redis.{module}")
        found = [ws4redis.{module}, a, b, c, sys.modules["ws4redis.{module}"]]
        """,
    )
    assert [each is ours for each in names["found"]] == [True] * 5
    assert all(hasattr(ours, name) for name in PUBLIC_NAMES[module].split())
    assert [ours.__name__, ours.__spec__, ours.__loader__, ours.__package__, ours.__file__] == before


def test_package_tells_version_and_place(compat: ModuleType) -> None:
    """``ws4redis.__version__`` and the directory static/ beside ``ws4redis.__file__`` are those of ws4channels."""
    package = importlib.import_module("ws4redis")
    assert package.__version__ == ws4channels.__version__
    assert (Path(package.__file__).parent / "static/js/ws4redis.js").is_file()


def test_assignment_to_a_setting_takes_effect(compat: ModuleType, site: Site) -> None:
    """What is assigned to an attribute of ``ws4redis.settings`` counts, until it is deleted."""
    site.run("assign.py", "from ws4redis import settings\nsettings.WS4REDIS_PREFIX = 'assigned'")
    try:
        assert our_settings.WS4REDIS_PREFIX == "assigned"
    finally:
        site.run("delete.py", "import ws4redis.settings as old\ndel old.WS4REDIS_PREFIX")
    assert our_settings.WS4REDIS_PREFIX is None


def test_mock_patch_reaches_our_modules(compat: ModuleType) -> None:
    """Strings given to ``mock.patch`` patch ws4channels, and leave nothing behind; modules can be patched as well."""
    original = ws4channels.publisher.RedisPublisher
    with mock.patch("ws4redis.publisher.RedisPublisher") as patched, mock.patch("ws4redis.settings.WS4REDIS_PREFIX", 7):
        assert ws4channels.publisher.RedisPublisher is patched
        assert our_settings.WS4REDIS_PREFIX == 7
    assert ws4channels.publisher.RedisPublisher is original
    assert "WS4REDIS_PREFIX" not in vars(our_settings)
    with mock.patch("ws4redis.publisher") as module:
        assert sys.modules["ws4redis"].publisher is module
    assert sys.modules["ws4redis"].publisher is ws4channels.publisher


def test_modules_can_be_reloaded_under_either_name(compat: ModuleType) -> None:
    """``importlib.reload()`` takes the package, a module of it, and compat itself."""
    before = list(sys.meta_path)
    module = importlib.import_module("ws4redis.exceptions")
    with mock.patch.dict(vars(module)):  # The classes are again those that other tests know, afterwards.
        assert importlib.reload(module) is sys.modules["ws4redis.exceptions"] is sys.modules["ws4channels.exceptions"]
    assert importlib.reload(sys.modules["ws4redis"]).exceptions is module
    assert importlib.reload(compat) is compat
    assert sys.meta_path == before


def test_module_that_another_thread_is_loading_is_complete(
    compat: ModuleType, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who imports a module while others are loading it, under either name, waits until all its names are there."""
    site.write(
        "slow_target.py",
        f"""\
        from ws4channels.compat import go_on, loading
        loading.set()
        assert go_on.wait({TIMEOUT})
        class Last: pass
        """,
    )
    for event in ("loading", "go_on"):
        monkeypatch.setattr(compat, event, threading.Event(), raising=False)
    monkeypatch.setitem(compat.ALIASES, "ws4redis.slow", "slow_target")
    found: list[type] = []

    def load(name: str) -> None:
        names: dict[str, Any] = {}
        exec(f"from {name} import Last", names)
        found.append(names["Last"])

    threads = [threading.Thread(target=load, args=[name]) for name in ["ws4redis.slow", "slow_target"] * 3]
    threads[0].start()
    assert compat.loading.wait(TIMEOUT)
    for thread in threads[1:]:
        thread.start()
    compat.go_on.set()
    for thread in threads:
        thread.join(TIMEOUT)
    assert found == [sys.modules.pop("slow_target").Last] * 6


def test_installing_warns_once_and_says_how_to_list_the_files(clean: None, site: Site) -> None:
    """The line of the settings gets the one warning; what is imported and named later, from wherever, gets none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        site.run("settings.py", "\nimport ws4channels.compat\n")
        site.run("more_settings.py", "import ws4channels.compat\n")
        site.run("views.py", "from ws4redis.publisher import RedisPublisher\nimport ws4redis.models")
    assert [(each.category, each.filename, each.lineno, str(each.message)) for each in caught] == [
        (
            DeprecationWarning,
            str(site.directory / "settings.py"),
            2,
            "ws4redis is an alias of ws4channels here. `python -m ws4channels.migration .` lists the files that still "
            "import ws4redis, and rewrites them with --write; then remove `import ws4channels.compat`.",
        )
    ]


@pytest.mark.filterwarnings("error")
def test_warning_that_is_an_error_installs_nothing(clean: None) -> None:
    """Where deprecations are errors, compat raises its own each time that it is imported."""
    for _ in range(2):
        with pytest.raises(DeprecationWarning, match=r"^ws4redis is an alias"):
            importlib.import_module("ws4channels.compat")
        assert find_spec("ws4redis") is None


@pytest.mark.parametrize(
    "module", ["uwsgi_runserver", "django_runserver", "wsgi_server", "websocket", "utf8validator", "_compat"]
)
def test_server_module_says_what_replaces_it(compat: ModuleType, site: Site, module: str) -> None:
    """The modules that made the original's server cannot be imported; the error says what to do."""
    for form in ("import ws4redis.{}", "from ws4redis import {}", "from ws4redis.{} import x"):
        with pytest.raises(ImportError) as refused:
            site.run("wsgi_websocket.py", form.format(module))
        assert not isinstance(refused.value, ModuleNotFoundError)
        instead = compat.REPLACEMENTS[f"ws4redis.{module}"]
        assert str(refused.value) == f"ws4redis.{module} is not part of ws4channels. {instead}"


@pytest.mark.parametrize("name", ["nothing", "consumers"])
def test_module_that_never_was_is_not_found(compat: ModuleType, site: Site, name: str) -> None:
    """A module that the original does not have gets Python's own errors, also where ws4channels has one."""
    with pytest.raises(ModuleNotFoundError) as missing:
        importlib.import_module(f"ws4redis.{name}")
    assert missing.value.name == f"ws4redis.{name}"
    with pytest.raises(ImportError, match=f"cannot import name '{name}' from 'ws4redis'"):
        site.run("views.py", f"from ws4redis import {name}")


def test_copy_in_the_site_stays(clean: None, site: Site) -> None:
    """Where the site or its environment has a ws4redis, that one is imported, and a warning says so."""
    copy = site.write("ws4redis/__init__.py", "mine = True\n")
    with pytest.warns(RuntimeWarning) as caught:
        site.run("settings.py", "import ws4channels.compat\n")
    (warning,) = caught
    assert (Path(warning.filename).name, warning.lineno) == ("settings.py", 1)
    assert str(warning.message) == (
        f"ws4redis is {copy}, so ws4channels.compat leaves it alone and does nothing. If that is "
        "django-websocket-redis, uninstall it; if it is a copy of your own, remove `import ws4channels.compat`."
    )
    assert site.run("views.py", "import ws4redis")["ws4redis"].mine


def test_module_imported_before_stays(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ws4redis that is loaded already, such as the stand-in of a test, stays."""
    stand_in = ModuleType("ws4redis")
    monkeypatch.setitem(sys.modules, "ws4redis", stand_in)
    with pytest.warns(RuntimeWarning, match="^ws4redis is <module 'ws4redis'>, so ws4channels.compat leaves it alone"):
        importlib.import_module("ws4channels.compat")
    assert importlib.import_module("ws4redis") is stand_in


@pytest.mark.filterwarnings("ignore:ws4redis is an alias:DeprecationWarning")
def test_empty_directory_is_no_package(clean: None, site: Site) -> None:
    """A directory named ws4redis without Python in it, left over from something, is not in the way."""
    (site.directory / "ws4redis").mkdir()
    importlib.import_module("ws4channels.compat")
    assert importlib.import_module("ws4redis.publisher") is ws4channels.publisher


@pytest.mark.parametrize("ours", [["ws4redis"], ["ws4redis", "ws4channels"], ["ws4channels", "ws4redis"]])
def test_installed_app(site: Site, ours: list[str]) -> None:
    """``"ws4redis"`` in INSTALLED_APPS is ws4channels; where that is listed too, everything is there once.

    At the top of the settings, compat reads no settings, loads no models, and imports no client of Redis.
    """
    site.write(
        "mysettings.py",
        f"""\
        import ws4channels.compat
        import sys
        from django.conf import settings
        LOADED = sorted({{"redis", "channels", "channels_redis", "django.db.models"}} & set(sys.modules))
        IS_CONFIGURED = settings.configured
        SECRET_KEY = "x"
        STATIC_URL = "/static/"
        DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
        INSTALLED_APPS = [
            *(f"django.contrib.{{name}}" for name in ("auth", "contenttypes", "sessions", "staticfiles")), *{ours}
        ]
        CHANNEL_LAYERS = {{"default": {{"BACKEND": "channels.layers.InMemoryChannelLayer"}}}}
        """,
    )
    script = site.write(
        "script.py",
        """\
        import json
        import django
        import mysettings
        django.setup()
        from django.apps import apps
        from django.contrib.auth.signals import user_logged_in
        from django.contrib.staticfiles.finders import find
        from django.core.checks import run_checks
        from django.core.management import get_commands
        from django.db.migrations.loader import MigrationLoader
        MigrationLoader(None)
        ours = [config for config in apps.get_app_configs() if config.label.startswith("ws4")]
        print(json.dumps({
            "loaded by compat": mysettings.LOADED,
            "settings read by compat": mysettings.IS_CONFIGURED,
            "configs": sorted([config.label, type(config).__name__] for config in ours),
            "is_installed": apps.is_installed("ws4channels"),
            "static": len(find("js/ws4redis.js", True)),
            "receivers": [each[0][0] for each in user_logged_in.receivers if "ws4" in str(each[0][0])],
            "commands": [name for name, app in get_commands().items() if app == "ws4redis"],
            "errors": [message.id for message in run_checks() if message.id.startswith("ws4channels.E")],
        }))
        """,
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mysettings", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=4 * TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "loaded by compat": [],
        "settings read by compat": False,
        "configs": [["ws4channels", "Ws4ChannelsConfig"], ["ws4redis", "Ws4RedisConfig"]][: len(ours)],
        "is_installed": True,
        "static": 1,
        "receivers": ["ws4channels.store_groups_in_session"],
        "commands": [],
        "errors": [],
    }
