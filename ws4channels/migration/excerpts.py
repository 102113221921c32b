"""Shorten a large module before LibCST parses it: statements that no fixer looks at are left out."""

import ast
import re
from dataclasses import dataclass, field

SMALL = 4000
"""Characters up to which a module is not worth shortening."""

_MATTERS = re.compile(r"ws4redis|ws4channels|import")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_CUT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)


@dataclass(frozen=True)
class Excerpt:
    """A shortened module: statements that do not matter are one name each."""

    text: str
    left_out: dict[str, str] = field(default_factory=dict)
    """What stands for each of these lines."""

    def restored(self, code: str) -> str:
        """Return the code with what was left out."""
        return re.sub(r"_left_out_\d+_\r?\n", lambda found: self.left_out.get(found[0], found[0]), code)

    def line_in_whole(self, line: int) -> int:
        """Return the line of the whole module that is `line` of the excerpt."""
        before = _LINE.findall(self.text)[: line - 1]
        return line + sum(self.left_out[each].count("\n") - 1 for each in before if each in self.left_out)


def excerpt_of(text: str) -> Excerpt:
    """Return a module without the statements on its top level that do not matter. It must parse."""
    if len(text) <= SMALL or re.search(r"\r(?!\n)|_left_out_", text):
        return Excerpt(text)
    lines: list[str] = _LINE.findall(text)
    left_out: dict[str, str] = {}
    body = ast.parse(text).body
    # From the end, so that the lines of what is before stay as they are.
    for statement, after in zip(reversed(body), [None, *reversed(body)], strict=False):
        first = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", []))]) - 1
        last = statement.end_lineno or statement.lineno
        piece = "".join(lines[first:last])
        shares_line = after is not None and after.lineno <= last
        if isinstance(statement, _CUT) and not shares_line and piece.endswith("\n") and not _MATTERS.search(piece):
            name = f"_left_out_{len(left_out)}_" + ("\r\n" if piece.endswith("\r\n") else "\n")
            left_out[name] = piece
            lines[first:last] = [name]
    return Excerpt("".join(lines), left_out)
