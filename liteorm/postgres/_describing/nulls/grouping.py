"""GROUP BY: which expressions some rows leave out, and whether a group has a row."""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.judging import atoms_of, is_group, settle_atom, unique
from liteorm.postgres._describing.nulls.levels import NONE, Exhausted, Level, Rel
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.values import NEVER


def read_groups(level: Level, node: Node) -> None:
    """Note what a query groups by; from there on its expressions are over groups."""
    clauses = node.nodes("groupClause")
    sets = node.nodes("groupingSets")
    if not (clauses or sets or node.flag("hasAggs") or node["havingQual"] is not None):
        return
    level.grouped = True
    for number, entry in enumerate(node.nodes("rtable"), 1):
        if "groupexprs" in entry.fields:
            level.rels[number] = Rel(aliases=entry.nodes("groupexprs"))
    level.sets = _sets_of(sets) if sets else [_all_of(clauses)] if clauses else [NONE]
    level.filled = all(level.sets)
    grouped = {entry.number("ressortgroupref"): entry["expr"] for entry in node.nodes("targetList")}
    for clause in clauses:
        reference = clause.number("tleSortGroupRef")
        expression = grouped.get(reference)
        if expression is None:
            continue
        if all(reference in one for one in level.sets):
            level.kept.add(expression.key)
            continue
        level.rolled.setdefault(expression.key, []).append(reference)
        if not _is_column(level, expression):
            level.loose.add(expression.key)
    level.kept -= level.rolled.keys()
    if node["havingQual"] is not None:
        level.having.append(node["havingQual"])
        atoms = unique(atoms_of(level, node["havingQual"]))
        keys = [grouped.get(clause.number("tleSortGroupRef")) for clause in clauses]
        plain = all(_is_column(level, key) for key in keys) and _are_apart(level, keys)
        if not plain and any(is_group(atom) for atom in atoms):
            # The planner makes a column of `CASE WHEN true THEN id END`, or one of two that a
            # subquery or USING has from it, and then takes the one for the other: HAVING may see
            # the column where its grouping set leaves it out.
            level.confused = True
            level.blurred |= {("group", key) for key in level.rolled}
        for atom in atoms:
            settle_atom(level, atom)


def _is_column(level: Level, node: Any) -> bool:
    """Return whether what is grouped by is a column; in PostgreSQL 18 one stands for each."""
    if not isinstance(node, Node) or node.kind != "VAR":
        return False
    rel = level.rels.get(node.number("varno"))
    if rel is None or rel.aliases is None:
        return True
    number = node.number("varattno")
    return number <= len(rel.aliases) and _is_column(level, rel.aliases[number - 1])


def _are_apart(level: Level, keys: list[Any]) -> bool:
    """Return whether no two keys are the same column, as far as that is seen."""
    sources = [_source(level, key) for key in keys]
    return len(keys) == 1 or (None not in sources and len(set(sources)) == len(sources))


def _source(level: Level, node: Any) -> tuple[int, int] | None:
    """Return the column of a table that a key is; None of what is a column of something else."""
    if not isinstance(node, Node) or node.kind != "VAR":
        return None
    rel = level.rels.get(node.number("varno"))
    number = node.number("varattno")
    if rel is not None and rel.aliases is not None:
        found = number <= len(rel.aliases)
        return _source(level, rel.aliases[number - 1]) if found and number > 0 else None
    if rel is None or rel.system != NEVER:
        return None
    return node.number("varno"), number


def _all_of(clauses: list[Node]) -> frozenset[int]:
    return frozenset(clause.number("tleSortGroupRef") for clause in clauses)


_MOST_SETS: Final = 512


def _sets_of(sets: list[Node]) -> list[frozenset[int]]:
    """Return the grouping sets that ROLLUP, CUBE and their like stand for."""
    found: list[frozenset[int]] = [NONE]
    for item in sets:
        found = [one | two for one in found for two in _sets_in(item)]
        if len(found) > _MOST_SETS:
            raise Exhausted
    return found


def _sets_in(item: Node) -> list[frozenset[int]]:
    kind = item.number("kind")
    if kind == 0:
        return [NONE]
    if kind == 1:
        return [frozenset(item.numbers("content"))]
    parts = [_sets_in(inner) for inner in item.nodes("content")]
    match kind:
        case 2:
            singles = [part[0] for part in parts]
            return [NONE.union(*singles[:n]) for n in range(len(singles), -1, -1)]
        case 3:
            found = [NONE]
            for part in parts:
                found += [one | part[0] for one in found]
            if len(found) > _MOST_SETS:
                raise Exhausted
            return found
        case _:
            return [one for part in parts for one in part]
