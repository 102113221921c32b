"""Replace ws4redis in lists of apps by channels and ws4channels, and put daphne first."""

import libcst as cst
from libcst import matchers as m
from libcst.helpers import get_full_name_for_node

from ws4channels.migration import layout
from ws4channels.migration.original import ITS_NAME, OUR_NAME
from ws4channels.migration.python_fixer import Transformer
from ws4channels.migration.settings_fixer import assigned_by
from ws4channels.migration.texts import Line, Statement, beside, text_of, with_text

_ASKS = {"is_installed", "get_app_config", "import_module", "find_spec", "__import__"}
_CHANGES = {"append", "insert", "remove", "extend", "index", "count"}


class _InstalledApps(Transformer):
    pattern = r"['\"]ws4redis['\"]|staticfiles|INSTALLED_APPS"

    def visit_Module(self, node: cst.Module) -> None:
        """Find out which apps this file must get, and where."""
        facts, path = self.facts, self.file.path
        module = facts.modules[path]
        settings = module in facts.settings
        listed = frozenset().union(*(each.listed_apps for each in facts.together_with(path)))
        self.needs_channels = settings and layout.CHANNELS not in listed
        lacks_daphne = path in layout.daphne_paths(facts) and layout.DAPHNE not in listed
        self._prepends = lacks_daphne and layout.adds_daphne_itself(module, facts)
        self.needs_daphne = lacks_daphne and not self._prepends
        self._wants_staticfiles = self.needs_daphne and layout.STATICFILES in module.listed_apps
        self._is_unlisted = settings and layout.must_list_the_app(module, facts)

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        if text_of(original_node) != ITS_NAME or not self.is_within(original_node, _is_about_apps):
            return updated_node
        return with_text(updated_node, OUR_NAME)

    def leave_List(self, original_node: cst.List, updated_node: cst.List) -> cst.List:
        opening, elements = self._with_apps(original_node, updated_node, updated_node.lbracket.whitespace_after)
        bracket = updated_node.lbracket.with_changes(whitespace_after=opening)
        return updated_node.with_changes(lbracket=bracket, elements=elements)

    def leave_Tuple(self, original_node: cst.Tuple, updated_node: cst.Tuple) -> cst.Tuple:
        *outer, inner = updated_node.lpar or [cst.LeftParen()]
        opening, elements = self._with_apps(original_node, updated_node, inner.whitespace_after)
        brackets = [*outer, inner.with_changes(whitespace_after=opening)] if updated_node.lpar else []
        return updated_node.with_changes(lpar=brackets, elements=elements)

    def _with_apps(
        self, node: cst.List | cst.Tuple, updated: cst.List | cst.Tuple, opening: cst.BaseParenthesizableWhitespace
    ) -> tuple[cst.BaseParenthesizableWhitespace, list[cst.BaseElement]]:
        """Return what follows the opening bracket, and the elements with the new apps."""
        texts = [text_of(element.value) for element in node.elements]
        elements = list(updated.elements)
        concerned = ITS_NAME in texts or (self._wants_staticfiles and layout.STATICFILES in texts)
        if not (concerned or self._is_unlisted) or not self.is_within(node, _is_of_apps):
            return opening, elements
        if (
            self._is_unlisted
            and elements
            and self.is_within(node, lambda each, _: "INSTALLED_APPS" in assigned_by(each))
        ):
            self._is_unlisted = False
            _add(elements, len(elements), "channels", opening)
            _add(elements, len(elements), OUR_NAME, opening)
            texts = [*texts, ITS_NAME]
        elif ITS_NAME in texts and self.needs_channels and "channels" not in texts:
            _add(elements, texts.index(ITS_NAME), "channels", opening)
        if self.needs_daphne and (layout.STATICFILES if self._wants_staticfiles else ITS_NAME) in texts:
            _add(elements, 0, "daphne", opening)
            if isinstance(opening, cst.ParenthesizedWhitespace):
                # Comments above the first app stay with it.
                comma = cst.Comma(whitespace_after=opening.with_changes(first_line=cst.TrailingWhitespace()))
                elements[0] = elements[0].with_changes(comma=comma)
                opening = opening.with_changes(empty_lines=[])
        return opening, elements

    def leave_SimpleStatementLine(self, original_node: Line, updated_node: Line) -> Statement:
        """Put daphne before all apps where ws4redis is added to them."""
        strings = m.findall(original_node, m.SimpleString()) if self._prepends else []
        if not any(text_of(each) == ITS_NAME and self.is_within(each, _is_of_apps) for each in strings):
            return updated_node
        is_tuple = bool(m.findall(original_node, m.Tuple()))
        code = f"INSTALLED_APPS = {'(%s)' if is_tuple else '[%s]'}" % '"daphne", *INSTALLED_APPS'
        return cst.FlattenSentinel([updated_node, cst.parse_statement(code)])

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        """Make ``APPS.append("ws4redis")`` an ``extend`` by what is needed."""
        appends = m.Call(m.Attribute(m.MatchIfTrue(_is_apps), m.Name("append")), [m.Arg(m.SimpleString())])
        apps = ["daphne"] * (self.needs_daphne and not self._wants_staticfiles) + ["channels"] * self.needs_channels
        if not apps or not m.matches(original_node, appends) or text_of(original_node.args[0].value) != ITS_NAME:
            return updated_node
        elements = [cst.Element(beside(original_node.args[0].value, name)) for name in [*apps, OUR_NAME]]
        return updated_node.with_changes(
            func=cst.ensure_type(updated_node.func, cst.Attribute).with_changes(attr=cst.Name("extend")),
            args=[updated_node.args[0].with_changes(value=cst.List(elements))],
        )


fix = _InstalledApps.fix


def _is_apps(node: cst.CSTNode) -> bool:
    return (get_full_name_for_node(node) or "").endswith("APPS")


def _is_of_apps(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    """Tell whether `node` assigns or extends apps, or is ``INSTALLED_APPS=…`` or an item of that name."""
    if isinstance(node, cst.Arg):
        return node.keyword is not None and _is_apps(node.keyword)
    if isinstance(node, cst.DictElement):
        return (text_of(node.key) or "").endswith("APPS")
    if isinstance(node, cst.Call):
        return _calls(node, _CHANGES) and _is_apps(node.func.value if isinstance(node.func, cst.Attribute) else node)
    return any(name.endswith("APPS") for name in assigned_by(node))


def _is_about_apps(node: cst.CSTNode, child: cst.CSTNode) -> bool:
    if isinstance(node, cst.Comparison):
        return any(_is_apps(target.comparator) for target in node.comparisons)
    if isinstance(node, cst.Call) and _calls(node, _ASKS):
        return isinstance(child, cst.Arg)
    if isinstance(node, cst.Subscript):
        return get_full_name_for_node(node.value) == "sys.modules"
    return _is_of_apps(node, child)


def _calls(node: cst.Call, names: set[str]) -> bool:
    return (get_full_name_for_node(node.func) or "").rpartition(".")[2] in names


def _add(elements: list[cst.BaseElement], place: int, app: str, opening: cst.BaseParenthesizableWhitespace) -> None:
    """Add an app at a place, in the quotes and on a line as its neighbour has it."""
    at = min(place, len(elements) - 1)
    neighbour = elements[at]
    before = opening
    if at > 0:
        comma = elements[at - 1].comma
        before = comma.whitespace_after if isinstance(comma, cst.Comma) else cst.SimpleWhitespace(" ")
    between: cst.BaseParenthesizableWhitespace = cst.SimpleWhitespace(" ")
    if isinstance(before, cst.ParenthesizedWhitespace):
        # On a line of its own; comments stay with what they stand beside.
        between = before.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    new = cst.Element(beside(neighbour.value, app), comma=neighbour.comma)
    first, second = (new, neighbour) if at == place else (neighbour, new)
    elements[at : at + 1] = [first.with_changes(comma=cst.Comma(whitespace_after=between)), second]
