"""FROM: tables, views, subqueries, functions and joins as trees of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liteorm.postgres._describing.nulls import builtins as known
from liteorm.postgres._describing.nulls.facts import ColumnFacts, Null, RelationFacts
from liteorm.postgres._describing.nulls.grammar import kind, name_of, parsed, strings
from liteorm.postgres._describing.nulls.implied import if_true
from liteorm.postgres._describing.nulls.scope import Col, Level, Output, Rel, Tree, joined

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import Analysis


class Sources:
    """Builds the trees of one query level."""

    def __init__(self, analysis: Analysis, level: Level) -> None:
        self._analysis = analysis
        self._level = level

    def add(self, node: Any) -> Tree:
        """Read one item of FROM, and put it in sight of the items after it."""
        tree = self._tree(node, [])
        self._level.trees.append(tree)
        return tree

    def _tree(self, node: Any, left: list[Tree]) -> Tree:
        match kind(node):
            case "RangeVar":
                rel = self.relation(node)
            case "RangeSubselect":
                around = self._around(left if node.lateral else None)
                rel = _rel_of(self._analysis.output(node.subquery, around.inner()))
            case "RangeFunction":
                rel = self._function(node)
            case "JoinExpr":
                return self._join(node, left)
            case "RangeTableSample":
                return self._tree(node.relation, left)
            case _:
                rel = Rel(None, [], open=True)
        _rename(rel, node.alias)
        return Tree([rel], list(rel.cols), open=rel.open)

    def _around(self, left: list[Tree] | None) -> Level:
        """Return what a subquery in FROM sees: with LATERAL also the items on its left."""
        level = self._level
        around = Level(level.facts, level.params, level.parent, ctes=level.ctes)
        if left is not None:
            around.trees = [*level.trees, *left]
        return around

    def relation(self, node: Any) -> Rel:
        """Return the table, view or WITH query of a name."""
        if node.schemaname is None and (output := self._level.cte(node.relname)):
            rel = _rel_of(output)
            rel.name = node.relname
            return rel
        facts = self._level.facts.relation(node.schemaname, node.relname)
        if facts is None:
            return Rel(node.relname, [], open=True, schema=node.schemaname)
        cols = [Col(column.name, column.null, column.plain) for column in facts.columns]
        rel = Rel(facts.name, cols, schema=facts.schema)
        memo = self._level.facts.memo
        key = (facts.schema, facts.name)
        if key in memo:
            for col, (null, plain, within) in zip(cols, memo[key], strict=True):
                col.null, col.plain, col.within = null, plain, within
            return rel
        if facts.definition is not None:
            self._read_view(rel, facts)
        else:
            self._read_table(rel, facts)
        memo[key] = tuple((col.null, col.plain, col.within) for col in cols)
        return rel

    def _read_view(self, rel: Rel, facts: RelationFacts) -> None:
        columns = self._analysis.view(facts)
        for position, col in enumerate(rel.cols):
            col.become(None)
            if columns is not None and len(columns) == len(rel.cols):
                # What a materialised view holds may be older than a constraint.
                stale = facts.kind == "m" and columns[position].null is False
                if not stale:
                    col.null, col.within = columns[position].null, columns[position].within
                col.plain = col.plain and columns[position].plain

    def _read_table(self, rel: Rel, facts: RelationFacts) -> None:
        for check in facts.checks:
            tree = parsed(f"SELECT 1 WHERE {check}")
            for name in _checked(tree.whereClause) if tree is not None else ():
                for col in rel.cols:
                    if col.name == name:
                        col.become(False)
        for col, column in zip(rel.cols, facts.columns, strict=True):
            if column.generated and col.null:
                col.become(self._generated(rel, column))

    def _generated(self, rel: Rel, column: ColumnFacts) -> Null:
        tree = parsed(f"SELECT {column.generated}")
        if tree is None:
            return True
        level = Level(self._level.facts, {}, trees=[Tree([rel], list(rel.cols))])
        return self._analysis.evaluator(level).null(tree.targetList[0].val)

    def _function(self, node: Any) -> Rel:
        calls: list[Any] = [item[0] for item in node.functions or ()]
        if node.is_rowsfrom or len(calls) != 1 or kind(calls[0]) != "FuncCall":
            return Rel(None, [], open=True)
        schema, name = name_of(calls[0].funcname)
        if node.coldeflist:
            cols = [Col(item.colname, None) for item in node.coldeflist]
            return Rel(name, cols)
        columns = known.ROW_SOURCES.get(name)
        foreign = schema not in (None, "pg_catalog") or name in self._level.facts.foreign_functions
        arguments = len(calls[0].args or ())
        if columns is None or foreign or (name == "unnest" and arguments != 1):
            return Rel(name, [], open=True)
        alias = node.alias.aliasname if node.alias else name
        cols = [Col(label or alias, null, False) for label, null in columns]
        if name == "unnest":
            return Rel(name, cols, open=True)
        if node.ordinality:
            cols.append(Col("ordinality", False, True))
        return Rel(name, cols)

    def _join(self, node: Any, left: list[Tree]) -> Tree:
        one = self._tree(node.larg, left)
        two = self._tree(node.rarg, [*left, one])
        how = node.jointype.name
        both = joined(one, two)
        using = _natural(one, two) if node.isNatural else list(strings(node.usingClause))
        if using is None:
            both.open, both.star = True, []
            using = []
        merged = self._merged(using, one, two, how) if using else []
        if node.quals is not None and how != "JOIN_FULL":
            scope = self._around([one, two])
            required = if_true(scope, node.quals)
            {"JOIN_LEFT": two, "JOIN_RIGHT": one}.get(how, both).require(required)
        if how in ("JOIN_LEFT", "JOIN_FULL"):
            two.extend_with_nulls()
        if how in ("JOIN_RIGHT", "JOIN_FULL"):
            one.extend_with_nulls()
        if using:
            rest = [col for col in both.star if col.name not in using]
            both.hidden += [col for col in both.star if col.name in using]
            both.star = merged + rest
        return _aliased_join(both, node, merged)

    def _merged(self, using: list[str], one: Tree, two: Tree, how: str) -> list[Col]:
        merged: list[Col] = []
        equal = "=" in self._level.facts.strict_operators
        for name in using:
            pair = [_col(tree, name) for tree in (one, two)]
            left, right = pair
            if left is None or right is None:
                merged.append(Col(name, None))
            elif how == "JOIN_FULL":
                nulls = {left.null, right.null} if not left.outer | right.outer else {True}
                null = True if True in nulls else None if None in nulls else False
                merged.append(Col(name, null, left.plain and right.plain))
            else:
                if equal:
                    keeping = {"JOIN_LEFT": two, "JOIN_RIGHT": one}.get(how)
                    for tree, col in ((one, left), (two, right)):
                        if keeping in (None, tree):
                            tree.require([col])
                merged.append(right if how == "JOIN_RIGHT" else left)
        return merged


def _col(tree: Tree, name: str) -> Col | None:
    found = [col for col in tree.star if col.name == name]
    return found[0] if len(found) == 1 and not tree.open else None


def _natural(one: Tree, two: Tree) -> list[str] | None:
    if one.open or two.open:
        return None
    names = {col.name for col in two.star}
    return [col.name for col in one.star if col.name in names]


def _aliased_join(both: Tree, node: Any, merged: list[Col]) -> Tree:
    if node.alias is not None:
        rel = Rel(node.alias.aliasname, list(both.star), both.open)
        hidden = both.every_col()
        _rename(rel, node.alias)
        return Tree([rel], list(rel.cols), hidden, rel.open)
    if node.join_using_alias is not None:
        both.rels.append(Rel(node.join_using_alias.aliasname, merged))
    return both


def _rel_of(output: Output) -> Rel:
    if output.columns is None:
        return Rel(None, [], open=True)
    return Rel(
        None, [Col(out.name, out.null, out.plain, within=out.within) for out in output.columns]
    )


def _rename(rel: Rel, alias: Any) -> None:
    if alias is None:
        return
    rel.name, rel.schema = alias.aliasname, None
    names = strings(alias.colnames)
    if names and rel.open:
        # Columns not known here come under these names; nothing more is known of them.
        rel.cols = [Col(name, None) for name in names]
        return
    for name, col in zip(names, rel.cols, strict=False):
        col.name = name


def _checked(node: Any) -> list[str]:
    """Return the columns that a CHECK says are not NULL."""
    if kind(node) == "BoolExpr" and node.boolop.name == "AND_EXPR":
        return [name for arg in node.args for name in _checked(arg)]
    found = kind(node) == "NullTest" and node.nulltesttype.name == "IS_NOT_NULL"
    if found and kind(node.arg) == "ColumnRef":
        return [strings(node.arg.fields)[-1]]
    return []
