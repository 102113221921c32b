"""The fixers, one in each module, in the order in which they run."""

from importlib import import_module

from ws4channels.migration.fixer import Fixer

NAMES = (
    *("reported_code", "reported_texts", "wsgi", "installed_apps", "applications", "channel_layers", "asgi", "imports"),
    *("dotted_paths", "templates", "requirements_files", "reported_settings", "server_files"),
)
"""The modules, in the order in which their fixers run. `wsgi` removes what later ones would report."""


def load_fixers() -> list[Fixer]:
    """Return one fixer of each module: its functions `fix` and `fix_project`, or the one that it has."""
    modules = {name: vars(import_module(f"{__name__}.{name}")) for name in NAMES}
    functions = ("fix", "fix_project")
    return [Fixer(name, **{each: has[each] for each in functions if each in has}) for name, has in modules.items()]
