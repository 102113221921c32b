"""The base class of what rewrites Python with LibCST, which keeps the formatting."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

import libcst as cst
from libcst import metadata
from libcst.helpers import get_full_name_for_node

from ws4channels.migration import layout, original
from ws4channels.migration.fixer import Facts, Finding, Fixed, SourceFile
from ws4channels.migration.rules import finding, instead_of
from ws4channels.migration.syntax import resolve

T = TypeVar("T")
# Data: a literal of hundreds of lines that do not name the original, closed at the beginning of a line.
_DATA = re.compile(r"(?m)^\w+ = [\[({]\r?\n(?:(?!.*(?i:ws4))(?:[ \t].*)?\n){500,}[\])}]\r?$")
_LEFT_OUT = re.compile(r"'''Left out: (\d+)-(\d+)\s*'''")


class Transformer(cst.CSTTransformer):
    """What a Python fixer does with one file. Subclasses change nodes in ``leave_…`` methods and call `report`."""

    pattern = r"\bws4redis\b"
    """What occurs in the files that the transformer wants."""

    def __init__(self, file: SourceFile, facts: Facts, tree: metadata.MetadataWrapper) -> None:
        super().__init__()
        self._tree = tree
        self.file = file
        self.facts = facts
        self.findings: list[Finding] = []

    def metadata_of(
        self, provider: type[metadata.BaseMetadataProvider[T]], node: cst.CSTNode, default: Any = None
    ) -> T:
        """Return what a provider knows of an original node.

        Providers run when they are first asked: that takes far longer than the visit, and most files need none.
        """
        value = self._tree.resolve(provider).get(node, default)
        return cast(T, value() if callable(value) else value)  # Some are worked out even later.

    def report(self, node: cst.CSTNode | None, name: str, /, **values: str) -> None:
        """Add the finding of that name about an original node, which is one that was not replaced; None is the file."""
        line = 0 if node is None else self.metadata_of(metadata.PositionProvider, node).start.line
        self.findings.append(finding(name, self.file.path, line, **values))

    def report_unmoved(self, node: cst.CSTNode, dotted: str) -> None:
        """Add a finding about a part of ws4redis, of that dotted name, that is not here."""
        application = layout.application_near(self.facts, self.file.path)
        instead = instead_of(original.module_of(dotted), application)
        self.report(node, "unmoved", dotted=dotted, instead=instead)

    def module_named_by(self, node: cst.ImportFrom) -> str:
        """Return the dotted name of the module that a ``from`` import names; relative ones are resolved."""
        dotted = get_full_name_for_node(node.module) if node.module is not None else None
        return self.absolute("." * len(node.relative) + (dotted or ""))

    def absolute(self, dotted: str) -> str:
        """Return a dotted name, which may begin with dots, as seen from anywhere."""
        rest = dotted.lstrip(".")
        return resolve(self.facts.modules[self.file.path].name, self.file.path, len(dotted) - len(rest), rest)

    def is_within(self, node: cst.CSTNode, accepts: Callable[[cst.CSTNode, cst.CSTNode], bool]) -> bool:
        """Tell whether `accepts` is true of a node above and the child on the way, within the same statement."""
        while not isinstance(node, (cst.BaseSmallStatement, cst.BaseCompoundStatement, cst.Module)):
            child, node = node, self.metadata_of(metadata.ParentNodeProvider, node)
            if accepts(node, child):
                return True
        return False

    def imported_names(self, node: cst.CSTNode) -> set[str]:
        """Return the dotted names that an original expression may stand for, as far as imports say."""
        names = self.metadata_of(metadata.QualifiedNameProvider, node, set())
        return {name.name for name in names if name.source is metadata.QualifiedNameSource.IMPORT}

    @classmethod
    def wants(cls, file: SourceFile, facts: Facts) -> bool:
        return file.path in facts.modules and re.search(cls.pattern, file.text) is not None

    @classmethod
    def fix(cls, file: SourceFile, facts: Facts) -> Fixed | None:
        """Return what the transformer makes of the file; None if it does not want it."""
        if not cls.wants(file, facts):
            return None
        try:
            tree = _parsed(file.text)
        except cst.ParserSyntaxError as error:
            # Python takes it, as it is syntax of a release that this LibCST does not know, or the other way round.
            return Fixed(file.text, [finding("unparsed", file.path, error.raw_line, message=error.message)])
        transformer = cls(file, facts, tree)
        code = tree.module.visit(transformer).code
        whole = _LEFT_OUT.sub(lambda found: file.text[int(found[1]) : int(found[2])], code)
        return Fixed(whole, transformer.findings)


# Most fixers leave most files as they are: one after the other gets the same text. They do not change its tree.
@lru_cache(maxsize=1)
def _parsed(text: str) -> metadata.MetadataWrapper:
    try:
        tree = cst.parse_module(_DATA.sub(_without_data, text))
    except cst.ParserSyntaxError:
        tree = cst.parse_module(text)
    return metadata.MetadataWrapper(tree, unsafe_skip_copy=True)


def _without_data(found: re.Match[str]) -> str:
    """Return what stands for data while LibCST, which needs long for it, has the module: as many lines."""
    return f"'''Left out: {found.start()}-{found.end()}" + "\n" * found[0].count("\n") + "'''"
