"""Shorten a large module before LibCST parses it: statements that no fixer looks at are left out."""

import ast
import re

SMALL = 4000
"""Characters up to which a module is not worth shortening."""

_MATTERS = re.compile(r"ws4redis|ws4channels|import")
_CUT = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)


def excerpt_of(text: str) -> tuple[str, dict[str, str]]:
    """Return a module without the statements on its top level that do not matter, and what was left out. It must parse.

    A name with as many line ends as the statement had stands in place of each, so that no line moves.
    """
    left_out: dict[str, str] = {}
    if len(text) <= SMALL or re.search(r"\r(?!\n)|_left_out_", text):
        return text, left_out
    lines: list[str] = re.findall(r"[^\n]*\n|[^\n]+", text)
    body, end = ast.parse(text).body, 0
    for statement, after in zip(body, [*body[1:], None], strict=True):
        start = min([statement.lineno, *(each.lineno for each in getattr(statement, "decorator_list", []))]) - 1
        shares_line, end = start < end, statement.end_lineno or statement.lineno
        shares_line |= after is not None and after.lineno <= end
        piece = "".join(lines[start:end])
        if isinstance(statement, _CUT) and not shares_line and piece.endswith("\n") and not _MATTERS.search(piece):
            newline = "\r\n" if piece.endswith("\r\n") else "\n"
            stub = f"_left_out_{len(left_out)}_{newline * (end - start)}"
            left_out[stub] = piece
            lines[start:end] = [stub, *[""] * (end - start - 1)]
    return "".join(lines), left_out
