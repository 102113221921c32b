"""Draw the rooms of ws4channels/ and their imports: ``python docs/rooms.py`` writes docs/_static/rooms.svg."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "_static" / "rooms.svg"

FLOORS = (
    ("admin",),
    ("management explain status compat", "testing metrics"),
    ("apps models context_processors checks",),
    ("asgi routing", "tickets"),
    ("consumers", "streams origins"),
    ("presence",),
    ("access",),
    ("processes",),
    ("delivery",),
    ("redis_store publisher subscriber", "closing"),
    ("transports",),
    ("connections",),
    ("exceptions settings audience counters shown",),
)
"""What is drawn, from top to bottom: each text is a box of rooms. `migration` imports none of them."""

BOX_HEIGHT, GAP, WIDTH, MARGIN = 34, 44, 900, 20


def boxes() -> dict[str, str]:
    """Return the box of each room."""
    return {room: box for floor in FLOORS for box in floor for room in box.split()}


def imports() -> dict[str, set[str]]:
    """Return which boxes each box imports from."""
    box_of = boxes()
    arrows: dict[str, set[str]] = {box: set() for box in box_of.values()}
    for path in sorted((ROOT / "ws4channels").rglob("*.py")):
        room = path.relative_to(ROOT / "ws4channels").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if room in box_of and isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ws4channels"):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
                targets = {box_of.get(name.split(".")[1]) for name in names}
                arrows[box_of[room]] |= {target for target in targets if target} - {box_of[room]}
    return arrows


def essential(arrows: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the arrows without those that others imply: a → c where a → b → c."""
    reached: dict[str, set[str]] = {}
    for box in TopologicalSorter(arrows).static_order():
        reached[box] = arrows[box].union(*(reached[target] for target in arrows[box]))
    return {
        box: {target for target in targets if not any(target in reached[other] for other in targets - {target})}
        for box, targets in arrows.items()
    }


def draw() -> str:
    """Return the picture as SVG."""
    places: dict[str, tuple[float, float, float]] = {}
    for row, floor in enumerate(FLOORS):
        width = (WIDTH - MARGIN * (len(floor) + 1)) / len(floor)
        for column, box in enumerate(floor):
            places[box] = (MARGIN + column * (width + MARGIN), MARGIN + row * (BOX_HEIGHT + GAP), width)
    height = 2 * MARGIN + len(FLOORS) * (BOX_HEIGHT + GAP) - GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="sans-serif" font-size="14">',
        "<title>The rooms of ws4channels and the imports between them</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
    ]
    for box, targets in essential(imports()).items():
        for target in sorted(targets):
            (x, y, width), (target_x, target_y, target_width) = places[box], places[target]
            lines.append(
                f'<line x1="{x + width / 2:.0f}" y1="{y + BOX_HEIGHT}" x2="{target_x + target_width / 2:.0f}" '
                f'y2="{target_y}" stroke="#57606a" marker-end="url(#tip)"/>'
            )
    for box, (x, y, width) in places.items():
        lines.append(
            f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="5" fill="#ddf4ff" '
            f'stroke="#0969da"/><text x="{x + width / 2:.0f}" y="{y + 22}" text-anchor="middle" fill="#1f2328">'
            f"{escape(', '.join(box.split()))}</text>"
        )
    return "\n".join([*lines, "</svg>", ""])


if __name__ == "__main__":
    PICTURE.write_text(draw(), "utf-8")
