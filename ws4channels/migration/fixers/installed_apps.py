"""Replace ws4redis in lists of apps by channels and ws4channels, and put daphne first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node
from libcst.metadata import ParentNodeProvider

from ws4channels.migration import layout
from ws4channels.migration.facts import Facts
from ws4channels.migration.python_fixer import PythonFixer, Transformer
from ws4channels.migration.settings_fixer import assigned_by
from ws4channels.migration.source import SourceFile
from ws4channels.migration.syntax import ITS_NAME, OUR_NAME
from ws4channels.migration.texts import beside, text_of, with_text

_ASKS = {"is_installed", "get_app_config", "import_module", "find_spec", "__import__"}
_CHANGES = {"append", "insert", "remove", "extend", "index", "count"}


class _InstalledApps(Transformer):
    def __init__(self, file: SourceFile, facts: Facts) -> None:
        super().__init__(file, facts)
        settings = facts.is_settings(file.path)
        self.needs_channels = settings and not layout.has_already(facts, file.path, layout.CHANNELS)
        self.needs_daphne = file.path in layout.daphne_paths(facts) and not layout.has_already(
            facts, file.path, layout.DAPHNE
        )
        module = facts.modules[file.path]
        self._prepends = self.needs_daphne and layout.adds_daphne_itself(module, facts)
        self.needs_daphne = self.needs_daphne and not self._prepends
        self._wants_staticfiles = self.needs_daphne and layout.lists(module, layout.STATICFILES)
        self._is_unlisted = settings and layout.must_list_the_app(module, facts)

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        """Rename the app where it is named as one."""
        if text_of(original_node) != ITS_NAME or not self._names_an_app(original_node):
            return updated_node
        return with_text(updated_node, OUR_NAME)

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> cst.List:
        """Add the new apps to a list."""
        opening, elements = self._with_apps(original_node, updated_node, updated_node.lbracket.whitespace_after)
        bracket = updated_node.lbracket.with_changes(whitespace_after=opening)
        return updated_node.with_changes(lbracket=bracket, elements=elements)

    def leave_Tuple(self, original_node: cst.Tuple, updated_node: cst.Tuple) -> cst.Tuple:
        """Add the new apps to a tuple."""
        before = updated_node.lpar[-1].whitespace_after if updated_node.lpar else cst.SimpleWhitespace("")
        opening, elements = self._with_apps(original_node, updated_node, before)
        brackets = [
            *updated_node.lpar[:-1],
            *(each.with_changes(whitespace_after=opening) for each in updated_node.lpar[-1:]),
        ]
        return updated_node.with_changes(lpar=brackets, elements=elements)

    def _with_apps(
        self, node: cst.List | cst.Tuple, updated: cst.List | cst.Tuple, opening: cst.BaseParenthesizableWhitespace
    ) -> tuple[cst.BaseParenthesizableWhitespace, list[cst.BaseElement]]:
        """Return what follows the opening bracket, and the elements with the new apps."""
        texts = [text_of(element.value) for element in node.elements]
        elements = list(updated.elements)
        concerned = ITS_NAME in texts or (self._wants_staticfiles and layout.STATICFILES in texts)
        if not (concerned or self._is_unlisted) or not self._is_of_apps(node):
            return opening, elements
        if self._is_unlisted and elements and self._climb(node, _assigns_installed_apps):
            self._is_unlisted = False
            _append(elements, "channels", opening)
            _append(elements, OUR_NAME, opening)
        if ITS_NAME in texts and self.needs_channels and "channels" not in texts:
            _insert(elements, texts.index(ITS_NAME), "channels", opening)
        if self.needs_daphne and (layout.STATICFILES if self._wants_staticfiles else ITS_NAME) in texts:
            _insert(elements, 0, "daphne", opening)
            if isinstance(opening, cst.ParenthesizedWhitespace):
                # Comments above the first app stay with it.
                comma = cst.Comma(whitespace_after=opening.with_changes(first_line=cst.TrailingWhitespace()))
                elements[0] = elements[0].with_changes(comma=comma)
                opening = opening.with_changes(empty_lines=[])
        return opening, elements

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        """Put daphne before all apps where ws4redis is added to them."""
        strings = m.findall(original_node, m.SimpleString()) if self._prepends else []
        if not any(text_of(each) == ITS_NAME and self._is_of_apps(each) for each in strings):
            return updated_node
        is_tuple = bool(m.findall(original_node, m.Tuple()))
        code = f"INSTALLED_APPS = {'(%s)' if is_tuple else '[%s]'}" % '"daphne", *INSTALLED_APPS'
        return cst.FlattenSentinel([updated_node, cst.parse_statement(code)])

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        """Make ``APPS.append("ws4redis")`` an ``extend`` by what is needed."""
        function = original_node.func
        if not (isinstance(function, cst.Attribute) and function.attr.value == "append" and _is_apps(function.value)):
            return updated_node
        if [text_of(arg.value) for arg in original_node.args] != [ITS_NAME]:
            return updated_node
        apps = ["daphne"] * self._adds_daphne_here() + ["channels"] * self.needs_channels
        if not apps:
            return updated_node
        app = original_node.args[0].value
        elements = [cst.Element(beside(app, name)) for name in [*apps, OUR_NAME]]
        return updated_node.with_changes(
            func=cst.ensure_type(updated_node.func, cst.Attribute).with_changes(attr=cst.Name("extend")),
            args=[updated_node.args[0].with_changes(value=cst.List(elements))],
        )

    def _adds_daphne_here(self) -> bool:
        return self.needs_daphne and not self._wants_staticfiles

    def _is_of_apps(self, node: cst.CSTNode) -> bool:
        return self._climb(node, lambda parent, child: _assigns_apps(parent) or _extends_apps(parent, child))

    def _names_an_app(self, node: cst.CSTNode) -> bool:
        return self._climb(node, _is_about_apps)

    def _climb(self, node: cst.CSTNode, accepts: Callable[[cst.CSTNode, cst.CSTNode], bool]) -> bool:
        """Tell whether `accepts` is true of a node above and the child on the way, within the same statement."""
        while not isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.Module)):
            parent = self.get_metadata(ParentNodeProvider, node)
            if accepts(parent, node):
                return True
            node = parent
        return False


class InstalledAppsFixer(PythonFixer):
    """Fixes the lists of apps, and questions for the app."""

    pattern = r"['\"]ws4redis['\"]|staticfiles|INSTALLED_APPS"
    transformer = _InstalledApps


def _is_apps(node: cst.CSTNode) -> bool:
    return (get_full_name_for_node(node) or "").endswith("APPS")


def _assigns_apps(node: cst.CSTNode) -> bool:
    return any(name.endswith("APPS") for name in assigned_by(node))


def _assigns_installed_apps(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    return "INSTALLED_APPS" in assigned_by(node)


def _extends_apps(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    """Tell whether `node` is ``APPS.extend(…)``, or ``INSTALLED_APPS=…`` or an item of that name around `child`."""
    if isinstance(node, cst.Arg):
        return node.keyword is not None and _is_apps(node.keyword)
    if isinstance(node, cst.DictElement):
        return (text_of(node.key) or "").endswith("APPS")
    return isinstance(node, cst.Call) and _calls(node, _CHANGES) and _is_apps(_owner_of(node))


def _is_about_apps(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    if isinstance(node, cst.Comparison):
        return any(_is_apps(target.comparator) for target in node.comparisons)
    if isinstance(node, cst.Call) and _calls(node, _ASKS):
        return isinstance(child, cst.Arg)
    if isinstance(node, cst.Subscript):
        return get_full_name_for_node(node.value) == "sys.modules"
    return _assigns_apps(node) or _extends_apps(node, child)


def _calls(node: cst.Call, names: set[str]) -> bool:
    return (get_full_name_for_node(node.func) or "").rpartition(".")[2] in names


def _owner_of(node: cst.Call) -> cst.CSTNode:
    return node.func.value if isinstance(node.func, cst.Attribute) else node.func


def _insert(elements: list[cst.BaseElement], place: int, app: str, opening: cst.BaseParenthesizableWhitespace) -> None:
    """Insert an app, in the quotes and on a line as its neighbour has it."""
    neighbour = elements[place]
    between = _between(elements, place, opening)
    elements.insert(place, cst.Element(beside(neighbour.value, app), comma=cst.Comma(whitespace_after=between)))


def _append(elements: list[cst.BaseElement], app: str, opening: cst.BaseParenthesizableWhitespace) -> None:
    """Append an app, in the quotes and on a line as the one before it."""
    last = elements[-1]
    between = _between(elements, len(elements) - 1, opening)
    elements[-1] = last.with_changes(comma=cst.Comma(whitespace_after=between))
    elements.append(cst.Element(beside(last.value, app), comma=last.comma))


def _between(
    elements: Sequence[cst.BaseElement], place: int, opening: cst.BaseParenthesizableWhitespace
) -> cst.BaseParenthesizableWhitespace:
    before = opening
    if place > 0:
        comma = elements[place - 1].comma
        before = comma.whitespace_after if isinstance(comma, cst.Comma) else cst.SimpleWhitespace(" ")
    if isinstance(before, cst.ParenthesizedWhitespace):
        # On a line of its own; comments stay with what they stand beside.
        return before.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    return cst.SimpleWhitespace(" ")
