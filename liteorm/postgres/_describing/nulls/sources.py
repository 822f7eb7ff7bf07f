"""FROM: tables, views, subqueries, functions and joins, and what their conditions say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liteorm.postgres._describing.nulls import calls, functions
from liteorm.postgres._describing.nulls.catalog import Relation, StoredColumn
from liteorm.postgres._describing.nulls.constants import is_true
from liteorm.postgres._describing.nulls.expressions import is_json_exists, value_of
from liteorm.postgres._describing.nulls.insides import inside_of
from liteorm.postgres._describing.nulls.joining import NOT_FOLLOWED, joined
from liteorm.postgres._describing.nulls.judging import known
from liteorm.postgres._describing.nulls.levels import (
    NONE,
    Col,
    Condition,
    Inside,
    Level,
    Out,
    Rel,
    Result,
)
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.picking import open_columns
from liteorm.postgres._describing.nulls.values import NEVER, SOME, UNKNOWN, Value, any_null

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import Analysis

_LEFT, _FULL, _RIGHT = 1, 2, 3


class Sources:
    """Reads the FROM of one level into it."""

    def __init__(self, analysis: Analysis, level: Level, query: Node) -> None:
        self._analysis = analysis
        self._level = level
        self._table = query.nodes("rtable")
        self._lateral: list[tuple[int, dict[int, frozenset[int]]]] = []

    def read(self, tree: Node) -> None:
        """Read what FROM and WHERE say."""
        for item in tree.nodes("fromlist"):
            self._item(item, NONE)
        self.condition(tree["quals"], NONE)

    def again(self) -> None:
        """Read what looks at the items on its left once more: more is known of them now."""
        for number, joins in self._lateral:
            now = {index: rel.joins for index, rel in self._level.rels.items()}
            for index, before in joins.items():
                self._level.rels[index].joins = set(before)
            fresh = self._made(number, NONE)
            for index, rel in self._level.rels.items():
                rel.joins = now[index]
            for column, col in self._level.rels[number].cols.items():
                newer = fresh.col(column)
                col.null, col.joins, col.why = newer.null, newer.joins, newer.why
                col.const = newer.const

    def condition(self, node: Any, needs: frozenset[int], table: Rel | None = None) -> None:
        """Note what holds for each row for which these joins found a partner."""
        if isinstance(node, Node):
            if node.kind == "BOOLEXPR" and node["boolop"] == "and" and table is None:
                for arg in node.nodes("args"):
                    self.condition(arg, needs)
            else:
                self._level.conditions.append(Condition(node, needs, table))

    def entry(self, number: int, needs: frozenset[int] = NONE) -> Rel:
        """Read an entry of the range table under its number."""
        entry = self._table[number - 1]
        joins = {index: frozenset(rel.joins) for index, rel in self._level.rels.items()}
        rel = self._level.rels[number] = self._made(number, needs)
        _name(rel, entry)
        if entry.flag("lateral"):
            self._lateral.append((number, joins))
        return rel

    def _item(self, node: Node, needs: frozenset[int]) -> list[int]:
        """Read an item of FROM; return the numbers of what is in it."""
        if node.kind == "RANGETBLREF":
            number = node.number("rtindex")
            self.entry(number, needs)
            return [number]
        how = node.number("jointype")
        left = self._analysis.number() if how in (_RIGHT, _FULL) else None
        right = self._analysis.number() if how in (_LEFT, _FULL) else None
        ones = self._item(node["larg"], needs | _set(left))
        twos = self._item(node["rarg"], needs | _set(right))
        self.condition(node["quals"], needs | _set(left) | _set(right))
        if left is not None and right is not None:
            self._level.exclusive.append((left, right))
        self._miss(left, ones, node)
        self._miss(right, twos, node)
        number = node.number("rtindex")
        if number:
            aliases = self._table[number - 1].nodes("joinaliasvars")
            self._level.rels[number] = Rel(aliases=aliases)
            return [*ones, *twos, number]
        return [*ones, *twos]

    def _miss(self, join: int | None, side: list[int], node: Node) -> None:
        """Note that a side of a join may be missing, if it may."""
        if join is None:
            return
        rels = [self._level.rels[number] for number in side]
        if is_true(node["quals"]) and len(rels) == 1 and rels[0].certain:
            self._level.settle(join, False)
            return
        for rel in rels:
            rel.joins.add(join)

    def _made(self, number: int, needs: frozenset[int]) -> Rel:
        entry = self._table[number - 1]
        fields = entry.fields
        if fields.get("subquery") is not None:
            return rel_of(self._analysis.query(fields["subquery"], self._level))
        if "functions" in fields:
            return self._function(entry)
        if "values_lists" in fields:
            return self._values(entry)
        if "ctename" in fields:
            owner = self._level.up(entry.number("ctelevelsup"))
            result = owner.ctes.get(entry["ctename"])
            return Rel() if result is None else rel_of(self._analysis.renumbered(result))
        if "tablefunc" in fields:
            return _of_tablefunc(fields["tablefunc"])
        if "groupexprs" in fields:
            return Rel(aliases=entry.nodes("groupexprs"))
        relation = self._analysis.catalog.relations.get(entry.number("relid"))
        if relation is None:
            return Rel()
        rel = self.relation(relation, needs)
        if is_whole(relation, entry):
            rel.table = relation.oid
            rel.tables = frozenset({relation.oid})
        return rel

    def relation(self, relation: Relation, needs: frozenset[int]) -> Rel:
        """Return a table, or a view by its own query."""
        if relation.definition is not None:
            return self._view(relation)
        rel = Rel(system=NEVER if relation.kind in ("r", "p") else UNKNOWN)
        rel.names = {n: column.name for n, column in relation.columns.items() if n > 0}
        rel.types = {n: column.type for n, column in relation.columns.items() if n > 0}
        rel.open = open_columns(relation)
        why = "a foreign table's constraints are not enforced here" if relation.foreign else ""
        for number, column in relation.columns.items():
            rel.cols[number] = Col(column.null, why=why)
        for check in relation.checks:
            self.condition(check, needs, rel)
        if relation.kind in ("r", "p") and not relation.varied:
            for number, column in relation.columns.items():
                if column.generated is not None and rel.cols[number].null != NEVER:
                    rel.cols[number].null = self.generated(rel, column, relation)
        elif any(column.generated is not None for column in relation.columns.values()):
            for number, column in relation.columns.items():
                if column.generated is not None:
                    rel.cols[number].null = min(rel.cols[number].null, UNKNOWN)
        return rel

    def generated(self, rel: Rel, column: StoredColumn, relation: Relation) -> int:
        """Return the state of a column that is computed from the others of its row."""
        inner = Level(self._analysis, rels={1: rel})
        for check in relation.checks:
            inner.conditions.append(Condition(check, NONE, rel))
        return known(inner, column.generated).state

    def _view(self, relation: Relation) -> Rel:
        result = self._analysis.view(relation)
        if result is None:
            return Rel(why="its view could not be read")
        rel = rel_of(result)
        if relation.kind == "m":
            # What it holds may be older than a constraint, and than rows of tables.
            rel.tables = NONE
            for col in rel.cols.values():
                col.total = col.const = None
                col.inside = None if col.inside is None else NOT_FOLLOWED
                if col.null == NEVER:
                    col.null = UNKNOWN
                    col.why = "a materialised view may be older than what its query promises now"
        return rel

    def _function(self, entry: Node) -> Rel:
        items = entry.nodes("functions")
        rel = Rel(certain=len(items) == 1)
        rel.cols[0] = Col(UNKNOWN, why="the function may give NULL instead of a row")
        start = 0
        for item in items:
            call = item["funcexpr"]
            count = item.number("funccolcount")
            states = self._columns(call, count)
            for position, value in enumerate(states):
                # Of several, the shorter are filled up with NULL.
                state = value.null if len(items) == 1 else max(value.null, UNKNOWN)
                col = rel.cols[start + position + 1] = Col(state, why=value.why)
                if count == 1 and not call.flag("funcretset"):
                    col.inside = inside_of(self._level, call)
            rel.certain = rel.certain and not call.flag("funcretset")
            start += count
        if entry.flag("funcordinality"):
            rel.cols[start + 1] = Col(NEVER)
        return rel

    def _columns(self, call: Any, count: int) -> list[Value]:
        if not isinstance(call, Node):
            return [Value(why="its function could not be read")] * count
        if call.kind != "FUNCEXPR" or not call.flag("funcretset"):
            if count == 1:
                return [value_of(self._level, call)]
            return [Value(why="a function that gives one row may give NULLs in it")] * count
        function = self._analysis.catalog.functions.get(call.number("funcid"))
        args = call.nodes("args")
        if function is None or not function.own:
            return [Value(why="it is made by a function of your own")] * count
        if function.signature == "unnest(anyarray)" and count == 1:
            state = calls.elements_state(self._level, args[0], value_of)
            return [Value(state, why=calls.ELEMENTS)]
        if function.name in functions.RECORD_SOURCES and args[-1].kind in ("VAR", "PARAM"):
            return [Value(SOME)] * count
        states = functions.row_states(function.signature, function.name)
        if states is None or len(states) != count:
            return [Value(why=f"{function.name}() is not known never to give NULL")] * count
        return [Value(state, why=f"{function.name}() may give NULL") for state in states]

    def _values(self, entry: Node) -> Rel:
        rows = [
            [value_of(self._level, item) for item in row] for row in entry.nodes("values_lists")
        ]
        rel = Rel(certain=True)
        for number, column in enumerate(zip(*rows, strict=True), 1):
            state = any_null(value.null for value in column)
            blurred = any(value.blurred for value in column)
            mixed = SOME if state > SOME and any(v.null < state for v in column) else state
            why = next((value.why for value in column if value.why), "")
            rel.cols[number] = Col(UNKNOWN if blurred and mixed > UNKNOWN else mixed, why=why)
            items = [row[number - 1] for row in entry.nodes("values_lists")]
            rel.cols[number].inside = self._inside(items, column)
        return rel

    def _inside(self, items: list[Any], values: tuple[Value, ...]) -> Inside | None:
        """Return what is inside a column of VALUES."""
        found, *others = [
            Out(value.null, inside=inside_of(self._level, item))
            for item, value in zip(items, values, strict=True)
        ]
        for out in others:
            found = Out(min(found.null, out.null), inside=joined(found, out))
        return found.inside


def is_whole(relation: Relation, entry: Node) -> bool:
    """Return whether an entry of FROM reads all rows of a table, its children's included."""
    return (
        relation.kind in ("r", "p")
        and not (relation.secured or relation.foreign)
        and entry.flag("inh")
        and entry["tablesample"] is None
    )


def _of_tablefunc(node: Node) -> Rel:
    """Return the columns of XMLTABLE or JSON_TABLE: NULL where their path finds nothing."""
    rel = Rel(why="a column of XMLTABLE or JSON_TABLE is NULL where its path finds nothing")
    plan = node["plan"]
    alone = isinstance(plan, Node) and plan["child"] is None
    for place, value in enumerate(node.nodes("colvalexprs")):
        # FOR ORDINALITY and EXISTS; NESTED paths that find nothing leave theirs out.
        if alone and (value is None or is_json_exists(value)):
            rel.cols[place + 1] = Col(NEVER)
    for place in node.numbers("notnulls"):
        rel.cols[place + 1] = Col(NEVER)
    ordinality = int(node["ordinalitycol"] if node["ordinalitycol"] is not None else -1)
    if ordinality >= 0 and (plan is None or alone):
        rel.cols[ordinality + 1] = Col(NEVER)
    return rel


def _set(join: int | None) -> frozenset[int]:
    return NONE if join is None else frozenset({join})


def _name(rel: Rel, entry: Node) -> None:
    """Give the columns of a subquery the names that it is read with."""
    eref = entry["eref"]
    if rel.names and isinstance(eref, Node):
        names = [str(name) for name in eref.nodes("colnames")]
        rel.names = {n: names[n - 1] if n <= len(names) else name for n, name in rel.names.items()}


def rel_of(result: Result) -> Rel:
    """Return a result as something in FROM."""
    rel = Rel(certain=result.certain, tables=result.tables)
    for number, out in enumerate(result.columns, 1):
        rel.cols[number] = col_of(out)
    rel.names = dict(enumerate(result.names, 1))
    rel.types = dict(enumerate(result.types, 1))
    return rel


def col_of(out: Out) -> Col:
    """Return a column of a result as one that can be read."""
    if out.whole is not None:
        return Col(out.whole, NONE, out.why, out.inside, out.total, out.const)
    return Col(out.null, out.joins, out.why, out.inside, out.total, out.const)
