"""Read `rules.yaml`: what the fixers say, and the rules for lines that are reported and never rewritten."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ws4channels.migration.fixer import Finding, Severity, Step

_SAID = yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text("utf-8"))


@dataclass(frozen=True)
class Rule:
    """What to say of the lines that match `line`, in files whose paths match `files`."""

    files: str
    line: str
    what: str
    todo: str
    severity: Severity = Severity.CHECK
    step: Step = Step.CODE
    every_line: bool = False

    def finding(self, path: str, line: int, shown: str = "", /, **values: str) -> Finding:
        """Return what there is to say of a place; `values` are those of the names in braces."""
        what, todo = self.what.format(**values), self.todo.format(**values)
        return Finding(path, line, what, todo, self.severity, shown, self.step)


def rules_for(kind: str) -> list[Rule]:
    """Return the rules for ``texts`` or ``commands``, in their order."""
    return [_rule(said, files, line) for said in _SAID[kind] for files, line in said["lines"].items()]


def finding(name: str, path: str, line: int = 0, shown: str = "", /, **values: str) -> Finding:
    """Return the finding of that name about a place; `values` are those of the names in braces."""
    return _rule(_SAID["findings"][name], "", "").finding(path, line, shown, **values)


def instead_of(module: str, application: str) -> str:
    """Return what to do where a module of the original is used that has no namesake here."""
    return str(_SAID["instead"].get(module, _SAID["instead"]["other"])).format(application=application)


def code(name: str, /, **values: str) -> str:
    """Return the code of that name; `values` are those of the names in braces."""
    return str(_SAID["code"][name]).format(**values)


def _rule(said: dict[str, Any], files: str, line: str) -> Rule:
    severity, step = Severity[said.get("severity", "CHECK")], Step[said.get("step", "CODE")]
    return Rule(files, line, said["what"], said["todo"], severity, step, said.get("every_line", False))
