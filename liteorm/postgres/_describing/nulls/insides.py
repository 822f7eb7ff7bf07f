"""What is inside a value that a statement puts together: rows, arrays and JSON made of columns."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Final, Literal, cast

from attrs import evolve

from liteorm.postgres._describing.nulls.joining import NOT_FOLLOWED, different
from liteorm.postgres._describing.nulls.judging import known, settle
from liteorm.postgres._describing.nulls.levels import EMPTY, Condition, Inside, Level, Member, Out
from liteorm.postgres._describing.nulls.nodes import Node, items_of
from liteorm.postgres._describing.nulls.types import type_of
from liteorm.postgres._describing.nulls.values import NEVER

Form = Literal["array", "row", "list", "object"]

_RECORD: Final = 2249
_GATHERING: Final = {
    "array_agg": "array",
    "json_agg": "list",
    "jsonb_agg": "list",
    "json_agg_strict": "list",
    "jsonb_agg_strict": "list",
}
_AS_JSON: Final = frozenset({"to_json", "to_jsonb", "row_to_json"})
_OBJECTS: Final = frozenset({"json_build_object", "jsonb_build_object"})
_LISTS: Final = frozenset({"json_build_array", "jsonb_build_array"})
_MAKING: Final = frozenset(
    {*_GATHERING, *_AS_JSON, *_OBJECTS, *_LISTS}
    | {"json_object_agg", "jsonb_object_agg", "json_object", "jsonb_object"}
)
_ADDING: Final = frozenset({"array_append", "array_prepend", "array_cat"})
_BOOL: Final = 16
_THROUGH: Final = {
    "RELABELTYPE": "arg",
    "COERCEVIAIO": "arg",
    "COLLATEEXPR": "arg",
    "JSONVALUEEXPR": "formatted_expr",
}


def inside_of(level: Level, node: Any) -> Inside | None:
    """Return what is inside an expression's value; None for what is stored as it is."""
    found = _inside(level, node)
    if found is None and isinstance(node, Node) and any(_makes(level, n) for n in _values(node)):
        return NOT_FOLLOWED
    return found


def _values(node: Node) -> Iterator[Node]:
    """Yield the nodes of this level that a value may come from, conditions are none of them."""
    stack: list[Any] = [node]
    while stack:
        top = stack.pop()
        if not isinstance(top, Node):
            stack.extend(items_of(top))
        elif top.kind != "QUERY" and type_of(top) != _BOOL:
            yield top
            stack.extend(top.fields.values())


def _makes(level: Level, node: Node) -> bool:
    if node.kind in ("ROWEXPR", "ROW", "JSONCONSTRUCTOREXPR"):
        return True
    if node.kind == "SUBLINK":
        return _sublink(level, node) is not None
    if node.kind in ("ARRAYEXPR", "ARRAY"):
        return any(known(level, item).state != NEVER for item in node.nodes("elements"))
    name = _function(level, node)
    place = _MAKING_NULLS.get(name)
    if place is not None:
        return any(known(level, arg).state != NEVER for arg in node.nodes("args")[place:][:1])
    # With a third argument it makes NULLs of what is equal to that.
    return name in _MAKING or (name == "string_to_array" and len(node.nodes("args")) == _WITH_NULL)


_MAKING_NULLS: Final = {"array_fill": 0, "array_replace": 2}
"""Functions that put a value into an array, and the place of that value."""
_WITH_NULL: Final = 3


def _function(level: Level, node: Node) -> str:
    """Return the name of the built-in function or aggregate that a node calls."""
    oid = _OIDS.get(node.kind)
    found = level.analysis.catalog.functions.get(node.number(oid)) if oid else None
    return found.name if found is not None and found.own else ""


_OIDS: Final = {
    "FUNCEXPR": "funcid",
    "OPEXPR": "opfuncid",
    "AGGREF": "aggfnoid",
    "WINDOWFUNC": "winfnoid",
}


def _inside(level: Level, node: Any) -> Inside | None:
    if not isinstance(node, Node):
        return None
    level.analysis.step()
    if node.kind in _THROUGH:
        return _inside(level, node[_THROUGH[node.kind]])
    match node.kind:
        case "VAR":
            return _var(level, node)
        case "ROWEXPR" | "ROW":
            return _row(level, node)
        case "ARRAYEXPR" | "ARRAY":
            return _array(level, node)
        case "SUBLINK":
            return _sublink(level, node)
        case "COALESCEEXPR" | "COALESCE":
            return _one_of(level, [(arg, []) for arg in node.nodes("args")])
        case "CASEEXPR" | "CASE":
            return _one_of(level, _branches(level, node))
        case "AGGREF":
            return _aggregate(level, node)
        case "WINDOWFUNC":
            return _window(level, node)
        case "FUNCEXPR" | "OPEXPR":
            return _call(level, node)
        case _:
            return None


def _var(level: Level, node: Node) -> Inside | None:
    owner = level.up(node.number("varlevelsup"))
    rel = owner.rels.get(node.number("varno"))
    if rel is None:
        return None
    number = node.number("varattno")
    if rel.aliases is not None:
        if 0 < number <= len(rel.aliases):
            return _inside(owner, rel.aliases[number - 1])
        return None
    if number:
        return rel.col(number).inside
    if not rel.names:
        return NOT_FOLLOWED
    # On the missing side of a join a whole row is NULL itself, not a row of NULLs.
    there = {join: False for join in rel.joins if owner.env.get(join) is None}
    with owner.assuming(there):
        parts = [
            _part(
                owner,
                name,
                Node("VAR", {**node.fields, "varattno": str(place), "varlevelsup": "0"}),
                rel.types.get(place, 0),
            )
            for place, name in rel.names.items()
        ]
    return Inside("row", tuple(parts), named=node.number("vartype") != _RECORD)


def _part(level: Level, name: str, node: Any, type_: int = 0) -> Member:
    out = known(level, node)
    return Member(name, type_ or type_of(node), evolve(out, inside=inside_of(level, node)))


def _row(level: Level, node: Node) -> Inside:
    names = [str(name) for name in node.nodes("colnames")]
    names = names or level.analysis.catalog.attributes.get(node.number("row_typeid"), [])
    args = node.nodes("args")
    labels = names if len(names) == len(args) else [f"f{n}" for n in range(1, len(args) + 1)]
    parts = [_part(level, name, arg) for name, arg in zip(labels, args, strict=True) if name]
    return Inside("row", tuple(parts), named=node.number("row_typeid") != _RECORD)


def _array(level: Level, node: Node) -> Inside | None:
    items = node.nodes("elements")
    if node.flag("multidims") or not items:
        return None
    return Inside("array", different(_part(level, "", item) for item in items))


def _sublink(level: Level, node: Node) -> Inside | None:
    kind = node.number("subLinkType")
    if kind not in (4, 6):
        return None
    column = level.analysis.query(node["subselect"], level).column(0)
    if kind == 4:
        return column.inside
    entries = node["subselect"].nodes("targetList")
    return Inside("array", (Member("", type_of(entries[0]["expr"]), column),))


def _branches(level: Level, node: Node) -> Iterator[tuple[Any, list[Node]]]:
    """Yield the values of a CASE, each with the conditions that it is reached by."""
    parts = list(node.walk())
    # What is computed from other rows is not as the row is that reaches it.
    plain = node["arg"] is None and not level.grouped
    plain = plain and not any(part.kind in ("WINDOWFUNC", "AGGREF") for part in parts)
    passed: list[Node] = []
    for when in node.nodes("args"):
        yield when["result"], [*passed, when["expr"]] if plain else []
        passed.append(Node("BOOLEANTEST", {"arg": when["expr"], "booltesttype": _IS_NOT_TRUE}))
    yield node["defresult"], passed if plain else []


_IS_NOT_TRUE: Final = "1"


def _one_of(level: Level, nodes: Iterable[tuple[Any, list[Node]]]) -> Inside | None:
    """Return the inside that all of several values have; constants are taken for empty ones."""
    found: list[Inside | None] = []
    for node, conditions in nodes:
        if isinstance(node, Node) and _bare(node).kind not in ("CONST", "ARRAYEXPR", "ARRAY"):
            asked = conditions and _may_hold(level, node)
            with _over_rows(level, conditions) if asked else nullcontext():
                found.append(_inside(level, node))
    if not found or any(inside != found[0] for inside in found):
        return None
    return found[0]


def _may_hold(level: Level, node: Node) -> bool:
    """Return whether something with an inside may be in an expression."""
    return any(
        part.kind in _HOLDING
        or _function(level, part) in _MAKING
        or (part.kind == "VAR" and (not part.number("varattno") or _var(level, part) is not None))
        for part in node.walk()
    )


_HOLDING: Final = frozenset({"ROWEXPR", "ROW", "ARRAYEXPR", "ARRAY", "SUBLINK"})


def _bare(node: Node) -> Node:
    while node.kind in _THROUGH and isinstance(node[_THROUGH[node.kind]], Node):
        node = node[_THROUGH[node.kind]]
    return node


def _aggregate(level: Level, node: Node) -> Inside | None:
    name = _function(level, node)
    args = node.nodes("args")
    form = _GATHERING.get(name)
    if form is None or not args or node.number("agglevelsup"):
        return None
    with _over_rows(level, [node["aggfilter"]]):
        part = _part(level, "", args[0]["expr"])
    if name.endswith("_strict"):
        part = evolve(part, out=_never(part.out))
    return Inside("array", (part,)) if form == "array" else Inside("list", (_as_json(part),))


_OF_THE_FRAME: Final = frozenset({"first_value", "last_value", "nth_value"})


def _window(level: Level, node: Node) -> Inside | None:
    name, args = _function(level, node), node.nodes("args")
    form = _GATHERING.get(name)
    if node["aggfilter"] is not None or not args:
        return None
    # The other rows need not be as the one that is looked at.
    with level.plainly():
        if name in _OF_THE_FRAME:
            return _inside(level, args[0])
        if form is None or name.endswith("_strict"):
            return None
        part = _part(level, "", args[0])
    return Inside("array", (part,)) if form == "array" else Inside("list", (_as_json(part),))


@contextmanager
def _over_rows(level: Level, conditions: list[Any]) -> Generator[None]:
    """Look at the rows that go into an aggregate, or into a branch of a CASE."""
    before = level.conditions, level.fixed, level.env, level.blurred
    found = level.follows, level.consts, level.expressions, level.answers
    level.answers = None
    level.conditions, level.blurred = list(level.conditions), set(level.blurred)
    level.follows = dict(level.follows)
    asked = [Condition(condition) for condition in conditions if isinstance(condition, Node)]
    try:
        with level.over(groups=False), level.assuming({EMPTY: False}):
            if asked:
                level.conditions += asked
                settle(level)
            yield
    finally:
        level.conditions, level.fixed, level.env, level.blurred = before
        level.follows, level.consts, level.expressions, level.answers = found


def _call(level: Level, node: Node) -> Inside | None:
    name = _function(level, node)
    args = node.nodes("args")
    if node.flag("funcvariadic"):
        return None
    if name in _AS_JSON:
        part = _as_json(_part(level, "", args[0]))
        return part.out.inside
    if name in _ADDING:
        return _added(level, args, node)
    if name == "array_remove":
        inside = _inside(level, args[0])
        return _without_null(inside) if inside is not None and _is_null(args[1]) else inside
    if name in _LISTS:
        parts = [_as_json(_part(level, "", arg)) for arg in args]
        return Inside("items", tuple(parts))
    if name in _OBJECTS and len(args) % 2 == 0:
        keys = [_text(arg) for arg in args[::2]]
        if None in keys:
            return None
        parts = [_as_json(_part(level, str(k), v)) for k, v in zip(keys, args[1::2], strict=True)]
        return Inside("object", tuple(parts))
    return None


def _added(level: Level, args: list[Any], node: Node) -> Inside | None:
    """Return the inside of an array that is put together of arrays and elements."""
    parts: list[Member] = []
    stored = False
    for arg in args:
        if type_of(arg) != type_of(node):
            parts.append(_part(level, "", arg))
            continue
        inside = _inside(level, arg)
        if inside is not None and inside.form == "array":
            parts += inside.parts
        elif inside is None and not any(_makes(level, part) for part in _values(arg)):
            stored = stored or not _is_constant(arg)
        else:
            return NOT_FOLLOWED
    if stored:
        # What is stored is taken as it is.
        parts = [part for part in parts if part.out.state != NEVER]
    return Inside("array", different(parts)) if parts else None


def _is_constant(node: Any) -> bool:
    return isinstance(node, Node) and _bare(node).kind == "CONST"


def _without_null(inside: Inside) -> Inside:
    """Return the inside of an array from which NULL was removed."""
    parts = (evolve(part, out=_never(part.out)) for part in inside.parts)
    return evolve(inside, parts=tuple(parts))


def _never(out: Out) -> Out:
    return evolve(out, null=NEVER, joins=frozenset(), whole=None, within=None)


def _is_null(node: Any) -> bool:
    return isinstance(node, Node) and _bare(node).flag("constisnull")


def _text(node: Any) -> str | None:
    """Return a constant of type text or unknown."""
    node = _bare(node) if isinstance(node, Node) else node
    if not isinstance(node, Node) or node.kind != "CONST" or node.flag("constisnull"):
        return None
    if type(node["constvalue"]) is not list:
        return None
    content = bytes(number % 256 for number in cast("list[int]", node["constvalue"]))
    if node.number("consttype") == 25:
        content = content[1:] if content[0] & 1 else content[4:]
    elif node.number("consttype") == 705:
        content = content.rstrip(b"\0")
    else:
        return None
    return content.decode(errors="replace")


def _as_json(part: Member) -> Member:
    """Return a part as it comes in JSON: arrays are lists, rows are objects with their names."""
    inside = part.out.inside
    if inside is None or inside.form not in ("array", "row"):
        return part
    parts = tuple(_as_json(inner) for inner in inside.parts)
    form = "list" if inside.form == "array" else "object"
    return evolve(part, out=evolve(part.out, inside=Inside(form, parts)))


def parts_in(inside: Inside | None) -> Iterator[Member]:
    """Yield all parts, those inside others included."""
    for part in inside.parts if inside is not None else ():
        yield part
        yield from parts_in(part.out.inside)
