"""UNION, INTERSECT and EXCEPT."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls.joining import NOT_FOLLOWED, joined
from liteorm.postgres._describing.nulls.levels import NONE, Level, Out, Result
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.types import type_of
from liteorm.postgres._describing.nulls.values import ALWAYS, NEVER, UNKNOWN, Value, either

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.analysis import Analysis


_TAKEN: Final = "EXCEPT may take the NULLs out"


def set_operation(level: Level, node: Node) -> Result:
    """Return the result of a set operation."""
    result = operand(node["setOperations"], node, level)
    if node["limitCount"] is not None or node["limitOffset"] is not None:
        result = evolve(result, certain=False)
    return result


def operand(operation: Node, node: Node, level: Level) -> Result:
    """Return the result of a part of a set operation."""
    if operation.kind == "RANGETBLREF":
        entry = node.nodes("rtable")[operation.number("rtindex") - 1]
        result = level.analysis.query(entry["subquery"], level)
        # The columns may be cast to what the others are.
        columns = tuple(evolve(out, const=None, total=None) for out in result.columns)
        return evolve(result, columns=columns)
    left = _cast(operation["larg"], operation, node, level)
    right = _cast(operation["rarg"], operation, node, level)
    if len(left.columns) != len(right.columns):
        return Result(())
    match operation.number("op"):
        case 1:
            result = united(level.analysis, left, right)
        case 2:
            columns = tuple(
                Out(min(one.state, two.state), why=one.why, inside=one.inside)
                for one, two in zip(left.columns, right.columns, strict=True)
            )
            result = Result(columns, blurred=True)
        case _:
            columns = tuple(
                evolve(
                    Out(one.state if one.state in (NEVER, ALWAYS) else UNKNOWN, why=_TAKEN)
                    if two.state > NEVER
                    else one,
                    inside=one.inside,
                )
                for one, two in zip(left.columns, right.columns, strict=True)
            )
            result = Result(columns, blurred=True)
    return evolve(result, names=left.names, types=tuple(operation.numbers("colTypes")))


def _cast(part: Node, operation: Node, node: Node, level: Level) -> Result:
    """Return an operand; a cast to a type of the user's own may give NULL."""
    result = operand(part, node, level)
    if part.kind != "RANGETBLREF":
        return result
    query = node.nodes("rtable")[part.number("rtindex") - 1]["subquery"]
    entries = [entry for entry in query.nodes("targetList") if not entry.flag("resjunk")]
    types = operation.numbers("colTypes")
    columns = [
        out
        if _builtin_cast(type_of(entry["expr"]), type_)
        else Out(
            UNKNOWN,
            why="it is cast to another type",
            inside=None if out.inside is None else NOT_FOLLOWED,
        )
        for out, entry, type_ in zip(result.columns, entries, types, strict=False)
    ]
    return evolve(result, columns=tuple(columns))


def united(analysis: Analysis, left: Result, right: Result) -> Result:
    """Return a UNION; columns that go missing together on each side do so in the result."""
    fresh: dict[Any, int] = {}
    columns: list[Out] = []
    for one, two in zip(left.columns, right.columns, strict=True):
        sides = [_missing(one), _missing(two)]
        if None in sides or sides == [NONE, NONE]:
            null = either([Value(one.state), Value(two.state)]).null
            columns.append(Out(null, why=one.why or two.why, inside=joined(one, two)))
        else:
            join = fresh.setdefault((sides[0], sides[1]), 0) or analysis.number()
            fresh[sides[0], sides[1]] = join
            columns.append(Out(NEVER, frozenset({join}), inside=joined(one, two)))
    blurred = left.blurred and right.blurred
    possible = left.possible or right.possible
    return Result(tuple(columns), left.certain or right.certain, possible, blurred)


def _missing(out: Out) -> Any:
    """Return what makes a column NULL, if it is one thing; the empty set if it never is."""
    if out.state == ALWAYS:
        return "always"
    if out.state == NEVER:
        return NONE
    return out.joins if out.joins and out.null == NEVER and out.whole is None else None


def flat(result: Result) -> Result:
    """Return a result of which nobody follows what its columns miss."""
    return Result(tuple(Out(out.state, why=out.why) for out in result.columns))


def _builtin_cast(source: int, target: int) -> bool:
    return source == target or (0 < target < 16384 and source < 16384)
