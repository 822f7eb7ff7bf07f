"""What INSERT, UPDATE, DELETE and MERGE return."""

from __future__ import annotations

from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls.catalog import Relation, StoredColumn
from liteorm.postgres._describing.nulls.judging import known, settle
from liteorm.postgres._describing.nulls.levels import NONE, Col, Condition, Level, Out, Rel, Result
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.sources import Sources
from liteorm.postgres._describing.nulls.types import type_of
from liteorm.postgres._describing.nulls.unions import united
from liteorm.postgres._describing.nulls.values import ALWAYS, NEVER, UNKNOWN

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import Analysis

_UPDATE, _INSERT, _DELETE, _MERGE = 2, 3, 4, 5
_OLD, _NEW = 1, 2

_CHANGED_BY_OTHERS: Final = "a trigger, a rule or another server may change what is stored"

_NO_SOURCE: Final = "a row that no row of the source matches may keep what a subquery computes"

Values = dict[int, Out]
"""What is known of the values that columns are set to, by their numbers."""


class Changes:
    """Reads one statement that changes rows, into its level."""

    def __init__(self, analysis: Analysis, level: Level) -> None:
        self._analysis = analysis
        self._level = level

    def result(self, node: Node) -> Result:
        """Return the columns of RETURNING."""
        returning = node.nodes("returningList")
        if not returning:
            return Result(())
        number = node.number("resultRelation")
        entry = node.nodes("rtable")[number - 1]
        relation = self._analysis.catalog.relations.get(entry.number("relid"))
        sources = Sources(self._analysis, self._level, node)
        if number not in self._level.rels and node.number("commandType") in (_DELETE, _MERGE):
            self._level.rels[number] = Rel()
        sources.read(node["jointree"])
        if relation is None or relation.rules or relation.kind not in ("r", "p"):
            count = sum(not item.flag("resjunk") for item in returning)
            return Result((Out(UNKNOWN, why=_CHANGED_BY_OTHERS),) * count)
        change = _Change(self._analysis, self._level, number, relation, sources, returning)
        match node.number("commandType"):
            case 3:
                cases = change.inserted(node)
            case 2:
                cases = change.updated(node)
            case 4:
                cases = change.deleted()
            case _:
                cases = change.merged(node)
        if not cases:
            return Result(())
        found = reduce(partial(united, self._analysis), [Result(case) for case in cases])
        shown = [entry for entry in returning if not entry.flag("resjunk")]
        names = tuple(str(entry["resname"] or "") for entry in shown)
        return evolve(found, names=names, types=tuple(type_of(entry["expr"]) for entry in shown))


class _Change:
    """One change of a table: the ways in which a row comes to be returned."""

    def __init__(
        self,
        analysis: Analysis,
        level: Level,
        number: int,
        relation: Relation,
        sources: Sources,
        returning: list[Any],
    ) -> None:
        self._analysis = analysis
        self._level = level
        self._number = number
        self._relation = relation
        self._sources = sources
        self._returning = returning

    def inserted(self, node: Node) -> list[tuple[Out, ...]]:
        """Return what each way of an INSERT returns: a new row, or one that was there."""
        self._settle(self._level)
        values = self._values(self._level, node.nodes("targetList"))
        new = self._stored(values, None)
        cases = [self._returned(self._beside({}), new, old=None)]
        conflict = node["onConflict"]
        if conflict is not None and conflict.number("action") == 2:
            cases.append(self._conflicting(conflict, values))
        return cases

    def _conflicting(self, conflict: Node, values: Values) -> tuple[Out, ...]:
        excluded = self._stored(values, None)
        level = self._beside({conflict.number("exclRelIndex"): excluded})
        old = self._there(level)
        for element in conflict.nodes("arbiterElems"):
            key = element["expr"]
            number = key.number("varattno") if isinstance(key, Node) and key.kind == "VAR" else 0
            if number > 0 and excluded.col(number).null == NEVER:
                # It equals what was to be inserted.
                old.col(number).null = NEVER
        self._add_condition(level, conflict["onConflictWhere"])
        self._settle(level)
        sets = self._values(level, conflict.nodes("onConflictSet"))
        new = self._stored(sets, self._before(level, old))
        return self._returned(level, new, old)

    def updated(self, node: Node) -> list[tuple[Out, ...]]:
        """Return what an UPDATE returns."""
        level = self._level
        self._settle(level)
        self._sources.again()
        self._settle(level)
        old = level.rels[self._number]
        sets = self._values(level, node.nodes("targetList"))
        new = self._stored(sets, self._before(level, old))
        return [self._returned(level, new, old)]

    def deleted(self) -> list[tuple[Out, ...]]:
        """Return what a DELETE returns."""
        level = self._level
        self._settle(level)
        self._sources.again()
        self._settle(level)
        return [self._gone(level)]

    def _gone(self, level: Level) -> tuple[Out, ...]:
        level.changed = self._number
        old = level.rels[self._number]
        level.versions = {_OLD: old, _NEW: self._absent(level)}
        return self._analysis.targets(level, self._returning)

    def merged(self, node: Node) -> list[tuple[Out, ...]]:
        """Return what each action of a MERGE returns."""
        return [
            self._acted(node, action)
            for action in node.nodes("mergeActionList")
            if action.number("commandType") in (_UPDATE, _INSERT, _DELETE)
        ]

    def _acted(self, node: Node, action: Node) -> tuple[Out, ...]:
        how = action.number("matchKind")
        level = self._beside(self._level.rels)
        level.conditions = list(self._level.conditions)
        if how == 1:
            # No row of the source is there: all of it is NULL.
            missing = self._analysis.number()
            for number, rel in self._level.rels.items():
                if number == self._number or rel.aliases is not None:
                    continue
                if self._is_table(node.nodes("rtable")[number - 1]):
                    level.rels[number] = Rel(rel.cols, rel.joins | {missing})
                else:
                    # Of what a subquery computes, constants stay in such rows (PostgreSQL 17, 18).
                    cols = {n: Col(UNKNOWN, why=_NO_SOURCE) for n in rel.cols}
                    level.rels[number] = Rel(cols, why=_NO_SOURCE)
            level.settle(missing, True)
            level.conditions = []
        if how != 2:
            self._there(level)
        if how == 0:
            self._add_condition(level, node["mergeJoinCondition"])
        self._add_condition(level, action["qual"])
        self._settle(level)
        values = self._values(level, action.nodes("targetList"))
        match action.number("commandType"):
            case 4:
                return self._gone(level)
            case 3:
                return self._returned(level, self._stored(values, None), old=None)
            case _:
                old = level.rels[self._number]
                new = self._stored(values, self._before(level, old))
                return self._returned(level, new, old)

    def _is_table(self, entry: Node) -> bool:
        relation = self._analysis.catalog.relations.get(entry.number("relid"))
        return entry["subquery"] is None and relation is not None and relation.definition is None

    def _beside(self, rels: dict[int, Rel]) -> Level:
        """Return a level beside the statement's own."""
        level = Level(self._analysis, self._level.parent, rels=dict(rels), ctes=self._level.ctes)
        level.fixed = level.env = dict(self._level.fixed)
        level.exclusive = list(self._level.exclusive)
        return level

    def _there(self, level: Level) -> Rel:
        """Put the row that was there before into a level."""
        rel = self._sources.relation(self._relation, NONE)
        level.rels[self._number] = rel
        level.conditions += [Condition(check, NONE, rel) for check in self._relation.checks]
        return rel

    def _add_condition(self, level: Level, node: Any) -> None:
        if isinstance(node, Node):
            level.conditions.append(Condition(node))

    def _settle(self, level: Level) -> None:
        settle(level)

    def _values(self, level: Level, entries: list[Any]) -> Values:
        values: Values = {}
        for entry in entries:
            if entry.flag("resjunk"):
                continue
            expression = entry["expr"]
            number = entry.number("resno")
            if isinstance(expression, Node) and expression.kind == "SETTODEFAULT":
                column = self._relation.columns.get(number)
                values[number] = Out(UNKNOWN if column is None else self._default(column))
            else:
                values[number] = known(level, expression)
        return values

    def _before(self, level: Level, old: Rel) -> Values:
        """Return what is known of the columns that are not set."""
        return {
            number: Out(level.col_state(old, old.col(number)).null)
            for number in self._relation.columns
        }

    def _default(self, column: StoredColumn) -> int:
        if column.default is not None:
            return known(Level(self._analysis), column.default).state
        return UNKNOWN if column.filled else ALWAYS

    def _stored(self, values: Values, before: Values | None) -> Rel:
        """Return the row that is stored."""
        relation = self._relation
        rel = Rel(system=NEVER)
        rel.names = {n: column.name for n, column in relation.columns.items() if n > 0}
        rel.types = {n: column.type for n, column in relation.columns.items() if n > 0}
        for number, column in relation.columns.items():
            if number in values:
                state = values[number].state
            elif before is not None:
                state = before[number].state
            else:
                state = self._default(column)
            if column.null == NEVER:
                state = NEVER
            elif relation.triggers or relation.foreign:
                state = UNKNOWN
            elif column.null == UNKNOWN:
                # A domain that refuses NULL, but for what slips through.
                state = min(state, UNKNOWN)
            rel.cols[number] = Col(state, why=_CHANGED_BY_OTHERS if relation.triggers else "")
        for number, column in relation.columns.items():
            if column.generated is not None and column.null != NEVER:
                alone = not relation.varied
                rel.cols[number].null = (
                    self._sources.generated(rel, column, relation) if alone else UNKNOWN
                )
        return rel

    def _absent(self, level: Level) -> Rel:
        """Return the row before an INSERT, or after a DELETE."""
        join = self._analysis.number()
        level.settle(join, True)
        rel = Rel(joins={join})
        rel.cols = {number: Col(NEVER) for number in self._relation.columns}
        return rel

    def _returned(self, level: Level, new: Rel, old: Rel | None) -> tuple[Out, ...]:
        """Return the columns of RETURNING, for a row that was stored."""
        level.rels[self._number] = new
        # What was asked for is known of the row before the change.
        level.conditions = [Condition(check, NONE, new) for check in self._relation.checks]
        self._settle(level)
        level.changed = self._number
        level.versions = {_OLD: old if old is not None else self._absent(level), _NEW: new}
        return self._analysis.targets(level, self._returning)
