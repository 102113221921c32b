"""Where a site keeps things: which settings files list the app, which module the server loads."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ws4channels.migration.facts import Facts, ModuleFacts
from ws4channels.migration.syntax import ITS_NAME, texts_of

STATICFILES = "django.contrib.staticfiles"
DAPHNE = "daphne"
CHANNELS = "channels"


def lists(module: ModuleFacts, app: str) -> bool:
    """Tell whether a list of apps in a settings file holds `app`."""
    return any(app in texts for texts in module.app_lists)


def app_modules(facts: Facts) -> list[ModuleFacts]:
    """Return the settings files that put ws4redis among the apps."""
    return [module for module in facts.settings if lists(module, ITS_NAME) or _appends(module)]


def _appends(module: ModuleFacts) -> bool:
    """Tell whether a file has ``INSTALLED_APPS.append("ws4redis")`` or the like."""
    return any(ITS_NAME in texts for texts in module.added_apps)


def is_concerned(facts: Facts, path: str) -> bool:
    """Tell whether a settings file lists ws4redis, or takes part in the settings of one that does."""
    return any(
        module.path == path or any(relative.path == path for relative in facts.relatives_of(module.path))
        for module in app_modules(facts)
    )


def daphne_paths(facts: Facts) -> set[str]:
    """Return the settings files whose lists get daphne: those that list staticfiles, or else ws4redis."""
    return {_daphne_path(module, facts) for module in app_modules(facts)}


def is_inherited(facts: Facts, path: str, paths: set[str]) -> bool:
    """Tell whether the settings file at `path` gets what is added to the files at `paths` from one of them."""
    return any(base.path in paths for base in facts.bases_of(path))


def _daphne_path(module: ModuleFacts, facts: Facts) -> str:
    candidates = [module, *facts.bases_of(module.path)]
    return next((each.path for each in candidates if lists(each, STATICFILES)), module.path)


def has_already(facts: Facts, path: str, app: str) -> bool:
    """Tell whether the settings file at `path`, or one that it takes part in, lists an app."""
    return any(lists(module, app) for module in [facts.modules[path], *facts.relatives_of(path)])


def wsgi_of(facts: Facts, path: str) -> str | None:
    """Return the path of the plain WSGI module that belongs to the settings file at `path`, or None."""
    root = facts.root_of(path)
    named = [name for module in _settings_at(facts, root) for name in texts_of(module.tree, "WSGI_APPLICATION")]
    for name in named:
        found = facts.paths_by_name.get(name.rpartition(".")[0])
        if found is not None:
            return found
    beside = [each for each in facts.modules if facts.root_of(each) == root and re.search(r"(^|/)wsgi\.py$", each)]
    return min(beside, key=lambda each: (each.count("/"), each), default=None)


def asgi_of(facts: Facts, path: str) -> str:
    """Return the path of the ASGI module that belongs to the settings file at `path`; it need not exist.

    It is ``asgi.py`` beside ``wsgi.py`` or in the settings' package; another name if that file holds something else.
    """
    folder = _project_folder(facts, path)
    usual = f"{folder}/asgi.py" if folder else "asgi.py"
    if usual not in facts.paths or is_asgi(facts, usual):
        return usual
    return f"{usual[:-3]}_websocket.py"


def is_asgi(facts: Facts, path: str) -> bool:
    """Tell whether a file holds an ASGI application, by what it imports."""
    module = facts.modules.get(path)
    if module is None:
        return False
    return bool(module.imported_packages & {"channels", "ws4channels"}) or "django.core.asgi" in module.imported


def settings_named_for(facts: Facts, path: str) -> str | None:
    """Return the settings module that manage.py or wsgi.py beside `path` name, or None."""
    root = facts.root_of(path)
    for module in sorted(facts.modules.values(), key=lambda each: (not each.path.endswith("manage.py"), each.path)):
        if facts.root_of(module.path) == root and module.settings_named is not None:
            return module.settings_named
    return None


def _settings_at(facts: Facts, root: str) -> Iterator[ModuleFacts]:
    return (module for module in facts.settings if facts.root_of(module.path) == root)


def _project_folder(facts: Facts, path: str) -> str:
    wsgi = wsgi_of(facts, path)
    if wsgi is not None:
        return wsgi.rpartition("/")[0]
    root = facts.root_of(path)
    served = [each for each in facts.modules.values() if facts.root_of(each.path) == root and _serves(each)]
    if served:
        return served[0].path.rpartition("/")[0]
    for module in _settings_at(facts, root):
        for urls in texts_of(module.tree, "ROOT_URLCONF"):
            if urls in facts.paths_by_name:
                return facts.paths_by_name[urls].rpartition("/")[0]
    return path.rpartition("/")[0]


def _serves(module: ModuleFacts) -> bool:
    return "ws4redis.uwsgi_runserver" in module.imported
