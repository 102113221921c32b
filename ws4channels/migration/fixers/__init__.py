"""The fixers, one in each module, in the order in which they run."""

from importlib import import_module

from ws4channels.migration.fixer import Fixer, Step

STEPS = {
    "reported_code": Step.CODE,
    "reported_texts": Step.CODE,
    "wsgi": Step.CODE,
    "installed_apps": Step.CODE,
    "applications": Step.CODE,
    "channel_layers": Step.SETTINGS,
    "asgi": Step.CODE,
    "imports": Step.CODE,
    "dotted_paths": Step.CODE,
    "templates": Step.CODE,
    "requirements_files": Step.PACKAGES,
    "reported_settings": Step.SETTINGS,
    "server_files": Step.SERVERS,
}
"""The modules, in the order in which their fixers run. `wsgi` removes what later ones would report."""


def load_fixers() -> list[Fixer]:
    """Return one fixer of each module: its functions `fix` and `fix_project`, or the one that it has."""
    return [_load(name, step) for name, step in STEPS.items()]


def _load(name: str, step: Step) -> Fixer:
    module = vars(import_module(f"{__name__}.{name}"))
    return Fixer(name, step, **{each: module[each] for each in ("fix", "fix_project") if each in module})
