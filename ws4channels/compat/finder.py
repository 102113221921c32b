"""``ws4redis`` for the import system: a finder, and modules that pass everything on to ours."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType
from typing import Any

import ws4channels
from ws4channels.compat.importers import Importers, Place, current_place

PACKAGE = "ws4redis"
MODULES = ("publisher", "redis_store", "subscriber", "settings", "context_processors", "models", "exceptions")
ALIASES = {
    **{f"{PACKAGE}.{name}": f"ws4channels.{name}" for name in MODULES},
    # Which the original does not have; Django looks there for what "ws4redis" in INSTALLED_APPS means.
    f"{PACKAGE}.apps": "ws4channels.compat.apps",
}
"""The modules of ws4redis that can be imported, each with the module that it then is."""

_ASGI = "an asgi.py with `from ws4channels.asgi import get_asgi_application`, which Daphne or uvicorn serve"
REPLACEMENTS = {
    f"{PACKAGE}.uwsgi_runserver": f"uWSGI no longer serves websockets. In place of wsgi_websocket.py write {_ASGI}.",
    f"{PACKAGE}.django_runserver": (
        "Remove WSGI_APPLICATION = 'ws4redis.django_runserver.application' from the settings, write 'daphne' as the "
        "first of INSTALLED_APPS and set ASGI_APPLICATION: then `manage.py runserver` serves websockets."
    ),
    f"{PACKAGE}.wsgi_server": (
        f"Websockets are no longer served by WSGI. Write {_ASGI}; what a subclass of WebsocketWSGIServer did goes into "
        "WS4REDIS_PROCESS_REQUEST, WS4REDIS_ALLOWED_CHANNELS or a subclass of ws4channels.consumers.FacilityConsumer."
    ),
    f"{PACKAGE}.websocket": (
        "Frames are read and written by the server, Daphne or uvicorn. The errors are in ws4channels.exceptions; to "
        "handle messages yourself, subclass ws4channels.consumers.FacilityConsumer."
    ),
    f"{PACKAGE}.utf8validator": "The server, Daphne or uvicorn, refuses text that is not UTF-8.",
    f"{PACKAGE}._compat": "Write request.user.is_authenticated, without parentheses.",
}
"""The modules of ws4redis that have no counterpart, each with what to do instead."""

# What belongs to an alias itself; the import system writes it.
_OWN = frozenset({"__name__", "__loader__", "__package__", "__spec__"})


class LegacyFinder(MetaPathFinder, Loader):
    """Finds ``ws4redis`` and its modules, and warns of the files that import them."""

    def __init__(self, importers: Importers) -> None:
        self.importers = importers

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        """Return the spec of a module of ws4redis, None for any other and for what ws4redis never had."""
        if fullname == PACKAGE or fullname in ALIASES or fullname in REPLACEMENTS:
            return spec_from_loader(fullname, self, origin="ws4channels.compat", is_package=fullname == PACKAGE)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module, or raise the ImportError that says what replaces it."""
        if spec.name in REPLACEMENTS:
            raise ImportError(f"{spec.name} is not part of ws4channels. {REPLACEMENTS[spec.name]}", name=spec.name)
        self.importers.warn()
        if spec.name == PACKAGE:
            return LegacyPackage(self.importers)
        return Alias(spec.name, importlib.import_module(ALIASES[spec.name]), self.importers)

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing: our own module has run already."""


class LegacyPackage(ModuleType):
    """The package ``ws4redis``. As attributes its modules are ours, the same objects."""

    def __init__(self, importers: Importers) -> None:
        super().__init__(PACKAGE, ws4channels.__doc__)
        self.__version__ = ws4channels.__version__
        # By which settings find the directory static/, to name it among others.
        self.__file__ = ws4channels.__file__
        self._importers = importers

    def __getattr__(self, name: str) -> ModuleType:
        if f"{PACKAGE}.{name}" not in ALIASES:
            raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
        self._importers.warn()
        return importlib.import_module(ALIASES[f"{PACKAGE}.{name}"])

    def __setattr__(self, name: str, value: Any) -> None:
        # The import system sets a module that it has loaded. Not stored, the next file that asks for it is noticed.
        if not isinstance(value, Alias):
            super().__setattr__(name, value)

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *MODULES})


class Alias(ModuleType):
    """One of our modules under its old name: what is read, set or deleted here is read, set or deleted there.

    It is no second name of the same object, because Python does not ask anybody for a module that it has already: only
    the names that a file takes from it tell that another file imports it.
    """

    _target: ModuleType
    _importers: Importers

    def __init__(self, name: str, target: ModuleType, importers: Importers) -> None:
        super().__init__(name, target.__doc__)
        super().__setattr__("_target", target)
        super().__setattr__("_importers", importers)

    @property
    def __dict__(self) -> dict[str, Any]:  # type: ignore[override]
        """What `import *`, ``vars()`` and ``mock.patch`` look at."""
        return vars(self._target)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            self._importers.warn()
        return getattr(self._target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            super().__setattr__(name, value)
        else:
            setattr(self._target, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(self._target, name)

    def __dir__(self) -> Iterable[str]:
        return dir(self._target)


def install() -> LegacyFinder | None:
    """Make ``ws4redis`` importable; return the finder, or None after a warning if there is a ws4redis already.

    Where it was made so before, that finder is returned.
    """
    present = next((finder for finder in sys.meta_path if isinstance(finder, LegacyFinder)), None)
    if present is not None:
        return present
    elsewhere = _found_elsewhere()
    settings = current_place() or Place("<unknown>", 1, "__main__")
    if elsewhere is not None:
        warnings.warn_explicit(_stays(elsewhere), RuntimeWarning, settings.filename, settings.line, settings.module)
        return None
    finder = LegacyFinder(Importers(settings))
    # In front, because an empty directory named ws4redis, left over from something, would count as a package.
    sys.meta_path.insert(0, finder)
    return finder


def _found_elsewhere() -> str | None:
    """Return where another ws4redis is, None if there is none."""
    module = sys.modules.get(PACKAGE)
    if module is not None:
        return getattr(module, "__file__", None) or repr(module)
    spec = find_spec(PACKAGE)
    return None if spec is None else spec.origin


def _stays(elsewhere: str) -> str:
    return (
        f"ws4redis is {elsewhere}, so ws4channels.compat leaves it alone and does nothing. If that is "
        "django-websocket-redis, uninstall it; if it is a copy of your own, remove `import ws4channels.compat`."
    )
