"""Add ``CHANNEL_LAYERS`` after ``WS4REDIS_CONNECTION``, and the transport of the first phase."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from ws4channels.migration import layout
from ws4channels.migration.connection_arguments import (
    CONNECTION,
    Arguments,
    arguments_of,
    assigns_item,
    host_of,
)
from ws4channels.migration.facts import ModuleFacts
from ws4channels.migration.fixer import Finding, Severity, Step
from ws4channels.migration.settings_fixer import SettingsFixer, SettingsTransformer

_LAYERS, _TRANSPORT = "CHANNEL_LAYERS", "WS4CHANNELS_TRANSPORT"
_LAYER = """\
CHANNEL_LAYERS = {{
    "default": {{
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {{{hosts}}},
    }},
}}
"""
_DEFAULT_HOSTS = '"hosts": [{"host": "localhost", "port": 6379}]'
_MULTILINE_HOSTS = """
            "hosts": [
                {{
                    {items},
                }},
            ],
        """
_MAX_LENGTH = 80
_FIRST_PHASE = """\
WS4CHANNELS_TRANSPORT = "redis"  # shares the channels of ws4redis; phase 2 of docs/migrating.md leaves it
"""
_TODO_COMPUTED = (
    "Look whether it fits a host of CHANNEL_LAYERS: the arguments of redis-py's Connection (host, port, db, password), "
    "or {'address': 'redis://…'}."
)
_TODO_LEFT_OUT = "Add to its host what of that the layer needs as well."


class _ChannelLayers(SettingsTransformer):
    def plan(self) -> None:
        """Add a layer after each connection, and the transport where the app is listed."""
        if not layout.is_concerned(self.facts, self.file.path):
            return
        if not self._has(_LAYERS):
            self._add_layers(self.lines_assigning(CONNECTION))
        if self._is_first_with_the_app() and not self._has(_TRANSPORT):
            self.add_after(self.last_line_assigning(CONNECTION, "INSTALLED_APPS"), _FIRST_PHASE)

    def _add_layers(self, lines: Sequence[cst.SimpleStatementLine]) -> None:
        whole = [line for line in lines if not assigns_item(line)]
        if len(whole) < len(lines):
            # Items are set after the dict was: one layer, after all of them.
            last = lines[-1] if self.always_runs(lines[-1]) else None
            self._add_layer((whole or lines)[-1], after=last)
        else:
            for line in lines:
                self._add_layer(line, after=line)
        if not lines and self._is_where_the_app_is() and not self._has_relative(CONNECTION):
            self._add_default_layer()

    def _add_layer(self, line: cst.SimpleStatementLine, after: cst.SimpleStatementLine | None) -> None:
        arguments = arguments_of(line)
        if not arguments.known:
            self.report(line, f"{CONNECTION} is computed, so its keys are not known.", _TODO_COMPUTED)
        if arguments.left_out:
            names = ", ".join(arguments.left_out)
            self.report(line, f"CHANNEL_LAYERS was made without {names} of {CONNECTION}.", _TODO_LEFT_OUT)
        self.add_after(after, _layer(arguments))

    def _add_default_layer(self) -> None:
        imported = any(name.endswith(f".{CONNECTION}") for name in self._module_facts().imported)
        line = self.last_line_assigning("INSTALLED_APPS")
        if not imported:
            self._report_guess(line)
        self.add_after(line, _layer(Arguments(known=False)) if imported else _LAYER.format(hosts=_DEFAULT_HOSTS))

    def _report_guess(self, line: cst.SimpleStatementLine | None) -> None:
        setting = [each.path for each in self.facts.modules.values() if CONNECTION in each.assigned]
        missing = sorted({name for module in self._together() for name in module.missing_stars})
        what = f"CHANNEL_LAYERS was given the host localhost:6379, because these settings do not set {CONNECTION}."
        if setting or missing:
            where = (
                f"{', '.join(setting)} sets it" if setting else f"{', '.join(missing)}, which is not here, may set it"
            )
            severity = Severity.MUST if setting else Severity.CHECK
            place = self.line_of(line) if line is not None else 0
            todo = f"{where}: give the layer the same Redis."
            self.findings.append(Finding(self.file.path, place, what, todo[0].upper() + todo[1:], severity))

    def _together(self) -> list[ModuleFacts]:
        return [self._module_facts(), *self.facts.relatives_of(self.file.path)]

    def _is_where_the_app_is(self) -> bool:
        return any(module.path == self.file.path for module in layout.app_modules(self.facts))

    def _is_first_with_the_app(self) -> bool:
        paths = {module.path for module in layout.app_modules(self.facts)}
        return self.file.path in paths and not layout.is_inherited(self.facts, self.file.path, paths)

    def _module_facts(self) -> ModuleFacts:
        return self.facts.modules[self.file.path]

    def _has(self, name: str) -> bool:
        bases = self.facts.bases_of(self.file.path)
        return any(name in module.assigned for module in [self._module_facts(), *bases])

    def _has_relative(self, name: str) -> bool:
        return any(name in module.assigned for module in self._together())


def _layer(arguments: Arguments) -> str:
    items = host_of(arguments)
    host = ", ".join(items)
    if len(host) <= _MAX_LENGTH:
        return _LAYER.format(hosts=f'"hosts": [{{{host}}}]')
    return _LAYER.format(hosts=_MULTILINE_HOSTS.format(items=",\n                    ".join(items)))


class ChannelLayersFixer(SettingsFixer):
    """Adds the channel layer and the transport."""

    step = Step.SETTINGS
    transformer = _ChannelLayers
