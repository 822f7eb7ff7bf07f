"""Which columns of a result can be NULL: queries, set operations, WITH."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, product
from typing import Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls.calls import none_atom
from liteorm.postgres._describing.nulls.catalog import Catalog, Relation
from liteorm.postgres._describing.nulls.changes import Changes
from liteorm.postgres._describing.nulls.expressions import value_of
from liteorm.postgres._describing.nulls.levels import (
    EMPTY,
    NONE,
    Col,
    Condition,
    Level,
    Out,
    Rel,
    Result,
)
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.sources import Sources
from liteorm.postgres._describing.nulls.types import type_of
from liteorm.postgres._describing.nulls.values import (
    ALWAYS,
    NEVER,
    SOME,
    UNKNOWN,
    Null,
    Value,
    either,
)

_MOST_STEPS: Final = 400_000
_MOST_ATOMS: Final = 6
_DEPTH: Final = 40


class Exhausted(Exception):
    """A statement takes too long to analyse."""


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
        result = Analysis(catalog, params or {}).query(tree, None)
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
        self.several_sets = False
        """The select list that is looked at has more than one set-returning function."""
        self._numbers = count(1)
        self._steps = 0
        self._views: dict[int, Result] = {}
        self._reading: list[int] = []

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
            params, self.params = self.params, {}
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

    def query(self, node: Any, parent: Level | None) -> Result:
        """Return the result of a query, or of a change with RETURNING."""
        if not isinstance(node, Node) or node.kind != "QUERY":
            return Result(())
        level = Level(self, parent)
        before, self.several_sets = self.several_sets, False
        try:
            self._read_with(node, level)
            if node["setOperations"] is not None:
                return self._set_operation(node, level)
            if node.number("commandType") != 1:
                return Changes(self, level).result(node)
            return self._select(node, level)
        finally:
            self.several_sets = before

    def _select(self, node: Node, level: Level) -> Result:
        sources = Sources(self, level, node)
        sources.read(node["jointree"])
        self.settle(level)
        sources.again()
        self.settle(level)
        possible, blurred = self.feasible(level, {})
        self._read_groups(node, level)
        for number, window in enumerate(node.nodes("windowClause"), 1):
            level.windows[window.number("winref") or number] = window.number("frameOptions")
        columns = self.targets(level, node.nodes("targetList"))
        grouping = node.flag("hasAggs") or bool(node.nodes("groupingSets"))
        certain = self._certain(node, level)
        if grouping or node["havingQual"] is not None:
            possible, blurred = True, blurred or node["havingQual"] is not None
        return Result(columns, certain, possible, blurred)

    def targets(self, level: Level, entries: list[Any]) -> tuple[Out, ...]:
        """Return the columns of a select list or RETURNING."""
        shown = [entry["expr"] for entry in entries if not entry.flag("resjunk")]
        sets = sum(
            node.flag("funcretset") or node.flag("opretset")
            for entry in entries
            for node in _own_nodes(entry["expr"])
        )
        self.several_sets = sets > 1
        return tuple(self.known(level, item) for item in shown)

    def _certain(self, node: Node, level: Level) -> bool:
        """Return whether the query gives at least one row, whatever the data."""
        if node["limitCount"] is not None or node["limitOffset"] is not None:
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

    def _read_groups(self, node: Node, level: Level) -> None:
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
            for atom in _unique(_atoms(level, node["havingQual"])):
                self._settle_atom(level, atom)

    # WITH and set operations

    def _read_with(self, node: Node, level: Level) -> None:
        for cte in node.nodes("cteList"):
            query = cte["ctequery"]
            if cte["search_clause"] is not None or cte["cycle_clause"] is not None:
                result = Result(())
            elif cte.flag("cterecursive"):
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
        found = _flat(self._operand(operation["larg"], query, inner))
        for _ in range(_DEPTH):
            level.ctes[cte["ctename"]] = found
            again = _flat(self._operand(operation["rarg"], query, inner))
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
        return found

    def _set_operation(self, node: Node, level: Level) -> Result:
        result = self._operand(node["setOperations"], node, level)
        if node["limitCount"] is not None or node["limitOffset"] is not None:
            result = evolve(result, certain=False)
        return result

    def _operand(self, operation: Node, node: Node, level: Level) -> Result:
        if operation.kind == "RANGETBLREF":
            entry = node.nodes("rtable")[operation.number("rtindex") - 1]
            return self.query(entry["subquery"], level)
        left = self._cast(operation["larg"], operation, node, level)
        right = self._cast(operation["rarg"], operation, node, level)
        if len(left.columns) != len(right.columns):
            return Result(())
        match operation.number("op"):
            case 1:
                return self.united(left, right)
            case 2:
                columns = tuple(
                    Out(min(one.state, two.state), why=one.why)
                    for one, two in zip(left.columns, right.columns, strict=True)
                )
                return Result(columns, blurred=True)
            case _:
                columns = tuple(
                    Out(one.state if one.state in (NEVER, ALWAYS) else UNKNOWN)
                    if two.state > NEVER
                    else one
                    for one, two in zip(left.columns, right.columns, strict=True)
                )
                return Result(columns, blurred=True)

    def _cast(self, operand: Node, operation: Node, node: Node, level: Level) -> Result:
        """Return an operand; a cast to a type of the user's own may give NULL."""
        result = self._operand(operand, node, level)
        if operand.kind != "RANGETBLREF":
            return result
        query = node.nodes("rtable")[operand.number("rtindex") - 1]["subquery"]
        entries = [entry for entry in query.nodes("targetList") if not entry.flag("resjunk")]
        types = operation.numbers("colTypes")
        columns = [
            out
            if _builtin_cast(type_of(entry["expr"]), type_)
            else Out(UNKNOWN, why="it is cast to another type")
            for out, entry, type_ in zip(result.columns, entries, types, strict=False)
        ]
        return evolve(result, columns=tuple(columns))

    def united(self, left: Result, right: Result) -> Result:
        """Return a UNION; columns that go missing together on each side do so in the result."""
        fresh: dict[Any, int] = {}
        columns: list[Out] = []
        for one, two in zip(left.columns, right.columns, strict=True):
            sides = [_missing(one), _missing(two)]
            if None in sides or sides == [NONE, NONE]:
                null = either([Value(one.state), Value(two.state)]).null
                columns.append(Out(null, why=one.why or two.why))
            else:
                join = fresh.setdefault((sides[0], sides[1]), 0) or self.number()
                fresh[sides[0], sides[1]] = join
                columns.append(Out(NEVER, frozenset({join})))
        blurred = left.blurred and right.blurred
        possible = left.possible or right.possible
        return Result(tuple(columns), left.certain or right.certain, possible, blurred)

    # What holds for all rows, and what is known of an expression

    def feasible(self, level: Level, atoms: Mapping[Any, bool]) -> tuple[bool, bool]:
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
                value = self._condition(level, condition)
                if condition.table is not None:
                    possible = value.true or value.null != NEVER
                else:
                    possible = value.true
                if not possible:
                    return False, False
                blurred = blurred or value.blurred
        with level.assuming(atoms):
            if level.rolled and not self._fitting_set(level):
                return False, False
            for node in level.having:
                value = value_of(level, node)
                if not value.true:
                    return False, False
                blurred = blurred or value.blurred
        return True, blurred

    def _condition(self, level: Level, condition: Condition) -> Value:
        if condition.table is None:
            return value_of(level, condition.node)
        if any(level.env.get(join) is not False for join in condition.table.joins):
            return Value()
        inner = Level(self, rels={1: Rel(condition.table.cols)}, env=level.env, fixed=level.fixed)
        return value_of(inner, condition.node)

    def _fitting_set(self, level: Level) -> bool:
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

    def settle(self, level: Level) -> None:
        """Find out what holds for all rows of a level."""
        atoms: dict[Any, None] = {}
        for rel in level.rels.values():
            atoms.update(dict.fromkeys(rel.joins))
            for col in rel.cols.values():
                atoms.update(dict.fromkeys(col.joins))
        for condition in level.conditions:
            if condition.table is None:
                atoms.update(dict.fromkeys(_unique(_atoms(level, condition.node))))
            else:
                inner = Level(self, rels={1: condition.table}, env=level.env)
                atoms.update(dict.fromkeys(_unique(_atoms(inner, condition.node))))
        open_ = [atom for atom in atoms if atom not in level.fixed]
        for _ in range(3):
            before = len(level.fixed)
            for atom in open_:
                if atom not in level.fixed:
                    self._settle_atom(level, atom)
            if len(level.fixed) == before:
                break

    def _settle_atom(self, level: Level, atom: Any) -> None:
        if isinstance(atom, Col) and atom.null not in (UNKNOWN, SOME):
            return
        assumed = self._with_needs(level, atom)
        possible, blurred = self.feasible(level, assumed)
        if not possible:
            level.settle(atom, False)
        elif blurred:
            level.blurred.add(atom)

    def _with_needs(self, level: Level, atom: Any) -> dict[Any, bool]:
        """A column of a table is NULL, for itself, only where the table's row is there."""
        assumed: dict[Any, bool] = {atom: True}
        if isinstance(atom, Col):
            for rel in level.rels.values():
                if any(col is atom for col in rel.cols.values()):
                    assumed.update(dict.fromkeys(rel.joins | atom.joins, False))
        return assumed

    def known(self, level: Level, node: Any) -> Out:
        """Return what is known of an expression in all rows of a level."""
        plain = value_of(level, node)
        direct = _column(level, node)
        if direct is not None and plain.null != NEVER:
            return direct
        if plain.null == NEVER or not isinstance(node, Node):
            return Out(plain.null, why=plain.why)
        atoms = _unique(_atoms(level, node))
        atoms = [atom for atom in atoms if level.env.get(atom) is None]
        joins = [atom for atom in atoms if isinstance(atom, int)]
        rest = [atom for atom in atoms if not isinstance(atom, int)]
        most = max(_MOST_ATOMS - 2 * level.depth, 2)
        split = (joins + rest)[:most]
        if not split:
            return Out(
                UNKNOWN if plain.blurred and plain.null > UNKNOWN else plain.null, why=plain.why
            )
        return self._combined(level, node, split, whole=len(split) == len(atoms))

    def _combined(self, level: Level, node: Node, split: list[Any], *, whole: bool) -> Out:
        """Look at an expression for each combination of its atoms."""
        found: list[tuple[dict[Any, bool], int]] = []
        why = ""
        for choice in product((False, True), repeat=len(split)):
            atoms = dict(zip(split, choice, strict=True))
            possible, blurred = self.feasible(level, atoms)
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
        joins = [atom for atom in split if isinstance(atom, int)]
        return _gathered(found, joins, why)


def _free(level: Level, atom: Any) -> bool:
    """Return whether an atom is known to be so for some data."""
    if atom in level.blurred:
        return False
    return not isinstance(atom, Col) or atom.null == SOME


def _gathered(found: list[tuple[dict[Any, bool], int]], joins: list[int], why: str) -> Out:
    nulls = {null for _, null in found}
    if nulls <= {NEVER}:
        return Out(NEVER)
    if nulls == {ALWAYS}:
        return Out(ALWAYS)
    whole = SOME if nulls & {SOME, ALWAYS} else UNKNOWN
    within = _one_state({null for atoms, null in found if not any(atoms[join] for join in joins)})
    if within == SOME and not any(
        null != NEVER
        and not any(holds for atom, holds in atoms.items() if not isinstance(atom, Col))
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
    if any(owner.env.get(join) for join in joins):
        return Out(ALWAYS)
    state = col.null
    if (assumed := owner.env.get(col)) is not None:
        state = ALWAYS if assumed else NEVER
    elif state == SOME and col in owner.blurred:
        state = UNKNOWN
    if any(join in owner.blurred for join in joins):
        return Out(UNKNOWN, why=col.why)
    return Out(state, joins, col.why)


def _atoms(level: Level, node: Any, depth: int = 0) -> Iterator[Any]:
    """Yield what decides about NULL in an expression."""
    if type(node) is list:
        for item in node:
            yield from _atoms(level, item, depth)
        return
    if not isinstance(node, Node):
        return
    if depth == 0 and level.grouped and level.rolled and node.key in level.rolled:
        yield ("group", node.key)
    if node.kind == "VAR":
        if node.number("varlevelsup") == depth:
            yield from _of_column(level, node)
        return
    if node.kind == "AGGREF" and node.number("agglevelsup") == depth:
        if not level.filled:
            yield EMPTY
        yield none_atom(node)
        return
    inner = depth + 1 if node.kind == "QUERY" else depth
    for value in node.fields.values():
        yield from _atoms(level, value, inner)


def _of_column(level: Level, node: Node) -> Iterator[Any]:
    rel = level.rels.get(node.number("varno"))
    if rel is None or node.number("varreturningtype"):
        return
    number = node.number("varattno")
    if rel.aliases is not None:
        if 0 < number <= len(rel.aliases):
            yield from _atoms(level, rel.aliases[number - 1])
        return
    col = rel.col(number)
    yield from rel.joins | col.joins
    if number == 0:
        yield from (col for col in rel.cols.values() if col.null in (UNKNOWN, SOME))
    elif col.null in (UNKNOWN, SOME):
        yield col


def _unique(atoms: Iterator[Any]) -> list[Any]:
    return list(dict.fromkeys(atoms))


def _own_nodes(node: Any) -> Iterator[Node]:
    """Yield the nodes of an expression, but not of its subqueries."""
    stack: list[Any] = [node]
    while stack:
        top = stack.pop()
        if type(top) is list:
            stack.extend(top)
        elif isinstance(top, Node) and top.kind != "QUERY":
            yield top
            stack.extend(top.fields.values())


def _group_key(level: Level, node: Any) -> str:
    """Return the key of a grouped expression; PostgreSQL 18 has a column that stands for it."""
    if isinstance(node, Node):
        return node.key
    return ""


def _missing(out: Out) -> Any:
    """Return what makes a column NULL, if it is one thing; the empty set if it never is."""
    if out.state == ALWAYS:
        return "always"
    if out.state == NEVER:
        return NONE
    return out.joins if out.joins and out.null == NEVER and out.whole is None else None


def _flat(result: Result) -> Result:
    return Result(tuple(Out(out.state, why=out.why) for out in result.columns))


def _builtin_cast(source: int, target: int) -> bool:
    return source == target or (0 < target < 16384 and source < 16384)


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
