"""Add ``CHANNEL_LAYERS`` after ``WS4REDIS_CONNECTION``, and the transport of the first phase."""

from collections.abc import Sequence

from ws4channels.migration import layout
from ws4channels.migration.connection_arguments import CONNECTION, Arguments, arguments_of, assigns_item, host_of
from ws4channels.migration.facts import ModuleFacts
from ws4channels.migration.rules import code
from ws4channels.migration.settings_fixer import SettingsTransformer
from ws4channels.migration.texts import Line

_MAX_LENGTH = 80
_LAYERS, _TRANSPORT = "CHANNEL_LAYERS", "WS4CHANNELS_TRANSPORT"


class _ChannelLayers(SettingsTransformer):
    def plan(self) -> None:
        """Add a layer after each connection, and the transport where the app is listed."""
        facts, path = self.facts, self.file.path
        if not layout.is_concerned(facts, path):
            return
        bases = facts.bases_of(path)
        inherited = frozenset().union(*(each.assigned for each in [facts.modules[path], *bases]))
        listing = {module.path for module in layout.app_modules(facts)}
        if _LAYERS not in inherited:
            self._add_layers(self.lines_assigning(CONNECTION), path in listing)
        is_first = path in listing and listing.isdisjoint(base.path for base in bases)
        if is_first and _TRANSPORT not in inherited:
            self.add_after(self.last_line_assigning(CONNECTION, "INSTALLED_APPS"), code("first-phase"))

    def _add_layers(self, lines: Sequence[Line], lists_the_app: bool) -> None:
        whole = [line for line in lines if not assigns_item(line)]
        if len(whole) < len(lines):
            # Items are set after the dict was: one layer, after all of them.
            last = lines[-1] if self.always_runs(lines[-1]) else None
            self._add_layer((whole or lines)[-1], after=last)
        else:
            for line in lines:
                self._add_layer(line, after=line)
        together = self.facts.together_with(self.file.path)
        if not lines and lists_the_app and not any(CONNECTION in module.assigned for module in together):
            self._add_default_layer(together)

    def _add_layer(self, line: Line, after: Line | None) -> None:
        arguments = arguments_of(line)
        if not arguments.known:
            self.report(line, "computed")
        if arguments.left_out:
            self.report(line, "left-out", names=", ".join(arguments.left_out))
        self.add_after(after, _layer(arguments))

    def _add_default_layer(self, together: Sequence[ModuleFacts]) -> None:
        line = self.last_line_assigning("INSTALLED_APPS")
        if any(name.endswith(f".{CONNECTION}") for name in together[0].imported):
            self.add_after(line, _layer(Arguments(known=False)))
            return
        self.add_after(line, code("layer", host='"host": "localhost", "port": 6379'))
        setting = [each.path for each in self.facts.modules.values() if CONNECTION in each.assigned]
        missing = sorted({name for module in together for name in module.missing_stars})
        if setting or missing:
            self.report(line, "set-elsewhere" if setting else "set-out-of-sight", where=", ".join(setting or missing))


def _layer(arguments: Arguments) -> str:
    items = host_of(arguments)
    if sum(map(len, items)) + 2 * len(items) <= _MAX_LENGTH + 2:
        return code("layer", host=", ".join(items))
    return code("layer-of-long-host", items=",\n                    ".join(items))


fix = _ChannelLayers.fix
