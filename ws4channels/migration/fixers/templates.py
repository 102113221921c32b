"""Rewrite how Django's templates load the browser client; leave the code that calls it."""

import re

from ws4channels.migration.fixer import Facts, Fixed, SourceFile
from ws4channels.migration.rules import finding

_SUFFIXES = {".html", ".htm", ".xhtml", ".txt", ".xml", ".js", ".djhtml"}
_CONCERNS_US = re.compile(r"ws4redis|WEBSOCKET_URI", re.I)
_CLIENT = re.compile(
    r"""(?P<quote>["']?)\{\{\s*STATIC_URL\s*(?:\|\s*safe\s*)?\}\}/?(?P<path>js/ws4redis(?:\.min)?\.js)"""
)
_LOAD = re.compile(r"\{%-?\s*load\s+(?P<libraries>[^%]*?)\s*-?%\}")
_FROM = re.compile(r"(?P<names>.*?)\s+from\s+(?P<library>\S+)")
_EXTENDS = re.compile(r"\{%\s*extends\s[^%]*%\}")
_OLD = {"staticfiles", "admin_static"}


def fix(file: SourceFile, facts: Facts) -> Fixed | None:
    """Load the client by ``{% static %}`` in a template of Django's; only report one without websockets."""
    if file.suffix not in _SUFFIXES or "/jinja2/" in f"/{file.path}":
        return None
    if not _CONCERNS_US.search(file.text):
        loads = [(each, new) for each in _LOAD.finditer(file.text) if (new := _load_new_library(each)) != each[0]]
        lines = [(file.line_of(found.start()), found[0], new) for found, new in loads]
        return Fixed(file.text, [finding("old-library", file.path, line, old=old, new=new) for line, old, new in lines])
    text = _LOAD.sub(_load_new_library, file.text)
    rewritten = _CLIENT.sub(_static_tag, text)
    loaded = [_FROM.fullmatch(found["libraries"]) or found for found in _LOAD.finditer(rewritten)]
    if rewritten != text and not any("static" in found[1].split() for found in loaded):
        rewritten = _with_load(rewritten)
    return Fixed(rewritten)


def _load_new_library(found: re.Match[str]) -> str:
    selected = _FROM.fullmatch(found["libraries"])
    if selected is None:
        names = found["libraries"].split()
        # Two old libraries, or an old one beside the new one, become one.
        libraries = " ".join(dict.fromkeys("static" if name in _OLD else name for name in names))
        return found[0].replace(found["libraries"], libraries) if _OLD & set(names) else found[0]
    if selected["library"] not in _OLD:
        return found[0]
    new = "static" if selected["names"] == "static" else f"{selected['names']} from static"
    return found[0].replace(found["libraries"], new)


def _static_tag(found: re.Match[str]) -> str:
    inner = "'" if found["quote"] == '"' else '"'
    return f"{found['quote']}{{% static {inner}{found['path']}{inner} %}}"


def _with_load(text: str) -> str:
    extends = _EXTENDS.search(text)
    end = extends.end() if extends else 0
    # Without extends on the first line: nothing may stand before an XML declaration, not even an empty line.
    newline = "" if extends is None else "\r\n" if "\r\n" in text else "\n"
    return f"{text[:end]}{newline}{{% load static %}}{text[end:]}"
