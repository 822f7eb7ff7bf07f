"""Which columns of a result can be NULL: queries, set operations, WITH."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from liteorm.postgres._describing.nulls.calls import is_aggregate, may_return_set
from liteorm.postgres._describing.nulls.changes import Changes
from liteorm.postgres._describing.nulls.expressions import Evaluator, all_of, any_of
from liteorm.postgres._describing.nulls.facts import Facts, Null, RelationFacts
from liteorm.postgres._describing.nulls.grammar import children, kind, parsed, strings, walk
from liteorm.postgres._describing.nulls.implied import if_true
from liteorm.postgres._describing.nulls.names import title_of
from liteorm.postgres._describing.nulls.scope import (
    Col,
    Level,
    Out,
    Output,
    Tree,
    grouping_number,
    joined,
)
from liteorm.postgres._describing.nulls.sources import Sources

_UNKNOWN = Output(None)
_DEPTH = 60


def result_nulls(
    tree: Any, facts: Facts, count: int, params: Mapping[int, Null] | None = None
) -> list[Out]:
    """Return what is known of each of a statement's `count` columns.

    Args:
        tree: What `parsed` returned.
        facts: What the catalog says of the names in the tree.
        count: How many columns the server says there are.
        params: Whether `$1`, `$2` … can be NULL, where it is known.
    """
    try:
        output = Analysis(facts).output(tree, Level(facts, dict(params or {})))
    except RecursionError:
        output = _UNKNOWN
    if output.columns is None or len(output.columns) != count:
        return [Out("", None)] * count
    return list(output.columns)


class Analysis:
    """The analysis of one statement, and of the views it reads."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._views: list[RelationFacts] = []

    def evaluator(self, level: Level) -> Evaluator:
        """Return what evaluates expressions at a level."""
        return Evaluator(level, self.output)

    def view(self, facts: RelationFacts) -> tuple[Out, ...] | None:
        """Return the columns of a view's own query."""
        tree = parsed(facts.definition or "")
        if tree is None or facts in self._views or len(self._views) > _DEPTH:
            return None
        self._views.append(facts)
        try:
            return self.output(tree, Level(self._facts, {})).columns
        finally:
            self._views.pop()

    def output(self, node: Any, level: Level) -> Output:
        """Return the result of a query, or of a change with RETURNING, at a new level."""
        match kind(node):
            case "SelectStmt":
                return self._query(node, level)
            case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "MergeStmt":
                if node.withClause:
                    self._read_with(node.withClause, level)
                return Changes(self, level).output(node)
            case _:
                return _UNKNOWN

    def _read_with(self, clause: Any, level: Level) -> None:
        if clause.recursive:
            # One may be used before it is read; a table of the same name is not meant then.
            level.ctes.update((cte.ctename, _UNKNOWN) for cte in clause.ctes)
        for cte in clause.ctes:
            names = strings(cte.aliascolnames)
            if clause.recursive and _recursive(cte):
                output = self._recursive(cte, names, level)
            else:
                output = _renamed(self.output(cte.ctequery, level.inner()), names)
            if (cte.search_clause or cte.cycle_clause) and output.columns is not None:
                output = _UNKNOWN
            level.ctes[cte.ctename] = output

    def _recursive(self, cte: Any, names: tuple[str, ...], level: Level) -> Output:
        """Assume what the first term gives, and weaken it until the second agrees."""
        query = cte.ctequery
        start = level.inner()
        if query.withClause:
            self._read_with(query.withClause, start)
        known = _renamed(self._query(query.larg, start.inner()), names)
        while known.columns is not None:
            level.ctes[cte.ctename] = known
            again = self._query(query.rarg, start.inner())
            weaker = _combined(known, again, any_of)
            if weaker.columns == known.columns:
                break
            known = weaker
        return known

    def _query(self, node: Any, level: Level) -> Output:
        if node.withClause:
            self._read_with(node.withClause, level)
        if node.op.name != "SETOP_NONE":
            return self._set_operation(node, level)
        if node.valuesLists:
            return self._values(node, level)
        sources = Sources(self, level)
        for item in node.fromClause or ():
            sources.add(item)
        if node.whereClause is not None:
            joined(*level.trees).require(if_true(level, node.whereClause))
        self._read_grouping(node, level)
        for window in node.windowClause or ():
            level.windows[window.name] = window.frameOptions
        return Output(self.targets(node.targetList, level), self._one_row(node))

    def _set_operation(self, node: Any, level: Level) -> Output:
        left = self._query(node.larg, level.inner())
        right = self._query(node.rarg, level.inner())
        match node.op.name:
            case "SETOP_UNION":
                return _combined(left, right, any_of)
            case "SETOP_INTERSECT":
                return _combined(left, right, all_of)
            case _:
                return Output(left.columns)

    def _values(self, node: Any, level: Level) -> Output:
        evaluate = self.evaluator(level)
        rows = [[evaluate(item) for item in row] for row in node.valuesLists]
        columns = [
            Out(f"column{n}", any_of(null for null, _ in column), all(plain for _, plain in column))
            for n, column in enumerate(zip(*rows, strict=True), 1)
        ]
        return Output(tuple(columns), certain=not (node.limitCount or node.limitOffset))

    def _read_grouping(self, node: Any, level: Level) -> None:
        sets = [item for item in node.groupClause or () if kind(item) == "GroupingSet"]
        level.grouped = bool(node.groupClause) and not sets
        if not sets:
            return
        level.grouping = grouping_number()
        items = list(sets)
        while items:
            item = items.pop()
            if kind(item) in ("GroupingSet", "RowExpr"):
                items += item.content or () if kind(item) == "GroupingSet" else item.args
                continue
            col = level.find(strings(item.fields)) if kind(item) == "ColumnRef" else None
            if col is None:
                level.opaque = True
            else:
                col.outer.add(level.grouping)

    def targets(self, items: Any, level: Level) -> tuple[Out, ...] | None:
        """Return the columns of a select list or RETURNING."""
        evaluate = self.evaluator(level)
        found: list[Out] = []
        for item in items or ():
            value = item.val
            if kind(value) == "ColumnRef" and kind(value.fields[-1]) == "A_Star":
                cols = _star(level, strings(value.fields)[:-1])
                if cols is None:
                    return None
                found += [_shown(level, col.name, col) for col in cols]
            elif kind(value) == "A_Indirection" and kind(value.indirection[-1]) == "A_Star":
                return None
            else:
                title = item.name or title_of(value)
                direct = level.find(strings(value.fields)) if kind(value) == "ColumnRef" else None
                found.append(
                    _shown(level, title, direct) if direct else Out(title, *evaluate(value))
                )
        return tuple(found)

    def _one_row(self, node: Any) -> bool:
        """Return whether the query gives at least one row, whatever the data."""
        if node.limitCount or node.limitOffset or node.groupClause or node.havingClause:
            return False
        calls = [call for item in node.targetList or () for call in _calls(item)]
        if any(may_return_set(call) for call in calls):
            return False
        if any(is_aggregate(call) for call in calls):
            return True
        return not node.fromClause and node.whereClause is None


def _shown(level: Level, name: str, col: Col) -> Out:
    if level.opaque:
        return Out(name, None)
    return Out(name, level.null_of(col), col.plain, level.within(col))


def _star(level: Level, names: tuple[str, ...]) -> list[Col] | None:
    if names:
        found: Level | None = level
        while found is not None:
            if rel := found.rel(names):
                return None if rel.open else rel.cols
            found = found.parent
        return None
    tree: Tree = joined(*level.trees)
    return None if tree.open else tree.star


def _calls(node: Any) -> list[Any]:
    """Return the function calls of an expression, but not of its subqueries."""
    found: list[Any] = []
    stack = [node]
    while stack:
        top = stack.pop()
        if kind(top) == "SubLink":
            continue
        if kind(top) == "FuncCall":
            found.append(top)
        stack.extend(children(top))
    return found


def _recursive(cte: Any) -> bool:
    query = cte.ctequery
    if kind(query) != "SelectStmt" or query.op.name != "SETOP_UNION":
        return False
    return _mentions(query.rarg, cte.ctename)


def _mentions(node: Any, name: str) -> bool:
    return any(
        kind(item) == "RangeVar" and item.relname == name and item.schemaname is None
        for item in walk(node)
    )


def _renamed(output: Output, names: tuple[str, ...]) -> Output:
    if output.columns is None:
        return output
    columns = tuple(
        Out(names[n] if n < len(names) else column.name, column.null, column.plain, column.within)
        for n, column in enumerate(output.columns)
    )
    return Output(columns, output.certain)


def _combined(left: Output, right: Output, rule: Any) -> Output:
    if left.columns is None or right.columns is None or len(left.columns) != len(right.columns):
        return Output(None)
    columns = tuple(
        Out(
            one.name,
            rule((one.null, two.null)),
            one.plain and two.plain,
            rule((one.within, two.within)),
        )
        for one, two in zip(left.columns, right.columns, strict=True)
    )
    return Output(columns, rule is any_of and (left.certain or right.certain))
