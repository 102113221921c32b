"""The fixers, one in each module, in the order in which they run."""

from importlib import import_module

from ws4channels.migration.fixer import Fixer, ProjectFixer

NAMES: tuple[str, ...] = (
    "reported_code",
    "reported_texts",
    "wsgi",
    "installed_apps",
    "applications",
    "channel_layers",
    "asgi",
    "imports",
    "dotted_paths",
    "templates",
    "requirements_files",
    "asgi_file",
    "reported_settings",
    "server_files",
    "needed_packages",
)
"""The modules, in the order in which their fixers run. `wsgi` removes what later ones would report."""


def load_fixers() -> list[Fixer | ProjectFixer]:
    """Return one fixer of each module: an instance of the class that is defined in it."""
    return [_load(name) for name in NAMES]


def _load(name: str) -> Fixer | ProjectFixer:
    module = import_module(f"{__name__}.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, (Fixer, ProjectFixer)) and value.__module__ == module.__name__:
            fixer: Fixer | ProjectFixer = value()
            return fixer
    raise LookupError(f"{module.__name__} defines no fixer.")
