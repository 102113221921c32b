"""Tests of the base class of Python fixers."""

from __future__ import annotations

import libcst as cst
import pytest
from libcst.metadata import MetadataWrapper

from tests.migration.rewriting import facts_of, fix
from ws4channels.migration.fixer import Severity
from ws4channels.migration.fixers import imports
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.source import SourceFile

parse = cst.parse_module


class _Calls(Transformer):
    pattern = "call"

    def visit_Call(self, node: cst.Call) -> None:
        self.report(node, "unmoved", dotted=",".join(sorted(self.imported_names(node.func))), instead="Nothing.")


def test_transformer_knows_lines_and_imported_names() -> None:
    """A report has the line of its node, and an expression the dotted names that imports give it."""
    fixed = fix(_Calls.fix, "import a.b\nfrom c import call as d\n\na.b.call()\nd()\ncall()\n")
    assert [(finding.line, finding.what.split(" ")[0]) for finding in fixed.findings] == [
        (4, "a.b.call"),
        (5, "c.call"),
        (6, ""),
    ]


@pytest.mark.parametrize(
    ("path", "text", "wanted"),
    [
        ("a.py", "call\n", True),
        ("a.py", "other\n", False),
        ("a.txt", "call\n", False),
        ("a.py", "call 'x'\n", False),
    ],
)
def test_fixer_wants_python_with_its_words(path: str, text: str, wanted: bool) -> None:
    """Files without the words, of another kind or that do not parse are not looked at."""
    assert _Calls.wants(SourceFile(path, text), facts_of({path: text})) is wanted


@pytest.mark.parametrize(
    "text",
    [
        "call()",
        "\tx\r\n",
        "if call:\r\n  a\r\n  # end\r\n",
        "call( a,b )  ;  x=1 # y\n\n\n",
        "# call\n\x0c\nx = 1\n",
        "",
    ],
)
def test_formatting_is_kept(text: str) -> None:
    """What no transformer touches comes out as it went in, to the byte."""
    file = SourceFile("a.py", text.replace("\tx", "if 1:\n\tcall()"))
    assert fix(_Calls.fix, file.text, "a.py").text == file.text


def test_file_that_only_libcst_refuses_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """Syntax that this LibCST does not know stops nothing: the file stays, and its line is said."""
    monkeypatch.setattr(cst, "parse_module", lambda text: parse(text.replace("call", "call call")))
    fixed = fix(_Calls.fix, "x = 1\ncall()\n")
    assert fixed.text == "x = 1\ncall()\n"
    (finding,) = fixed.findings
    assert (finding.line, finding.severity) == (2, Severity.MUST)


@pytest.mark.parametrize(
    ("path", "dotted", "expected"),
    [
        ("app/views.py", "os.path", "os.path"),
        ("app/views.py", ".utils", "app.utils"),
        ("app/views.py", "..lib.x", "lib.x"),
        ("app/__init__.py", ".utils", "app.utils"),
        ("app/views.py", ".", "app"),
    ],
)
def test_relative_names_are_resolved(path: str, dotted: str, expected: str) -> None:
    """A name that begins with dots is seen from the file's package."""
    tree = MetadataWrapper(parse(""))
    assert _Calls(SourceFile(path, ""), facts_of({path: ""}), tree).absolute(dotted) == expected


def test_large_module_is_rewritten_around_its_data() -> None:
    """Hundreds of lines of data are not parsed a second time; they and what is below them stay, with their lines."""
    data = "DATA = [\r\n" + "    'a',\r\n" * 600 + "]\r\n"
    fixed = fix(imports.fix, f"import ws4redis\r\n{data}X = ws4redis.nothing\r\nfrom ws4redis import nothing\r\n")
    assert fixed.text == f"import ws4channels\r\n{data}X = ws4channels.nothing\r\nfrom ws4redis import nothing\r\n"
    assert [each.line for each in fixed.findings] == [605]


def test_data_that_goes_on_after_its_bracket_is_parsed() -> None:
    """A bracket at the beginning of a line need not be the last one."""
    data = "DATA = [\n    [\n" + "    'a',\n" * 600 + "]\n, 2]\n"
    assert fix(imports.fix, f"import ws4redis\n{data}").text == f"import ws4channels\n{data}"
