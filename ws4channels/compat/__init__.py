"""``import ws4channels.compat`` as the first line of the settings: from then on ``import ws4redis`` finds ws4channels.

Where the original ws4redis is installed, or the site has a copy of it, that stays, and a RuntimeWarning says so.
Importing this reads no settings, loads no models and connects to nothing.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType

import ws4channels

PACKAGE = "ws4redis"
MODULES = ("publisher", "redis_store", "subscriber", "settings", "context_processors", "models", "exceptions")
ALIASES = {f"{PACKAGE}.{name}": f"ws4channels.{name}" for name in MODULES} | {
    # ws4redis has no such module. Django looks in it for the configuration of the app "ws4redis".
    f"{PACKAGE}.apps": "ws4channels.compat.apps",
}
"""The modules of ws4redis that can be imported, each with the module that it is."""

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


class LegacyFinder(MetaPathFinder, Loader):
    """Imports ``ws4redis.publisher`` as the module `ws4channels.publisher` itself, and so on."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module of ws4redis, None for any other and for what ws4redis never had."""
        if fullname == PACKAGE or fullname in ALIASES or fullname in REPLACEMENTS:
            return spec_from_loader(fullname, self, origin=__name__, is_package=fullname == PACKAGE)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return our module, None for the package; raise the ImportError that says what replaces a module."""
        if spec.name in REPLACEMENTS:
            raise ImportError(f"{spec.name} is not part of ws4channels. {REPLACEMENTS[spec.name]}", name=spec.name)
        if spec.name == PACKAGE:
            return None  # A module of its own: ws4channels has submodules that ws4redis never had.
        module = importlib.import_module(ALIASES[spec.name])
        # The import system overwrites module.__spec__ with `spec`; exec_module restores it.
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Give our module its own spec back, or fill the package."""
        if module.__name__ == PACKAGE:
            # By __file__ settings find the directory static/.
            vars(module).update(__version__=ws4channels.__version__, __file__=ws4channels.__file__)
            vars(module)["__getattr__"] = _import_submodule
        elif module.__spec__ is not None:
            module.__spec__ = module.__spec__.loader_state


def _import_submodule(name: str) -> ModuleType:
    """Import a module when it is first used, for files that have ``import ws4redis`` alone."""
    if name not in MODULES:
        raise AttributeError(f"module {PACKAGE!r} has no attribute {name!r}")
    return importlib.import_module(f"{PACKAGE}.{name}")


def _find_other() -> str | None:
    """Return where the original ws4redis, or a site's copy of it, is; None if there is none."""
    module = sys.modules.get(PACKAGE)
    if module is not None:
        return getattr(module, "__file__", None) or repr(module)
    spec = find_spec(PACKAGE)
    return None if spec is None else spec.origin


def _install() -> None:
    if any(getattr(finder, "__module__", None) == __name__ for finder in sys.meta_path):
        return  # This module was reloaded.
    other = _find_other()
    if other is not None:
        message = (
            f"ws4redis is {other}, so ws4channels.compat leaves it alone and does nothing. If that is "
            "django-websocket-redis, uninstall it; if it is a copy of your own, remove `import ws4channels.compat`."
        )
        warnings.warn(message, RuntimeWarning, stacklevel=3)
        return
    message = (
        "ws4redis is an alias of ws4channels here. `python -m ws4channels.migration .` lists the files that still "
        "import ws4redis, and rewrites them with --write; then remove `import ws4channels.compat`."
    )
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    # In front, because an empty directory named ws4redis, left over from something, would count as a package.
    sys.meta_path.insert(0, LegacyFinder())


_install()
