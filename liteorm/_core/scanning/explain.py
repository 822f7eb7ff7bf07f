"""A scanner's plan and source for a reader."""

from __future__ import annotations

from typing import Any

from liteorm._core.models.annotations import shown
from liteorm._core.scanning.plan import Collect, Leaf, Node
from liteorm._core.scanning.scanner import Scanner
from liteorm._core.scanning.shape import Shape


def explain(model: Any, shape: Shape, scanner: Scanner) -> str:
    """Return a scanner's plan and source for a reader."""
    width = max((len(name) for name in shape.names), default=0)
    filled = {leaf.column: leaf.place for leaf in _leaves(scanner.plan.root)}
    lines = [f"scan into {shown(model)}"]
    for index, (name, type_) in enumerate(zip(shape.names, shape.types, strict=True)):
        place = filled.get(index)
        target = f"{place.target}: {place.annotation}" if place else "not used"
        how = (
            ""
            if scanner.plan.variants[index] in ("plain", "skip")
            else (f"  (as {scanner.plan.variants[index]})")
        )
        lines.append(f"  {name:<{width}}  {type_.name} -> {target}{how}")
    if scanner.executor is not None:
        lines.append("\nrun by the compiled executor; what it leaves, by the code below")
    elif scanner.declined is not None:
        lines.append(f"\nrun by the code below: {scanner.declined}")
    return "\n".join(lines) + f"\n\n# {scanner.filename}\n{scanner.source.text}"


def _leaves(node: Node) -> list[Leaf]:
    if isinstance(node, Leaf):
        return [node]
    inner = node.items if isinstance(node, Collect) else node.arguments
    return [leaf for _, item in inner for leaf in _leaves(item)]
