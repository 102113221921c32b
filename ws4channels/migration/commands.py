"""Read the commands in the files of servers, Docker and shells."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import yaml

from ws4channels.migration.source import PRINTED, SourceFile

_COMMAND_KEYS = ("entrypoint", "command", "args", "cmd", "exec")
_COMMENT = ("#", ";", "//")
_GOES_ON = re.compile(r"\\\s*$")
_INDENTED = re.compile(r"\s+\S")
_LOCATION = re.compile(r"location\s+(?:[=~^*@]+\s*)*(?P<path>[^\s{]+)\s*\{")


class Command(NamedTuple):
    """What a file says on one line or more; `line` is the first. Comments and what is only printed are left out."""

    line: int
    text: str


def commands_of(file: SourceFile) -> list[Command]:
    """Return the lines of a file, with those that go on in one piece, and the commands of YAML as they are run."""
    found = _of_yaml(file.text) if file.suffix in (".yml", ".yaml") else None
    commands = _of_lines(file.text) if found is None else found
    without_talk = ((each.line, PRINTED.sub("", each.text).strip()) for each in commands)
    return [Command(line, text) for line, text in without_talk if text]


def _of_lines(text: str, first: int = 1) -> Iterator[Command]:
    pieces: list[tuple[int, list[str]]] = []
    in_program = False
    for number, line in enumerate(text.splitlines(), first):
        if line.lstrip().startswith(_COMMENT) and not line.startswith("#!"):
            continue
        if pieces and (_GOES_ON.search(pieces[-1][1][-1]) or (in_program and _INDENTED.match(line))):
            pieces[-1][1].append(line)
            continue
        pieces.append((number, [line]))
        in_program = line.startswith("[program:") or (in_program and not line.startswith("["))
    for number, parts in pieces:
        yield Command(number, " ".join(_GOES_ON.sub("", part).strip() for part in parts))


def _of_yaml(text: str) -> list[Command] | None:
    """Return the commands and the other values of YAML; None if this is none, such as a template of it."""
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        return [command for node in nodes if node is not None for command in _of_node(node)]
    except (yaml.YAMLError, RecursionError):  # An alias may lead back to what holds it.
        return None


def _of_node(node: yaml.Node) -> Iterator[Command]:
    if isinstance(node, yaml.ScalarNode):
        # The text of a block begins below the line of its mark.
        yield from _of_lines(node.value, node.start_mark.line + 1 + (node.style in ("|", ">")))
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _of_node(each)
    if not isinstance(node, yaml.MappingNode):
        return
    run = {key.value: (key.start_mark.line + 1, value) for key, value in node.value if key.value in _COMMAND_KEYS}
    parts = [" ".join(_words(run[key][1])) for key in _COMMAND_KEYS if key in run]
    if any(parts):
        yield Command(min(line for line, _ in run.values()), " ".join(parts))
    for key, value in node.value:
        if isinstance(value, yaml.ScalarNode) and "\n" not in value.value and key.value not in run:
            yield Command(key.start_mark.line + 1, f"{key.value}: {value.value}")
        elif key.value not in run:
            yield from _of_node(value)


def _words(node: yaml.Node) -> Iterator[str]:
    if isinstance(node, yaml.ScalarNode):
        yield re.sub(r"\\?\s*\n\s*", " ", node.value)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _words(each)


class Location(NamedTuple):
    """A location of nginx: where its block begins, its path without the signs of regular expressions, and its text."""

    line: int
    path: str
    text: str
    body: str


def locations_of(file: SourceFile) -> Iterator[Location]:
    """Yield the locations in a file, if it is one of nginx."""
    text = re.sub(r"(?m)#.*", "", file.text)
    for found in _LOCATION.finditer(text):
        end, depth = found.end(), 1
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        path = found["path"].strip("\"'^$").replace("\\", "")
        yield Location(text.count("\n", 0, found.start()) + 1, path, found[0].rstrip("{ "), text[found.end() : end])
