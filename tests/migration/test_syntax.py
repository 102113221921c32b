"""Tests of reading the syntax tree of one module."""

from __future__ import annotations

import ast

import pytest

from ws4channels.migration import syntax


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.b')", "a.b"),
        ("os.environ['DJANGO_SETTINGS_MODULE'] = 'a.b'", "a.b"),
        ("os.environ.update(DJANGO_SETTINGS_MODULE='a.b')", "a.b"),
        ("def main():\n    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.b')", "a.b"),
        ("os.environ.setdefault('DJANGO_SETTINGS_MODULE', name)", None),
        ("os.environ.setdefault('OTHER', 'a.b')", None),
        ("os.environ['OTHER'] = 'a.b'", None),
        ("print('DJANGO_SETTINGS_MODULE')", None),
    ],
)
def test_settings_module_is_read(text: str, expected: str | None) -> None:
    """Each of the usual ways to name the settings module is understood, if the name is a text."""
    assert syntax.settings_named(ast.parse(text)) == expected


def test_functions_are_left_out() -> None:
    """Assignments in functions are no settings; those in classes and conditions are."""
    tree = ast.parse("A = 1\nif x:\n    B, C = 1, 2\nclass D:\n    E: int = 3\n    F += 1\ndef f():\n    G = 1\n")
    assert set().union(*(names for names, _ in syntax.assignments(tree))) == {"A", "B", "C", "E", "F"}


def test_imported_names_are_dotted() -> None:
    """Modules and what is imported from them are named in full, also those of relative imports."""
    tree = ast.parse("import a.b\nfrom c import d\nfrom .e import f\ndef g():\n    import h\n")
    assert set(syntax.imported(tree, "x.y", "x/y.py")) == {"a.b", "c", "c.d", "x.e", "x.e.f", "h"}


def test_texts_of_a_name() -> None:
    """Only plain texts are values that can be known."""
    assert syntax.texts_of(ast.parse("A = 'x'\nA = y\nif 1:\n    A = 'z'\nB = 'b'\n"), "A") == ["x", "z"]
