"""What INSERT, UPDATE, DELETE and MERGE return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liteorm.postgres._describing.nulls.facts import Null, RelationFacts
from liteorm.postgres._describing.nulls.grammar import kind
from liteorm.postgres._describing.nulls.implied import if_true
from liteorm.postgres._describing.nulls.scope import Col, Level, Output, Rel, Tree
from liteorm.postgres._describing.nulls.sources import Sources

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import Analysis


class Changes:
    """Reads one statement that changes rows, at its level."""

    def __init__(self, analysis: Analysis, level: Level) -> None:
        self._analysis = analysis
        self._level = level
        self._sources = Sources(analysis, level)

    def output(self, node: Any) -> Output:
        """Return the columns of RETURNING."""
        if node.returningClause is None:
            return Output(())
        target = self._target(node.relation)
        facts = self._level.facts.relation(node.relation.schemaname, node.relation.relname)
        self._level.trees.append(Tree([target], list(target.cols), open=target.open))
        match kind(node):
            case "InsertStmt":
                self._read_insert(node, target, facts)
            case "UpdateStmt":
                self._read_from(node.fromClause)
                self._read_update(node, target, facts)
            case "DeleteStmt":
                self._read_from(node.usingClause)
                self._require(node.whereClause, every=True)
            case _:
                self._read_merge(node)
        self._add_old_and_new(node, target)
        return Output(self._analysis.targets(node.returningClause.exprs, self._level))

    def _target(self, node: Any) -> Rel:
        ctes, self._level.ctes = self._level.ctes, {}
        facts = self._level.facts.relation(node.schemaname, node.relname)
        rel = self._sources.relation(node)
        self._level.ctes = ctes
        # Rules and INSTEAD OF triggers return what they like.
        if facts is None or facts.kind in ("v", "m", "f") or facts.rules:
            for col in rel.cols:
                col.become(None)
        if node.alias is not None:
            rel.name, rel.schema = node.alias.aliasname, None
        return rel

    def _read_from(self, items: Any) -> None:
        for item in items or ():
            self._sources.add(item)

    def _require(self, condition: Any, *, every: bool) -> None:
        if condition is None:
            return
        required = if_true(self._level, condition)
        for tree in self._level.trees if every else self._level.trees[1:]:
            tree.require(required)

    def _read_insert(self, node: Any, target: Rel, facts: RelationFacts | None) -> None:
        rows = self._inserted(node, target)
        conflict = node.onConflictClause
        updates = conflict is not None and conflict.action.name == "ONCONFLICT_UPDATE"
        sent = [item.name for item in node.cols] if node.cols else [c.name for c in target.cols]
        for position, name in enumerate(sent):
            null = rows[position] if rows is not None and position < len(rows) else None
            self._stored(target, name, null, facts, certain=not updates)
        self._soften_defaults(target, facts, sent)

    def _inserted(self, node: Any, target: Rel) -> list[Null] | None:
        if node.selectStmt is None:
            return []
        rows = node.selectStmt.valuesLists
        if rows and any(kind(item) == "SetToDefault" for row in rows for item in row):
            return None
        level = self._level.inner()
        level.trees, level.parent = [], _without_trees(self._level)
        output = self._analysis.output(node.selectStmt, level)
        return None if output.columns is None else [column.null for column in output.columns]

    def _soften_defaults(self, target: Rel, facts: RelationFacts | None, sent: list[str]) -> None:
        columns = facts.columns if facts is not None else ()
        for col, column in zip(target.cols, columns, strict=False):
            if col.null and (column.default or (facts and facts.triggers)) and col.name not in sent:
                col.become(None)

    def _read_update(self, node: Any, target: Rel, facts: RelationFacts | None) -> None:
        required: set[Col] = set()
        if node.whereClause is not None:
            required = if_true(self._level, node.whereClause)
        self._require(node.whereClause, every=False)
        evaluate = self._analysis.evaluator(self._level)
        values = {
            item.name: None if _partial(item) else evaluate.null(item.val)
            for item in node.targetList
        }
        # WHERE speaks of the row before the change; what it says of a column that is not set
        # holds after it as well, if no trigger interferes.
        generated = {column.name for column in (facts.columns if facts else ()) if column.generated}
        for col in target.cols:
            if col.name in values or col.name in generated:
                continue
            if col in required and col.null:
                self._stored(target, col.name, False, facts, certain=True)
            elif col.null and facts is not None and facts.triggers:
                col.become(None)
        for name, null in values.items():
            self._stored(target, name, null, facts, certain=True)

    def _stored(
        self, target: Rel, name: str, null: Null, facts: RelationFacts | None, *, certain: bool
    ) -> None:
        """Note what a column is set to: a stored NULL is only certain without triggers."""
        for col in target.cols:
            if col.name == name and col.null is True:
                uncertain = not certain or facts is None or facts.triggers
                col.become(None if uncertain and null is not True else null)

    def _read_merge(self, node: Any) -> None:
        tree = self._sources.add(node.sourceRelation)
        kinds = {clause.matchKind.name for clause in node.mergeWhenClauses}
        if "MERGE_WHEN_NOT_MATCHED_BY_SOURCE" in kinds:
            tree.extend_with_nulls()
        for col in self._level.trees[0].every_col():
            col.become(None if col.null else col.null)
        self._level.trees.reverse()  # * gives the source's columns first

    def _add_old_and_new(self, node: Any, target: Rel) -> None:
        names = {"old": "old", "new": "new"}
        for option in node.returningClause.options or ():
            names["old" if option.option.name.endswith("OLD") else "new"] = option.value
        missing = {"InsertStmt": ("old",), "DeleteStmt": ("new",), "MergeStmt": ("old", "new")}
        facts = self._level.facts.relation(node.relation.schemaname, node.relation.relname)
        for which, name in names.items():
            if self._level.rel((name,)) is not None:
                continue
            same = (which == "new") != (kind(node) == "DeleteStmt")
            cols = [
                Col(col.name, col.null if same else self._before(facts, col), col.plain)
                for col in target.cols
            ]
            tree = Tree([Rel(name, cols, target.open)], [])
            if which in missing.get(kind(node), ()):
                tree.extend_with_nulls()
            self._level.trees.append(tree)

    def _before(self, facts: RelationFacts | None, col: Col) -> Null:
        for column in facts.columns if facts is not None else ():
            if column.name == col.name and facts is not None and facts.kind in ("r", "p"):
                return column.null
        return None


def _partial(item: Any) -> bool:
    """Return whether SET names an element or attribute, or several columns at once."""
    return bool(item.indirection) or kind(item.val) in ("MultiAssignRef", "SetToDefault")


def _without_trees(level: Level) -> Level:
    return Level(level.facts, level.params, level.parent, ctes=level.ctes)
