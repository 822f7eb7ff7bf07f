"""GROUP BY: which expressions some rows leave out, and whether a group has a row."""

from __future__ import annotations

from typing import Any, Final

from liteorm.postgres._describing.nulls.judging import atoms_of, settle_atom, unique
from liteorm.postgres._describing.nulls.levels import NONE, Exhausted, Level, Rel
from liteorm.postgres._describing.nulls.nodes import Node


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
    keys = {
        entry.number("ressortgroupref"): _group_key(level, entry["expr"])
        for entry in node.nodes("targetList")
        if entry.number("ressortgroupref")
    }
    for clause in clauses:
        reference = clause.number("tleSortGroupRef")
        if reference in keys and not all(reference in one for one in level.sets):
            level.rolled.setdefault(keys[reference], []).append(reference)
    if node["havingQual"] is not None:
        level.having.append(node["havingQual"])
        for atom in unique(atoms_of(level, node["havingQual"])):
            settle_atom(level, atom)


def _group_key(level: Level, node: Any) -> str:
    """Return the key of a grouped expression; PostgreSQL 18 has a column that stands for it."""
    if isinstance(node, Node):
        return node.key
    return ""


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
