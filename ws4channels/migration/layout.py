"""Find the settings that list the app, the WSGI module and the ASGI module of a site."""

from ws4channels.migration.facts import Facts, ModuleFacts
from ws4channels.migration.original import ITS_NAME, OUR_NAME, SERVER_MODULES
from ws4channels.migration.syntax import apps_added_by, settings_named, texts_of

STATICFILES = "django.contrib.staticfiles"
DAPHNE = "daphne"
CHANNELS = "channels"
PACKAGES = {ITS_NAME, OUR_NAME}


def app_modules(facts: Facts) -> list[ModuleFacts]:
    """Return the settings files that put ws4redis among the apps, or that must get ws4channels all the same."""
    return [module for module in facts.settings if ITS_NAME in module.apps or must_list_the_app(module, facts)]


def must_list_the_app(module: ModuleFacts, facts: Facts) -> bool:
    """Tell whether a settings file gets ws4channels though no list of apps has ws4redis, which worked without that."""
    if not module.listed_apps or "INSTALLED_APPS" not in module.assigned:
        return False
    together = facts.together_with(module.path)
    if not any(each.names_the_original for each in together) or any(each.apps & PACKAGES for each in together):
        return False
    bases = facts.bases_of(module.path)
    return not any("INSTALLED_APPS" in base.assigned and base.listed_apps for base in bases)


def is_concerned(facts: Facts, path: str) -> bool:
    """Tell whether a settings file lists ws4redis, or is combined with one that does."""
    return any(each.path == path for module in app_modules(facts) for each in facts.together_with(module.path))


def daphne_paths(facts: Facts) -> set[str]:
    """Return the settings files whose lists get daphne: those that list staticfiles, or else ws4redis."""
    paths = set()
    for module in app_modules(facts):
        candidates = [] if adds_daphne_itself(module, facts) else [module, *facts.bases_of(module.path)]
        paths.add(next((each.path for each in candidates if STATICFILES in each.listed_apps), module.path))
    return paths


def adds_daphne_itself(module: ModuleFacts, facts: Facts) -> bool:
    """Tell whether a settings file must put daphne before all apps where it adds ws4redis to them.

    ws4redis is optional there: it is added under a condition, or in one of several settings with the same base.
    """
    added = [each for each in apps_added_by(module.tree.body) if ITS_NAME in each[1]]
    if not added or any(STATICFILES in apps or name != "INSTALLED_APPS" for name, apps, _ in added):
        return False
    if all(is_conditional for _, _, is_conditional in added):
        return True
    base = next((each for each in facts.bases_of(module.path) if STATICFILES in each.listed_apps), None)
    if base is None or STATICFILES in module.listed_apps:
        return False
    heirs = [each for each in facts.settings if base in facts.bases_of(each.path)]
    leaves = [each for each in heirs if not any(each in facts.bases_of(other.path) for other in heirs)]
    return not all(ITS_NAME in (each.apps.union(*(b.apps for b in facts.bases_of(each.path)))) for each in leaves)


def wsgi_of(facts: Facts, path: str, suffixes: tuple[str, ...] = ("/wsgi.py",)) -> str | None:
    """Return the path of the plain WSGI module that belongs to the settings file at `path`, or None."""
    root = facts.root_of(path)
    beside = [each for each in facts.paths if facts.root_of(each) == root and f"/{each}".endswith(suffixes)]
    nearest = min(beside, key=lambda each: (each.count("/"), each), default=None)
    return _file_named(facts, path, "WSGI_APPLICATION") or nearest


def served_file(facts: Facts, path: str) -> str | None:
    """Return the file that a WSGI server loads: ``wsgi.py``, or mod_wsgi's file of any name, which nothing imports."""
    return wsgi_of(facts, path) or wsgi_of(facts, path, (".wsgi",))


def asgi_of(facts: Facts, path: str) -> str:
    """Return the path of the ASGI module that belongs to the settings file at `path`; it need not exist.

    It is ``asgi.py`` beside ``wsgi.py`` or in the settings' package; another name if that file holds something else.
    """
    root = facts.root_of(path)
    serving = (each.path for each in facts.modules.values() if facts.root_of(each.path) == root and serves(each))
    beside = wsgi_of(facts, path) or next(serving, None) or _file_named(facts, path, "ROOT_URLCONF") or path
    folder = beside.rpartition("/")[0]
    usual = f"{folder}/asgi.py" if folder else "asgi.py"
    module = facts.modules.get(usual)
    is_asgi = module is not None and module.imports("channels", OUR_NAME, "django.core.asgi")
    is_ours = usual not in facts.paths or is_asgi
    return usual if is_ours else f"{usual[:-3]}_websocket.py"


def application_near(facts: Facts, path: str) -> str:
    """Return what Daphne is to serve for the site of the file at `path`, as its command line takes it."""
    modules = [*app_modules(facts), *(each for each in facts.settings if OUR_NAME in each.apps), *facts.settings]
    root = facts.root_of(path)
    near = [module.path for module in modules if facts.root_of(module.path) == root]
    near = near or [module.path for module in modules] or [path]
    is_known = bool(modules) or wsgi_of(facts, path) is not None
    return f"{facts.name_of(asgi_of(facts, near[0])) if is_known else 'PROJECT.asgi'}:application"


def settings_named_for(facts: Facts, path: str) -> str | None:
    """Return the settings module that the server of the settings file at `path` uses, or None.

    That is what wsgi.py names; manage.py, which often names those of development, decides only if nothing else does.
    """
    root, wsgi = facts.root_of(path), served_file(facts, path)
    ranked = [
        (each.path != wsgi, not serves(each), not each.path.endswith("manage.py"), each.path, name)
        for each in facts.modules.values()
        if facts.root_of(each.path) == root and (name := settings_named(each.tree))
    ]
    return min(ranked)[-1] if ranked else None


def _file_named(facts: Facts, path: str, setting: str) -> str | None:
    """Return the file of the module that a setting of the site at `path` names, alone or with an application."""
    site = [module for module in facts.settings if facts.root_of(module.path) == facts.root_of(path)]
    texts = [(text, module.path) for module in site for text in texts_of(module.tree, setting)]
    names = [(text.rpartition(".")[0] if setting == "WSGI_APPLICATION" else text, near) for text, near in texts]
    return next((found for name, near in names if (found := facts.path_of(name, near)) is not None), None)


def serves(module: ModuleFacts) -> bool:
    """Tell whether a module uses the original's server."""
    return module.imports(*(f"{ITS_NAME}.{name}" for name in SERVER_MODULES))
