"""Whether templates use what the context processor gives, and it is not among the context processors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Warning
from django.template.utils import get_app_template_dirs

PROCESSORS = {f"{package}.context_processors.default" for package in ("ws4channels", "ws4redis")}
_USE = re.compile(r"\{[{%][^{}%]*\bWEBSOCKET_URI\b")
_NOT_THE_SITES = {"site-packages", "dist-packages", "node_modules"}


def check_templates(**kwargs: Any) -> list[CheckMessage]:
    """Return a warning if a template of the site uses ``WEBSOCKET_URI`` and nothing gives it."""
    engines = [engine for engine in django_settings.TEMPLATES if isinstance(engine, dict)]
    if any(PROCESSORS & set(_processors_of(engine)) for engine in engines):
        return []
    template = next(filter(_uses_it, _templates(engines)), None)
    # A view, or a context processor of the site's own, may give it as well.
    if template is None or any(map(_mentions_it, _modules_of_the_site())):
        return []
    return [
        Warning(
            f"{template.name} uses WEBSOCKET_URI, but no context processor gives it: the page opens no websocket.",
            hint="Add 'ws4channels.context_processors.default' to TEMPLATES[0]['OPTIONS']['context_processors'].",
            id="ws4channels.W013",
        )
    ]


def _processors_of(engine: dict[str, Any]) -> list[str]:
    return list(engine.get("OPTIONS", {}).get("context_processors", ()))


def _templates(engines: list[dict[str, Any]]) -> Iterator[Path]:
    named = [directory for engine in engines for directory in engine.get("DIRS", ())]
    of_apps = [*get_app_template_dirs("templates"), *get_app_template_dirs("jinja2")]
    for directory in dict.fromkeys(map(Path, [*named, *of_apps])):
        yield from _files_in(directory, "*")


def _modules_of_the_site() -> Iterator[Path]:
    folders = dict.fromkeys(Path(config.path) for config in apps.get_app_configs() if config.name != "ws4channels")
    root = str(getattr(django_settings, "ROOT_URLCONF", None) or "").partition(".")[0]
    site = Path(str(getattr(django_settings, "BASE_DIR", ".")), root)
    for folder in dict.fromkeys([*folders, *([site] if root else [])]):
        yield from _files_in(folder, "*.py")


def _files_in(directory: Path, pattern: str) -> Iterator[Path]:
    if not _NOT_THE_SITES & set(directory.parts):
        yield from (path for path in sorted(directory.rglob(pattern)) if path.is_file())


def _uses_it(path: Path) -> bool:
    return _USE.search(path.read_text("utf-8", "replace")) is not None


def _mentions_it(path: Path) -> bool:
    return "WEBSOCKET_URI" in path.read_text("utf-8", "replace")
