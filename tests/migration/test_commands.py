"""Tests of how the commands in the files of servers are read."""

from __future__ import annotations

from textwrap import dedent

import pytest

from ws4channels.migration.commands import commands_of, locations_of
from ws4channels.migration.source import SourceFile


def commands(path: str, text: str) -> list[tuple[int, str]]:
    """Return the commands of a file with their lines."""
    return [(each.line, each.text) for each in commands_of(SourceFile(path, dedent(text)))]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("Dockerfile", 'FROM x\nCMD ["uwsgi", \\\n  "--gevent"]\n', [(1, "FROM x"), (2, 'CMD ["uwsgi", "--gevent"]')]),
        ("run.sh", "#!/bin/sh\n# uwsgi\nexec a \\\n  b\n", [(1, "#!/bin/sh"), (3, "exec a b")]),
        (
            "a.conf",
            "[program:x]\ncommand=a\n  b\n[y]\n  c\n",
            [(1, "[program:x]"), (2, "command=a b"), (4, "[y]"), (5, "c")],
        ),
        ("run.sh", 'echo "start uwsgi"\n', []),
        ("run.sh", "echo uwsgi && uwsgi --ini x\n", [(1, "&& uwsgi --ini x")]),
        ("Makefile", "run:\n\t@echo uwsgi\n\tuwsgi x\n", [(1, "run:"), (3, "uwsgi x")]),
    ],
)
def test_lines_that_go_on_are_one(path: str, text: str, expected: list[tuple[int, str]]) -> None:
    """Continued lines are joined, at the number of the first; comments and what is only printed are left out."""
    assert commands(path, text) == expected


def test_commands_of_yaml_are_as_they_are_run() -> None:
    """Lists, blocks, and an entry point with arguments are read as a shell would run them."""
    text = """\
        services:
          a:
            command: ["uwsgi",
              "--gevent", "1"]
          b:
            entrypoint: uwsgi
            command:
              - --http-websockets
          c:
            run: |
              pip install x
              uwsgi \\
                --gevent 2
    """
    assert commands("c.yml", text) == [
        (3, "uwsgi --gevent 1"),
        (6, "uwsgi --http-websockets"),
        (11, "pip install x"),
        (12, "uwsgi --gevent 2"),
    ]


def test_template_of_yaml_is_read_by_lines() -> None:
    """What is no YAML is still text."""
    assert commands("c.yml", "{% if x %}\ncommand: uwsgi\n") == [(1, "{% if x %}"), (2, "command: uwsgi")]


def test_yaml_that_holds_itself_is_read_by_lines() -> None:
    """An alias that leads back does not stop the command."""
    assert commands("c.yml", "a: &a [*a]\n") == [(1, "a: &a [*a]")]


def test_locations_of_nginx_have_their_blocks() -> None:
    """The path is without the signs of regular expressions, and nested blocks belong to the outer one."""
    text = "server {\n  location ~ ^/ws/ {\n    if (x) { y; }\n    proxy_pass z;\n  }\n  # location /no {\n}\n"
    (location,) = locations_of(SourceFile("x", text))
    assert (location.line, location.path, location.text) == (2, "/ws/", "location ~ ^/ws/")
    assert "proxy_pass z;" in location.body
