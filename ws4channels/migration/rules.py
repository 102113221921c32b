"""Read the rules of `rules.yaml`: lines that are reported and never rewritten."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from ws4channels.migration.fixer import Severity, Step


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


def read_rules(kind: str) -> list[Rule]:
    """Return the rules for ``texts`` or ``commands``, in their order."""
    rules: list[Rule] = []
    for said in yaml.safe_load(Path(__file__).with_name("rules.yaml").read_text("utf-8"))[kind]:
        lines = said.pop("lines")
        said["severity"] = Severity[said.pop("severity", "CHECK")]
        said["step"] = Step[said.pop("step", "CODE")]
        rules += (Rule(files, line, **said) for files, line in lines.items())
    return rules
