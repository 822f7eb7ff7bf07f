"""What holds for all rows of a level, and what is known of an expression in them."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import Any, Final, cast

from liteorm.postgres._describing.nulls.calls import none_atom
from liteorm.postgres._describing.nulls.comparing import is_nothing
from liteorm.postgres._describing.nulls.expressions import value_of
from liteorm.postgres._describing.nulls.levels import (
    EMPTY,
    NOT_FOLLOWED,
    Col,
    Condition,
    Level,
    Out,
    Rel,
)
from liteorm.postgres._describing.nulls.nodes import Node, items_of
from liteorm.postgres._describing.nulls.proven import asked_in, said_of
from liteorm.postgres._describing.nulls.told import told_by
from liteorm.postgres._describing.nulls.values import ALWAYS, NEVER, SOME, UNKNOWN, Value

_MOST_ATOMS: Final = 6
_MOST_JOINS: Final = 8


def feasible(level: Level, atoms: Mapping[Any, bool]) -> tuple[bool, bool]:
    """Return whether rows may be so, and whether a condition that says of it is not clear."""
    blurred = False
    with level.assuming(atoms), level.over(groups=False):
        env = level.env
        if any(env.get(one) and env.get(two) for one, two in level.exclusive):
            return False, False
        # A group without a row says nothing of rows.
        empty = not level.filled and env.get(EMPTY) is not False
        for condition in () if empty else level.conditions:
            if any(env.get(join) is not False for join in condition.needs):
                continue
            value = _condition(level, condition)
            if condition.table is not None:
                possible = value.true or value.null != NEVER
            else:
                possible = value.true
            if not possible:
                return False, False
            blurred = blurred or value.blurred
    with level.assuming(atoms):
        if level.rolled and not (_fitting_set(level) and _may_be_empty(level)):
            return False, False
        seen = level.env
        if level.confused:
            seen = {atom: holds for atom, holds in seen.items() if not is_group(atom)}
        for node in level.having:
            with level.seeing(seen):
                value = value_of(level, node)
            if not value.true:
                return False, False
            blurred = blurred or value.blurred
    return True, blurred


@contextmanager
def _remembering(level: Level) -> Generator[None]:
    """Remember what conditions give, as long as only assumptions change."""
    before = level.answers
    level.answers = {}
    try:
        yield
    finally:
        level.answers = before


def _condition(level: Level, condition: Condition) -> Value:
    if level.answers is None or level.told or level.branching:
        return _asked(level, condition)
    if condition not in level.answers:
        level.answers[condition] = _deciding(level, condition), {}
    deciding, answers = level.answers[condition]
    if deciding is None:
        return _asked(level, condition)
    key = tuple((level.env.get(atom), atom in level.blurred) for atom in deciding)
    if key not in answers:
        answers[key] = _asked(level, condition)
    return answers[key]


def _deciding(level: Level, condition: Condition) -> list[Any] | None:
    """Return all that may be assumed and decides about a condition; None if it has a subquery."""
    found: dict[Any, None] = {}
    rels = level.rels
    if condition.table is not None:
        rels = {1: condition.table}
        found.update(dict.fromkeys(condition.table.joins))
    nodes = list(condition.node.walk())
    while nodes:
        node = nodes.pop()
        if node.kind == "QUERY":
            return None
        if node.key in level.expressions:
            found[level.expressions[node.key]] = None
        rel = rels.get(node.number("varno")) if node.kind == "VAR" else None
        if rel is None or node.number("varlevelsup"):
            continue
        number = node.number("varattno")
        found.update(dict.fromkeys(rel.joins))
        if rel.aliases is not None:
            nodes += rel.aliases[number - 1].walk() if 0 < number <= len(rel.aliases) else ()
            continue
        for col in (rel.col(number), *(() if number else rel.cols.values())):
            found.update(dict.fromkeys((col, *col.joins)))
            for _, needs in level.consts.get(col, ()):
                found.update(dict.fromkeys(needs))
    return list(found)


def _asked(level: Level, condition: Condition) -> Value:
    if condition.table is None:
        return value_of(level, condition.node)
    if any(level.env.get(join) is not False for join in condition.table.joins):
        return Value()
    inner = Level(
        level.analysis,
        rels={1: Rel(condition.table.cols)},
        env=level.env,
        fixed=level.fixed,
        consts=level.consts,
        told=level.told,
    )
    return value_of(inner, condition.node)


def _fitting_set(level: Level) -> bool:
    """Return whether one of the grouping sets leaves out just what is assumed."""
    rolled = {
        reference: level.env.get(("group", key))
        for key, references in level.rolled.items()
        for reference in references
    }
    return any(
        all(out is None or out != (reference in one) for reference, out in rolled.items())
        for one in level.sets
    )


def _may_be_empty(level: Level) -> bool:
    """Return whether the group has a row, or else leaves everything out."""
    kept = any(level.env.get(("group", key)) is False for key in level.rolled)
    return not (kept and level.env.get(EMPTY))


def settle(level: Level) -> None:
    """Find out what holds for all rows of a level."""
    with _remembering(level):
        _settle(level)
    atoms = list(said_of(level))
    with _remembering(level):
        for atom in atoms:
            if not feasible(level, {atom: True})[0]:
                level.settle(atom, False)


def _settle(level: Level) -> None:
    level.consts = told_by(level, value_of)
    atoms: dict[Any, None] = {}
    for rel in level.rels.values():
        atoms.update(dict.fromkeys(rel.joins))
        for col in rel.cols.values():
            atoms.update(dict.fromkeys(col.joins))
    for condition in level.conditions:
        if condition.table is None:
            atoms.update(dict.fromkeys(unique(atoms_of(level, condition.node))))
        else:
            inner = Level(level.analysis, rels={1: condition.table}, env=level.env)
            atoms.update(dict.fromkeys(unique(atoms_of(inner, condition.node))))
    if not feasible(level, {})[0]:
        # No row at all: whatever would be concluded from that is of no use to anybody.
        return
    open_ = [atom for atom in atoms if atom not in level.fixed]
    for _ in range(3):
        before = len(level.fixed)
        for atom in open_:
            if atom not in level.fixed:
                settle_atom(level, atom)
        if len(level.fixed) == before:
            break
    _settle_order(level)


def _settle_order(level: Level) -> None:
    """Find out which joins find no partner where others find none."""
    joins = [join for rel in level.rels.values() for join in rel.joins if join not in level.fixed]
    joins = list(dict.fromkeys(joins))[:_MOST_JOINS]
    for one in joins:
        level.follows[one] = frozenset(
            other
            for other in joins
            if other != one and not feasible(level, {other: True, one: False})[0]
        )


def settle_atom(level: Level, atom: Any) -> None:
    """Find out whether an atom is ruled out, or certain, or not as free as it looks."""
    if isinstance(atom, Col) and atom.null not in (UNKNOWN, SOME):
        return
    needs = _needs(level, atom)
    possible, blurred = feasible(level, {**needs, atom: True})
    if not possible:
        level.settle(atom, False)
    elif blurred:
        level.blurred.add(atom)
    elif not feasible(level, {**needs, atom: False})[0]:
        level.settle(atom, True)


def _needs(level: Level, atom: Any) -> dict[Any, bool]:
    """A column of a table is NULL, for itself, only where the table's row is there."""
    if not isinstance(atom, Col):
        return {}
    for rel in level.rels.values():
        if any(col is atom for col in rel.cols.values()):
            return dict.fromkeys(rel.joins | atom.joins, False)
    return {}


def is_reached(level: Level) -> bool:
    """Return whether a row may be as it is assumed, and as the branch of a CASE tells."""
    level.branching = True
    try:
        return not _is_contradicted(level) and feasible(level, {})[0]
    finally:
        level.branching = False


def _is_contradicted(level: Level) -> bool:
    """Return whether a column that is not NULL is told to be what it cannot be."""
    for rel in level.rels.values():
        for col in rel.cols.values() if rel.aliases is None else ():
            if col in level.told:
                value = level.col_state(rel, col)
                if value.null == NEVER and is_nothing(value.const):
                    return True
    return False


def known(level: Level, node: Any) -> Out:
    """Return what is known of an expression in all rows of a level."""
    plain = value_of(level, node)
    direct = _column(level, node)
    if direct is not None and plain.null != NEVER:
        return direct
    if plain.null == NEVER or not isinstance(node, Node):
        return Out(plain.null, why=plain.why)
    atoms = unique(atoms_of(level, node))
    atoms = [atom for atom in atoms if level.env.get(atom) is None]
    joins = [atom for atom in atoms if isinstance(atom, int)]
    rest = [atom for atom in atoms if not isinstance(atom, int)]
    most = max(_MOST_ATOMS - 2 * level.depth, 2)
    split = (joins + rest)[:most]
    asked = asked_in(level, node, value_of)[: most - len(split)]
    if not split and not asked:
        return Out(UNKNOWN if plain.blurred and plain.null > UNKNOWN else plain.null, why=plain.why)
    return _combined(level, node, split + asked, whole=len(split) == len(atoms))


def _combined(level: Level, node: Node, split: list[Any], *, whole: bool) -> Out:
    """Look at an expression for each combination of its atoms."""
    with _remembering(level):
        found, why = _of_each(level, node, split, whole=whole)
    return _gathered(found, [atom for atom in split if isinstance(atom, int)], why)


def _of_each(
    level: Level, node: Node, split: list[Any], *, whole: bool
) -> tuple[list[tuple[dict[Any, bool], int]], str]:
    """Return the combinations that may be, each with the expression's state."""
    found: list[tuple[dict[Any, bool], int]] = []
    why = ""
    for choice in product((False, True), repeat=len(split)):
        atoms = dict(zip(split, choice, strict=True))
        possible, blurred = feasible(level, atoms)
        if not possible:
            continue
        with level.assuming(atoms):
            value = value_of(level, node)
        sure = not (blurred or value.blurred) and all(
            _free(level, atom) for atom, holds in atoms.items() if holds
        )
        null = value.null
        if null == SOME and not whole:
            null = UNKNOWN
        why = why or value.why
        found.append((atoms, null if sure or null == NEVER else UNKNOWN))
    return found, why


def _free(level: Level, atom: Any) -> bool:
    """Return whether an atom is known to be so for some data."""
    if atom in level.blurred:
        return False
    return not isinstance(atom, Col) or atom.null == SOME


def is_group(atom: Any) -> bool:
    """Return whether an atom is that a grouping set leaves something out."""
    return isinstance(atom, tuple) and cast("tuple[Any, ...]", atom)[0] == "group"


def _gathered(found: list[tuple[dict[Any, bool], int]], joins: list[int], why: str) -> Out:
    nulls = {null for _, null in found}
    if not nulls:
        return Out(UNKNOWN, why="its conditions contradict each other")
    if nulls == {NEVER}:
        return Out(NEVER)
    if nulls == {ALWAYS}:
        return Out(ALWAYS)
    whole = SOME if nulls & {SOME, ALWAYS} else UNKNOWN
    within = _one_state({null for atoms, null in found if not any(atoms[join] for join in joins)})
    if within == SOME and not any(
        null != NEVER and not any(holds for atom, holds in atoms.items() if is_group(atom))
        for atoms, null in found
    ):
        # Not the column itself: the rows of a grouping set that leaves it out.
        within = UNKNOWN
    # Where any of them has no partner it is NULL, and else what it is within.
    missing = {null for atoms, null in found if any(atoms[join] for join in joins)}
    each = [any(atoms[join] for atoms, _ in found) for join in joins]
    if missing == {ALWAYS} and all(each):
        return Out(within, frozenset(joins), why)
    return Out(UNKNOWN, why=why, whole=whole, within=within)


def _one_state(nulls: set[int]) -> int:
    if nulls <= {NEVER}:
        return NEVER
    if nulls == {ALWAYS}:
        return ALWAYS
    return SOME if nulls & {SOME, ALWAYS} else UNKNOWN


def _column(level: Level, node: Any) -> Out | None:
    """Return a column of something in FROM as it is, with the joins that it may miss."""
    if not isinstance(node, Node) or node.kind != "VAR" or node.number("varattno") <= 0:
        return None
    owner = level.up(node.number("varlevelsup"))
    if node.number("varreturningtype") or (owner.rolled and owner.grouped):
        return None
    rel = owner.rels.get(node.number("varno"))
    if rel is None:
        return None
    if rel.aliases is not None:
        number = node.number("varattno")
        return _column(owner, rel.aliases[number - 1]) if number <= len(rel.aliases) else None
    col = rel.col(node.number("varattno"))
    joins = frozenset(join for join in rel.joins | col.joins if owner.env.get(join) is not False)
    joins = joins.union(*(owner.follows.get(join, joins) for join in joins))
    if any(owner.env.get(join) for join in joins):
        return Out(ALWAYS)
    state = col.null
    if (assumed := owner.env.get(col)) is not None:
        state = ALWAYS if assumed else NEVER
    elif state == SOME and col in owner.blurred:
        state = UNKNOWN
    if any(join in owner.blurred for join in joins):
        return Out(UNKNOWN, why=col.why or NOT_FOLLOWED)
    return Out(state, joins, col.why or (NOT_FOLLOWED if state == UNKNOWN else ""))


def atoms_of(level: Level, node: Any, depth: int = 0) -> Iterator[Any]:
    """Yield what decides about NULL in an expression."""
    if not isinstance(node, Node):
        for item in items_of(node):
            yield from atoms_of(level, item, depth)
        return
    if depth == 0 and level.grouped and level.rolled and node.key in level.rolled:
        if node.key in level.loose:
            return
        yield ("group", node.key)
    if depth == 0 and level.grouped and level.rolled and node.key in level.kept:
        with level.over(groups=False):
            found = list(atoms_of(level, node))
        yield from found
        return
    if node.kind == "VAR":
        if node.number("varlevelsup") == depth:
            yield from _of_column(level, node)
        return
    if node.kind == "GROUPINGFUNC":
        if node.number("agglevelsup") == depth:
            asked = node.numbers("refs")
            rolled = [key for key in level.rolled if key not in level.loose]
            yield from (("group", key) for key in rolled if set(level.rolled[key]) & set(asked))
        return
    if node.kind == "AGGREF" and node.number("agglevelsup") == depth:
        if not level.filled:
            yield EMPTY
        if node.nodes("args") or node["aggfilter"] is not None:
            yield none_atom(level, node, value_of)
        return
    inner = depth + 1 if node.kind == "QUERY" else depth
    for value in node.fields.values():
        yield from atoms_of(level, value, inner)


def _of_column(level: Level, node: Node) -> Iterator[Any]:
    rel = level.rels.get(node.number("varno"))
    if rel is None or node.number("varreturningtype"):
        return
    number = node.number("varattno")
    if rel.aliases is not None:
        if 0 < number <= len(rel.aliases):
            yield from atoms_of(level, rel.aliases[number - 1])
        return
    col = rel.col(number)
    yield from rel.joins | col.joins
    if number == 0:
        yield from (col for col in rel.cols.values() if col.null in (UNKNOWN, SOME))
    elif col.null in (UNKNOWN, SOME):
        yield col


def unique(atoms: Iterator[Any]) -> list[Any]:
    """Return each atom once, in the order of the text."""
    return list(dict.fromkeys(atoms))
