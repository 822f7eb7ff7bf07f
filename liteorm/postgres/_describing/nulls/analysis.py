"""Which columns of a result can be NULL: queries, set operations, WITH."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls.catalog import Catalog, Relation
from liteorm.postgres._describing.nulls.changes import Changes
from liteorm.postgres._describing.nulls.comparing import compared
from liteorm.postgres._describing.nulls.expressions import value_of
from liteorm.postgres._describing.nulls.grouping import read_groups
from liteorm.postgres._describing.nulls.insides import inside_of
from liteorm.postgres._describing.nulls.joining import NOT_FOLLOWED, joined
from liteorm.postgres._describing.nulls.judging import feasible, is_reached, known, settle
from liteorm.postgres._describing.nulls.levels import EMPTY, NONE, Exhausted, Level, Out, Result
from liteorm.postgres._describing.nulls.nodes import Node, items_of
from liteorm.postgres._describing.nulls.picking import picked
from liteorm.postgres._describing.nulls.sources import Sources
from liteorm.postgres._describing.nulls.totals import (
    feed,
    fill_totals,
    number_of,
    table_read,
    totals,
)
from liteorm.postgres._describing.nulls.types import type_of
from liteorm.postgres._describing.nulls.unions import flat, operand, set_operation
from liteorm.postgres._describing.nulls.values import ALWAYS, NEVER, UNKNOWN, Null, Value, either

_MOST_STEPS: Final = 200_000
_MOST_ASKED: Final = 400
_DEPTH: Final = 40
NO_PARAMS: Final[Mapping[int, Null]] = {}


def result_columns(
    tree: Node, catalog: Catalog, columns: int, params: Mapping[int, Null] | None = None
) -> list[Out]:
    """Return what is known of each of a statement's columns.

    Args:
        tree: The server's reading of the statement.
        catalog: What the catalog says of what the tree refers to.
        columns: How many columns the server says there are.
        params: Whether `$1`, `$2` … can be NULL, where it is known.
    """
    try:
        analysis = Analysis(catalog, params or NO_PARAMS)
        analysis.locking = any(node.nodes("rowMarks") for node in tree.walk())
        result = analysis.query(tree, None)
    except (RecursionError, Exhausted):
        return [Out(UNKNOWN, why="the statement is too large to be analysed")] * columns
    if len(result.columns) != columns:
        return [Out(UNKNOWN)] * columns
    return list(result.columns)


class Analysis:
    """The analysis of one statement, and of the views that it reads."""

    def __init__(self, catalog: Catalog, params: Mapping[int, Null]) -> None:
        self.catalog = catalog
        self.params = params
        self.locking = False
        """Rows that are shown may be newer than those that else are read, by FOR UPDATE."""
        self.several_sets = False
        """The select list that is looked at has more than one set-returning function."""
        self._numbers = count(1)
        self._steps = 0
        self._asked = 0
        self._views: dict[int, Result] = {}
        self._reading: list[int] = []

    def is_reached(self, level: Level) -> bool:
        """Return whether a branch of a CASE is reached, as long as that is not asked too often."""
        self._asked += 1
        return self._asked > _MOST_ASKED or is_reached(level)

    def number(self) -> int:
        """Return a new number for a join."""
        return next(self._numbers)

    def step(self) -> None:
        """Count a step.

        Raises:
            Exhausted: They are too many.
        """
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise Exhausted

    def view(self, relation: Relation) -> Result | None:
        """Return the result of a view's own query, as of another reading of it."""
        if relation.oid not in self._views:
            if relation.oid in self._reading or len(self._reading) > _DEPTH:
                return None
            self._reading.append(relation.oid)
            params, self.params = self.params, NO_PARAMS
            try:
                self._views[relation.oid] = self.query(relation.definition, None)
            finally:
                self._reading.pop()
                self.params = params
        return self.renumbered(self._views[relation.oid])

    def renumbered(self, result: Result) -> Result:
        """Return a result as another reading gives it: its joins are others."""
        fresh: dict[int, int] = {}
        for out in result.columns:
            for join in out.joins:
                fresh.setdefault(join, self.number())
        columns = tuple(
            evolve(out, joins=frozenset(fresh[join] for join in out.joins))
            for out in result.columns
        )
        return evolve(result, columns=columns)

    def query(self, node: Any, parent: Level | None, *, per_row: bool = False) -> Result:
        """Return the result of a query, or of a change with RETURNING.

        Args:
            node: The query.
            parent: The level around it.
            per_row: It is an expression of that level, for which there is a row.
        """
        if not isinstance(node, Node) or node.kind != "QUERY":
            return Result(())
        level = Level(self, parent)
        before, self.several_sets = self.several_sets, False
        try:
            self._read_with(node, level)
            if node["setOperations"] is not None:
                return set_operation(level, node)
            if node.number("commandType") != 1:
                return Changes(self, level).result(node)
            return self._select(node, level, per_row=per_row)
        finally:
            self.several_sets = before

    def _select(self, node: Node, level: Level, *, per_row: bool) -> Result:
        sources = Sources(self, level, node)
        sources.read(node["jointree"])
        settle(level)
        sources.again()
        settle(level)
        fill_totals(level)
        level.complete = True
        possible, blurred = feasible(level, {})
        read_groups(level, node)
        whole = 0 if level.filled else table_read(node, level)
        if whole and per_row and level.parent is not None and level.parent.reads_row_of(whole):
            level.settle(EMPTY, False)
            feed(level, node, level.parent.reads_row_of)
        for number, window in enumerate(node.nodes("windowClause"), 1):
            level.windows[window.number("winref") or number] = window.number("frameOptions")
        entries = [entry for entry in node.nodes("targetList") if not entry.flag("resjunk")]
        shown = self.targets(level, node.nodes("targetList"))
        columns = tuple(
            picked(level, node, entry["expr"], out) if possible else out
            for entry, out in zip(entries, shown, strict=True)
        )
        if whole and not per_row:
            columns = totals(level, node, columns)
        grouping = node.flag("hasAggs") or bool(node.nodes("groupingSets"))
        certain = self._certain(node, level)
        if grouping or node["havingQual"] is not None:
            possible, blurred = True, blurred or node["havingQual"] is not None
        names = tuple(str(entry["resname"] or "") for entry in entries)
        types = tuple(type_of(entry["expr"]) for entry in entries)
        tables = _tables_of(level) if level.filled else NONE
        return Result(columns, certain, possible, blurred, names, types, tables)

    def targets(self, level: Level, entries: list[Any]) -> tuple[Out, ...]:
        """Return the columns of a select list or RETURNING."""
        shown = [entry["expr"] for entry in entries if not entry.flag("resjunk")]
        sets = sum(
            node.flag("funcretset") or node.flag("opretset")
            for entry in entries
            for node in _own_nodes(entry["expr"])
        )
        self.several_sets = sets > 1
        return tuple(
            evolve(known(level, item), inside=inside_of(level, item), const=number_of(level, item))
            for item in shown
        )

    def _certain(self, node: Node, level: Level) -> bool:
        """Return whether the query gives at least one row, whatever the data."""
        if not _keeps_first(level, node):
            return False
        if node["havingQual"] is not None or node.flag("hasTargetSRFs"):
            return False
        if node.nodes("groupClause") or node.nodes("groupingSets"):
            return frozenset() in level.sets
        if node.flag("hasAggs"):
            return True
        tree = node["jointree"]
        items = tree.nodes("fromlist")
        return tree["quals"] is None and all(
            item.kind == "RANGETBLREF" and level.rels[item.number("rtindex")].certain
            for item in items
        )

    # WITH and set operations

    def _read_with(self, node: Node, level: Level) -> None:
        for cte in node.nodes("cteList"):
            query = cte["ctequery"]
            if cte.flag("cterecursive"):
                result = self._recursive(cte, query, level)
            else:
                result = self.query(query, level)
            level.ctes[cte["ctename"]] = result

    def _recursive(self, cte: Node, query: Node, level: Level) -> Result:
        """Assume what the first term gives, and weaken it until the second agrees."""
        inner = Level(self, level)
        self._read_with(query, inner)
        operation = query["setOperations"]
        if operation is None:
            return self.query(query, level)
        first = operand(operation["larg"], query, inner)
        found = flat(first)
        for _ in range(_DEPTH):
            level.ctes[cte["ctename"]] = _with_marks(found, cte)
            last = operand(operation["rarg"], query, inner)
            again = flat(last)
            if len(again.columns) != len(found.columns):
                return Result(())
            weaker = tuple(
                Out(either([Value(one.null), Value(two.null)]).null, why=one.why or two.why)
                for one, two in zip(found.columns, again.columns, strict=True)
            )
            if [out.null for out in weaker] == [out.null for out in found.columns]:
                break
            found = Result(weaker)
        else:
            return Result(())
        if any(out.inside is not None for out in (*first.columns, *last.columns)):
            columns = zip(found.columns, first.columns, strict=True)
            found = Result(tuple(evolve(out, inside=one.inside) for out, one in columns))
            found = self._with_insides(found, cte, query, level, inner)
        types = tuple(operation.numbers("colTypes"))
        return _with_marks(evolve(found, names=first.names, types=types), cte)

    def _with_insides(
        self, found: Result, cte: Node, query: Node, level: Level, inner: Level
    ) -> Result:
        """Return what a recursive query gives, with what is inside by both of its terms."""
        for last in (False, True):
            level.ctes[cte["ctename"]] = _with_marks(found, cte)
            again = operand(query["setOperations"]["rarg"], query, inner)
            pairs = zip(found.columns, again.columns, strict=True)
            insides = [joined(one, two) for one, two in pairs]
            found = evolve(
                found,
                columns=tuple(
                    evolve(out, inside=NOT_FOLLOWED if last and inside != out.inside else inside)
                    for out, inside in zip(found.columns, insides, strict=True)
                ),
            )
        return found


def _keeps_first(level: Level, node: Node) -> bool:
    """Return whether LIMIT and OFFSET let the first row through: `LIMIT 1`, `OFFSET 0`."""
    count, offset = (
        None if node[name] is None else value_of(level, node[name])
        for name in ("limitCount", "limitOffset")
    )
    # NULL is no limit.
    counted = count is None or count.null == ALWAYS or compared(">", count.const, _NONE, exact=True)
    skipped = offset is None or offset.null == ALWAYS or offset.const == _NONE
    return bool(counted and skipped)


_NONE: Final = ("int", 0)


def _tables_of(level: Level) -> frozenset[int]:
    """Return the tables of which there is a row for each row of a level."""
    tables = (
        rel.tables
        for rel in level.rels.values()
        if all(level.fixed.get(join) is False for join in rel.joins)
    )
    return NONE.union(*tables)


def _with_marks(result: Result, cte: Node) -> Result:
    """Return a recursive query with the columns that SEARCH and CYCLE add."""
    marks: list[Out] = []
    if cte["search_clause"] is not None:
        marks.append(Out(NEVER))
    if (cycle := cte["cycle_clause"]) is not None:
        values = [cycle["cycle_mark_value"], cycle["cycle_mark_default"]]
        known = all(item.kind == "CONST" and not item.flag("constisnull") for item in values)
        marks += [Out(NEVER if known else UNKNOWN), Out(NEVER)]
    names = () if marks else result.names
    return evolve(result, columns=(*result.columns, *marks), names=names)


def _own_nodes(node: Any) -> Iterator[Node]:
    """Yield the nodes of an expression, but not of its subqueries."""
    stack: list[Any] = [node]
    while stack:
        top = stack.pop()
        if not isinstance(top, Node):
            stack.extend(items_of(top))
        elif top.kind != "QUERY":
            yield top
            stack.extend(top.fields.values())
