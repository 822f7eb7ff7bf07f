"""Aggregates over all rows of a table, beside a row of that table: they are fed by it.

`n / (SELECT sum(n) FROM t)` in a query of t: where there is a row, and n is not NULL in it, neither
is the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from liteorm.postgres._describing.nulls.calls import none_atom
from liteorm.postgres._describing.nulls.comparing import NUMBERS, is_of
from liteorm.postgres._describing.nulls.expressions import value_of
from liteorm.postgres._describing.nulls.judging import known
from liteorm.postgres._describing.nulls.levels import EMPTY, NONE, Level, Out, Rel, Total
from liteorm.postgres._describing.nulls.nodes import Node, items_of
from liteorm.postgres._describing.nulls.values import NEVER

HasRow = Callable[[int, frozenset[int]], bool]
"""Whether there is a row of a table of which some columns are not NULL."""


def table_read(node: Node, level: Level) -> int:
    """Return the oid of the table of which a query aggregates all rows; 0 if there is none."""
    tree = node["jointree"]
    items = tree.nodes("fromlist")
    if tree["quals"] is not None or len(items) != 1 or items[0].kind != "RANGETBLREF":
        return 0
    if node.nodes("groupClause") or node.nodes("groupingSets"):
        return 0
    return level.rels[items[0].number("rtindex")].table


def feed(level: Level, node: Node, has_row: HasRow) -> None:
    """Note which aggregates over a whole table a row feeds that there is."""
    number = node["jointree"].nodes("fromlist")[0].number("rtindex")
    rel = level.rels[number]
    for aggregate in _aggregates([node["targetList"], node["havingQual"]]):
        columns = _fed_by(level, aggregate, number, rel)
        if columns is not None and has_row(rel.table, columns):
            level.settle(none_atom(level, aggregate, value_of), False)


def totals(level: Level, node: Node, columns: tuple[Out, ...]) -> tuple[Out, ...]:
    """Mark the columns that are never NULL if there is a row of the table."""
    entries = [entry["expr"] for entry in node.nodes("targetList") if not entry.flag("resjunk")]
    number = node["jointree"].nodes("fromlist")[0].number("rtindex")
    rel = level.rels[number]
    level.settle(EMPTY, False)
    columns = tuple(
        _marked(level, item, out, Total(rel.table))
        for item, out in zip(entries, columns, strict=True)
    )
    feed(level, node, lambda _, __: True)
    marked: list[Out] = []
    for item, out in zip(entries, columns, strict=True):
        asked = [_fed_by(level, each, number, rel) or NONE for each in _aggregates([item])]
        total = Total(rel.table, NONE.union(*asked))
        marked.append(out if out.total is not None else _marked(level, item, out, total))
    return tuple(marked)


def _marked(level: Level, item: Any, out: Out, total: Total) -> Out:
    """Return a column, as it is where there is a row, if that makes a difference."""
    if known(level, item).state != NEVER:
        return out
    const = number_of(level, item)
    if out.state == NEVER and const == out.const:
        return out
    return evolve(out, total=evolve(total, const=const))


def fill_totals(level: Level) -> None:
    """Note which aggregates over whole tables have a row, as one is read beside them."""
    for rel in level.rels.values():
        for col in rel.cols.values():
            total = col.total
            if total is not None and level.has_row_of(total.table, total.columns):
                col.null, col.const = NEVER, total.const


def number_of(level: Level, node: Any) -> Any:
    """Return what is known of an expression as a number."""
    const = value_of(level, node).const
    return const if const is not None and is_of(const, NUMBERS) else None


def _fed_by(level: Level, node: Node, number: int, rel: Rel) -> frozenset[int] | None:
    """Return the columns that a row must have for an aggregate to be fed by it, if that does."""
    args = node.nodes("args")
    if not args or node["aggfilter"] is not None:
        return None
    parts = list(args[0].walk())
    if any(part.kind == "QUERY" or part.number("varlevelsup") for part in parts):
        return None
    named = {part.number("varattno") for part in parts if part.kind == "VAR"}
    if any(column <= 0 for column in named) or rel is not level.rels[number]:
        return None
    nullable = {column: rel.col(column) for column in named if rel.col(column).null != NEVER}
    there = dict.fromkeys(nullable.values(), False)
    with level.over(groups=False), level.plainly(), level.assuming(there):
        fed = value_of(level, args[0]["expr"]).null == NEVER
    return frozenset(nullable) if fed else None


def _aggregates(trees: list[Any]) -> Iterator[Node]:
    """Yield the aggregates of a level in some trees, but not of its subqueries."""
    stack = list(trees)
    while stack:
        top = stack.pop()
        if not isinstance(top, Node):
            stack.extend(items_of(top))
        elif top.kind == "AGGREF" and not top.number("agglevelsup"):
            yield top
        elif top.kind != "QUERY":
            stack.extend(top.fields.values())
