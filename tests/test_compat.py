"""Tests of `ws4channels.compat`. Each test imports it anew, and nothing of it is left behind afterwards."""

from __future__ import annotations

import importlib
import json
import os
import pickle
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.template import engines
from django.utils.module_loading import import_string

import ws4channels
import ws4channels.publisher
from tests.waiting import TIMEOUT
from ws4channels import settings as our_settings

ROOT = Path(__file__).parents[1]
PUBLIC_NAMES = {
    "publisher": ["RedisPublisher", "RedisStore", "redis_connection_pool", "settings"],
    "redis_store": ["RedisMessage", "RedisStore", "SELF", "settings"],
    "subscriber": ["RedisStore", "RedisSubscriber", "SELF", "settings"],
    "settings": [
        "WEBSOCKET_URL",
        "WS4REDIS_ALLOWED_CHANNELS",
        "WS4REDIS_CONNECTION",
        "WS4REDIS_EXPIRE",
        "WS4REDIS_HEARTBEAT",
        "WS4REDIS_PREFIX",
        "WS4REDIS_PROCESS_REQUEST",
        "WS4REDIS_SUBSCRIBER",
    ],
    "context_processors": ["default", "settings"],
    "models": ["store_groups_in_session"],
    "exceptions": ["WebSocketError", "FrameTooLargeException", "HandshakeError", "UpgradeRequiredError"],
}
"""What sites can import from django-websocket-redis 0.6.0, other than what that imports from other packages."""
FORMS = {
    "names": "from ws4redis.publisher import RedisPublisher as found",
    "module of package": "from ws4redis import publisher\nfound = publisher.RedisPublisher",
    "dotted": "import ws4redis.publisher\nfound = ws4redis.publisher.RedisPublisher",
    "dotted with alias": "import ws4redis.publisher as old\nfound = old.RedisPublisher",
    "package alone": "import ws4redis\nfound = ws4redis.publisher.RedisPublisher",
    "star": "from ws4redis.publisher import *\nfound = RedisPublisher",
    "importlib": "import importlib\nfound = importlib.import_module('ws4redis.publisher').RedisPublisher",
    "relative importlib": "import importlib\nfound = importlib.import_module('.publisher', 'ws4redis').RedisPublisher",
    "import_string": "from django.utils.module_loading import import_string\n"
    "found = import_string('ws4redis.publisher.RedisPublisher')",
    "pkgutil": "import pkgutil\nfound = pkgutil.resolve_name('ws4redis.publisher:RedisPublisher')",
    "__import__": "found = __import__('ws4redis.publisher', fromlist=['RedisPublisher']).RedisPublisher",
    "sys.modules": "import sys, ws4redis.publisher\nfound = sys.modules['ws4redis.publisher'].RedisPublisher",
    "pickle": r"import pickle; found = pickle.loads(b'cws4redis.publisher\nRedisPublisher\n.')",
    "function": "def late():\n    from ws4redis.publisher import RedisPublisher as found\n    return found\n"
    "found = late()",
}
ADVICE = (
    "ws4redis is an alias of ws4channels: write ws4channels in place of ws4redis here. "
    "`python -m ws4channels.migration` finds and rewrites all such places of a site."
)


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
    """`ws4channels.compat`, imported by this file."""
    return importlib.import_module("ws4channels.compat")


@pytest.fixture
def quiet() -> Iterator[None]:
    """Deprecations are not what the test is about."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@contextmanager
def recorded() -> Iterator[list[warnings.WarningMessage]]:
    """Record every deprecation, however often it comes from one line."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        yield caught


class Files:
    """Files of a site."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, code: str) -> Path:
        """Write a file."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code), "utf-8")
        return path

    def run(self, name: str, code: str) -> dict[str, Any]:
        """Run a new file as a module; return its names."""
        path = self.write(name, code)
        names: dict[str, Any] = {"__name__": path.stem, "__file__": str(path)}
        exec(compile(path.read_text("utf-8"), str(path), "exec"), names)
        return names


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """A directory on the import path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return Files(tmp_path)


@pytest.mark.parametrize("code", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("first", [True, False], ids=["first import", "later import"])
def test_every_form_of_import_finds_our_classes(
    compat: ModuleType, quiet: None, files: Files, code: str, first: bool
) -> None:
    """However a file imports it, RedisPublisher is the one of ws4channels, before and after others imported it."""
    if not first:
        files.run("other.py", "from ws4redis.publisher import RedisPublisher")
    assert files.run("views.py", code)["found"] is ws4channels.publisher.RedisPublisher


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_every_module_has_its_public_names(compat: ModuleType, quiet: None, module: str) -> None:
    """What can be imported from a module of the original can be imported here, and is ours."""
    ours = importlib.import_module(f"ws4channels.{module}")
    alias = importlib.import_module(f"ws4redis.{module}")
    for name in PUBLIC_NAMES[module]:
        assert getattr(alias, name) is getattr(ours, name)


@pytest.mark.parametrize("module", PUBLIC_NAMES)
def test_statements_give_the_very_module(compat: ModuleType, quiet: None, files: Files, module: str) -> None:
    """``from ws4redis import x`` and ``import ws4redis.x as y`` give the module of ws4channels itself."""
    ours = importlib.import_module(f"ws4channels.{module}")
    code = f"import ws4redis.{module}\nfrom ws4redis import {module} as a\nimport ws4redis.{module} as b\n"
    for name in ("views.py", "tasks.py"):
        names = files.run(name, f"{code}c = ws4redis.{module}\nd = getattr(ws4redis, '{module}')")
        assert [names[each] is ours for each in "abcd"] == [True] * 4


def test_star_import_takes_the_public_names_alone(compat: ModuleType, quiet: None, files: Files) -> None:
    """``from ws4redis.settings import *`` gives the settings with their values, as they are then."""
    names = files.run("views.py", "from ws4redis.settings import *")
    assert set(PUBLIC_NAMES["settings"]) <= set(names)
    assert names["WS4REDIS_CONNECTION"] == django_settings.WS4REDIS_CONNECTION
    assert "SETTINGS" not in names


@pytest.mark.parametrize(
    "code",
    [
        "from ws4redis import settings as private_settings",
        "import ws4redis.settings as private_settings",
        "import importlib; private_settings = importlib.import_module('ws4redis.settings')",
    ],
)
def test_assignment_to_a_setting_takes_effect(compat: ModuleType, quiet: None, files: Files, code: str) -> None:
    """What is assigned to an attribute of ``ws4redis.settings`` counts, until it is deleted."""
    files.run("assign.py", f"{code}\nprivate_settings.WS4REDIS_PREFIX = 'assigned'")
    try:
        assert our_settings.WS4REDIS_PREFIX == "assigned"
    finally:
        files.run("delete.py", f"{code}\ndel private_settings.WS4REDIS_PREFIX")
    assert our_settings.WS4REDIS_PREFIX is None


@pytest.mark.parametrize("target", ["ws4redis.publisher.RedisPublisher", "ws4redis.redis_store.RedisStore"])
def test_mock_patch_reaches_our_module(compat: ModuleType, quiet: None, target: str) -> None:
    """A string given to ``mock.patch`` patches ws4channels, and puts back what was there."""
    module, _, name = target.rpartition(".")
    ours = importlib.import_module(module.replace("ws4redis", "ws4channels"))
    original = vars(ours)[name]
    with mock.patch(target) as patched:
        assert getattr(ours, name) is patched
    assert vars(ours)[name] is original


def test_mock_patch_of_a_setting_leaves_nothing_behind(compat: ModuleType, quiet: None) -> None:
    """A patched setting is Django's again afterwards."""
    with mock.patch("ws4redis.settings.WS4REDIS_PREFIX", "patched"):
        assert our_settings.WS4REDIS_PREFIX == "patched"
    assert our_settings.WS4REDIS_PREFIX is None


def test_mock_patch_of_a_whole_module_is_undone(compat: ModuleType, quiet: None) -> None:
    """``mock.patch("ws4redis.publisher")`` replaces the attribute of the package, and then it is ours again."""
    import_string("ws4redis.publisher")
    package = sys.modules["ws4redis"]
    with mock.patch("ws4redis.publisher") as patched:
        assert package.publisher is patched
    assert package.publisher is ws4channels.publisher


def test_pickle_of_the_original_is_read(compat: ModuleType, quiet: None) -> None:
    """A message that was pickled by the original, in a cache or a task, is a message of ours."""
    pickled = b"cws4redis.redis_store\nRedisMessage\n(Vhello\ntR."
    message = pickle.loads(pickled)
    assert (type(message).__module__, message) == ("ws4channels.redis_store", b"hello")


def test_module_can_be_looked_at(compat: ModuleType, quiet: None) -> None:
    """``dir()``, ``vars()`` and ``reload()`` take an alias as any module."""
    alias = importlib.import_module("ws4redis.publisher")
    assert vars(alias) is vars(ws4channels.publisher)
    assert dir(alias) == dir(ws4channels.publisher)
    assert importlib.reload(alias) is alias
    assert alias.__file__ == ws4channels.publisher.__file__
    assert alias.__name__ == "ws4redis.publisher"
    package = sys.modules["ws4redis"]
    assert {"publisher", "settings", "models"} <= set(dir(package))
    assert package.__version__ == ws4channels.__version__
    assert (Path(package.__file__).parent / "static/js/ws4redis.js").is_file()


def test_each_importing_file_is_warned_of_once(compat: ModuleType, files: Files) -> None:
    """A file that imports several things gets one warning, at the line of the first, and so does the next file."""
    imports = "from ws4redis.redis_store import SELF\nfrom ws4redis import settings\nimport ws4redis.publisher as old\n"
    with recorded() as caught:
        files.run("views.py", f"\n\nfrom ws4redis.publisher import RedisPublisher\n{imports}")
        files.run("tasks.py", f"import json\n{imports}from ws4redis.publisher import *\n")
        files.run("guard.py", "import ws4redis\n\n\nprint(ws4redis.publisher.RedisPublisher)\n")
    where = [(Path(each.filename).name, each.lineno) for each in caught]
    assert where == [("views.py", 3), ("tasks.py", 2), ("guard.py", 4)]
    assert {str(each.message) for each in caught} == {ADVICE}


def test_warning_of_a_late_import_names_the_file_that_imports(compat: ModuleType, files: Files) -> None:
    """An import in a function counts for the file of that function, whoever calls it."""
    late = files.run("late.py", "def late():\n    from ws4redis.publisher import RedisPublisher\n")["late"]
    with recorded() as caught:
        late()
        late()
    assert [(each.filename, each.lineno) for each in caught] == [(str(files.directory / "late.py"), 2)]


def test_dotted_path_counts_for_the_settings(clean: None, files: Files) -> None:
    """What Django imports for a string is warned of at the line of the settings that imported compat."""
    files.run("settings.py", "\nimport ws4channels.compat\n")
    with recorded() as caught:
        import_string("ws4redis.context_processors.default")
        import_string("ws4redis.subscriber.RedisSubscriber")
    assert [(each.filename, each.lineno) for each in caught] == [(str(files.directory / "settings.py"), 2)]


def test_warning_that_is_an_error_stops_the_import(compat: ModuleType, files: Files) -> None:
    """Where a site's tests make deprecations errors, the import raises it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DeprecationWarning):
            files.run("views.py", "from ws4redis.publisher import RedisPublisher")


@pytest.mark.parametrize(
    ("module", "advice"),
    [
        ("uwsgi_runserver", "asgi.py with `from ws4channels.asgi import get_asgi_application`"),
        ("django_runserver", "`manage.py runserver` serves websockets"),
        ("wsgi_server", "ws4channels.consumers.FacilityConsumer"),
        ("websocket", "ws4channels.exceptions"),
        ("utf8validator", "refuses text that is not UTF-8"),
        ("_compat", "request.user.is_authenticated"),
    ],
)
@pytest.mark.parametrize("form", ["import ws4redis.{}", "from ws4redis import {}", "from ws4redis.{} import x"])
def test_server_module_says_what_replaces_it(
    compat: ModuleType, quiet: None, files: Files, module: str, advice: str, form: str
) -> None:
    """The modules that made the original's server cannot be imported; the error says what to do."""
    with pytest.raises(ImportError) as refused:
        files.run("wsgi_websocket.py", form.format(module))
    assert not isinstance(refused.value, ModuleNotFoundError)
    assert str(refused.value).startswith(f"ws4redis.{module} is not part of ws4channels. ")
    assert advice in str(refused.value)


def test_whole_text_of_a_server_modules_error(compat: ModuleType, quiet: None) -> None:
    """The text names the module and what to write."""
    with pytest.raises(ImportError) as refused:
        importlib.import_module("ws4redis.django_runserver")
    assert str(refused.value) == (
        "ws4redis.django_runserver is not part of ws4channels. Remove WSGI_APPLICATION = "
        "'ws4redis.django_runserver.application' from the settings, write 'daphne' as the first of INSTALLED_APPS and "
        "set ASGI_APPLICATION: then `manage.py runserver` serves websockets."
    )


def test_module_that_never_was_is_not_found(compat: ModuleType, quiet: None, files: Files) -> None:
    """A name that the original does not have gets Python's own errors."""
    with pytest.raises(ModuleNotFoundError) as missing:
        importlib.import_module("ws4redis.nothing")
    assert missing.value.name == "ws4redis.nothing"
    with pytest.raises(ImportError, match=r"cannot import name 'nothing' from 'ws4redis'"):
        files.run("views.py", "from ws4redis import nothing")
    with pytest.raises(ImportError, match=r"cannot import name 'nothing' from 'ws4redis\.publisher'"):
        files.run("tasks.py", "from ws4redis.publisher import nothing")


def test_copy_in_the_site_stays(clean: None, files: Files) -> None:
    """Where the site or its environment has a ws4redis, that one is imported, and a warning says so."""
    copy = files.write("ws4redis/__init__.py", "mine = True\n")
    with pytest.warns(RuntimeWarning) as caught:
        files.run("settings.py", "import ws4channels.compat\n")
    (warning,) = caught
    assert (Path(warning.filename).name, warning.lineno) == ("settings.py", 1)
    assert str(warning.message) == (
        f"ws4redis is {copy}, so ws4channels.compat leaves it alone and does nothing. If that is "
        "django-websocket-redis, uninstall it; if it is a copy of your own, remove `import ws4channels.compat`."
    )
    assert files.run("views.py", "import ws4redis")["ws4redis"].mine


def test_module_imported_before_stays(clean: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ws4redis that is loaded already, such as the stand-in of a test, stays."""
    stand_in = ModuleType("ws4redis")
    monkeypatch.setitem(sys.modules, "ws4redis", stand_in)
    with pytest.warns(RuntimeWarning, match="^ws4redis is <module 'ws4redis'>, so ws4channels.compat leaves it alone"):
        importlib.import_module("ws4channels.compat")
    assert importlib.import_module("ws4redis") is stand_in


def test_empty_directory_is_no_package(clean: None, quiet: None, files: Files) -> None:
    """A directory named ws4redis without Python in it, left over from something, is not in the way."""
    (files.directory / "ws4redis").mkdir()
    importlib.import_module("ws4channels.compat")
    assert import_string("ws4redis.publisher.RedisPublisher") is ws4channels.publisher.RedisPublisher


def test_split_settings_may_all_import_it(compat: ModuleType, quiet: None) -> None:
    """Installing it again, from a second file of settings, changes nothing."""
    before = list(sys.meta_path)
    assert compat.install() is before[0]
    assert sys.meta_path == before


def test_context_processor_is_found_by_its_old_path(compat: ModuleType, quiet: None, settings: Any, rf: Any) -> None:
    """Templates get what they always got."""
    options = {"context_processors": ["ws4redis.context_processors.default"]}
    settings.TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": options}]
    template = engines["django"].from_string("{{ WEBSOCKET_URI }}")
    assert template.render({}, rf.get("/")) == "ws://testserver/ws/"


def run_site(directory: Path, settings: str, code: str) -> Any:
    """Run code in a new process of a site with these settings; return the JSON that it prints."""
    (directory / "mysettings.py").write_text(textwrap.dedent(settings), "utf-8")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mysettings",
        "PYTHONPATH": os.pathsep.join([str(directory), str(ROOT)]),
        "PYTHONWARNINGS": "default",
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=4 * TIMEOUT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.staticfiles"]
TELL = """
    import json, warnings
    import django
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        django.setup()
    from django.apps import apps
    from django.contrib.auth.signals import user_logged_in
    from django.contrib.staticfiles.finders import find
    from django.core.checks import run_checks
    from django.core.management import get_commands
    from django.db.migrations.loader import MigrationLoader
    MigrationLoader(None)
    print(json.dumps({
        "labels": [config.label for config in apps.get_app_configs() if config.label.startswith("ws4")],
        "configs": [type(config).__name__ for config in apps.get_app_configs() if config.label.startswith("ws4")],
        "is_installed": apps.is_installed("ws4channels"),
        "static": len(find("js/ws4redis.js", find_all=True)),
        "receivers": [each[0][0] for each in user_logged_in.receivers if "ws4" in str(each[0][0])],
        "commands": sorted(set(name for name, app in get_commands().items() if app == "ws4redis")),
        "errors": [message.id for message in run_checks() if message.id.startswith("ws4channels.E")],
        "warned": [(each.filename.rpartition("/")[2], each.lineno) for each in caught
                   if "ws4redis" in str(each.message)],
    }))
"""


@pytest.mark.parametrize("ours", [["ws4redis"], ["ws4redis", "ws4channels"], ["ws4channels", "ws4redis"]])
def test_installed_app(tmp_path: Path, ours: list[str]) -> None:
    """``"ws4redis"`` in INSTALLED_APPS is ws4channels; where that is listed too, everything is there once."""
    told = run_site(
        tmp_path,
        f"""\
        import ws4channels.compat
        SECRET_KEY = "x"
        STATIC_URL = "/static/"
        DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}}
        INSTALLED_APPS = {APPS + ours!r}
        CHANNEL_LAYERS = {{"default": {{"BACKEND": "channels.layers.InMemoryChannelLayer"}}}}
        """,
        TELL,
    )
    both = len(ours) == 2
    assert sorted(told.pop("labels")) == (["ws4channels", "ws4redis"] if both else ["ws4channels"])
    assert sorted(told.pop("configs")) == (["Ws4ChannelsConfig", "Ws4RedisConfig"] if both else ["Ws4ChannelsConfig"])
    assert told == {
        "is_installed": True,
        "static": 1,
        "receivers": ["ws4channels.store_groups_in_session"],
        "commands": [],
        "errors": [],
        "warned": [["mysettings.py", 1]],
    }


def test_importing_it_touches_nothing(tmp_path: Path) -> None:
    """At the top of the settings, settings are not read, models not loaded, and no client of Redis is imported."""
    told = run_site(
        tmp_path,
        "import ws4channels.compat\n",
        """
        import json, sys
        import mysettings
        from django.apps import apps
        from django.conf import settings
        loaded = [name for name in sys.modules if name.partition(".")[0] in ("redis", "channels", "channels_redis")]
        print(json.dumps([settings.configured, apps.apps_ready, loaded, "django.db.models" in sys.modules]))
        """,
    )
    assert told == [False, False, [], False]
