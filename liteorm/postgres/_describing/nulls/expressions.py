"""What is known of an expression's value, at a level and under what is assumed there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls import calls
from liteorm.postgres._describing.nulls.comparing import among, compared, members_of
from liteorm.postgres._describing.nulls.constants import constant, recast
from liteorm.postgres._describing.nulls.levels import Level, Result
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.proven import as_said
from liteorm.postgres._describing.nulls.told import Told, both, elements_of, is_exact, told_in
from liteorm.postgres._describing.nulls.values import (
    ALWAYS,
    FALSE,
    NEVER,
    NOTHING,
    SOME,
    TRUE,
    UNKNOWN,
    VALUE,
    Value,
    all_null,
    any_null,
    conjoined,
    disjoined,
    either,
    negated,
    unknown,
)

Rule = Callable[[Level, Node], Value]


def value_of(level: Level, node: Any) -> Value:
    """Return what is known of an expression; of what no rule is for, nothing."""
    if not isinstance(node, Node):
        return unknown("the server's reading of it is not followed")
    level.analysis.step()
    rule = _RULES.get(node.kind)
    if level.grouped and level.rolled and node.kind != "AGGREF":
        if node.key in level.rolled:
            return _rolled(level, node)
        if node.key in level.kept and rule is not None:
            # It is computed from a row, even where its columns are left out of the group.
            with level.over(groups=False):
                return rule(level, node)
    if rule is None:
        return unknown(f"it is made by {node.kind}")
    value = rule(level, node)
    return as_said(level, node, value) if level.expressions else value


def _rolled(level: Level, node: Node) -> Value:
    """Return the value of what grouping sets leave out of some rows."""
    out = None if node.key in level.loose else level.env.get(("group", node.key))
    if out is True:
        return NOTHING
    rule = _RULES.get(node.kind)
    # It is computed from a row, whichever of the row's columns the grouping set leaves out.
    with level.over(groups=False):
        value = rule(level, node) if rule is not None else unknown(f"it is made by {node.kind}")
    if out is False:
        return value
    found = either([NOTHING, value])
    if node.key in level.loose and level.having:
        found = evolve(found, null=min(found.null, UNKNOWN))
    return found


def _grouping(level: Level, node: Node) -> Value:
    """Return what GROUPING(x, …) gives: a bit for each of them, set where the row leaves it out."""
    if node.number("agglevelsup") or level.confused:
        return Value(NEVER)
    left_out = {
        reference: level.env.get(("group", key))
        if len(references) == 1 and key not in level.loose
        else None
        for key, references in level.rolled.items()
        for reference in references
    }
    bits = [left_out.get(reference, False) for reference in node.numbers("refs")]
    if bits.count(None) > _MOST_BITS:
        return Value(NEVER)
    numbers = [0]
    for bit in bits:
        choices = (False, True) if bit is None else (bit,)
        numbers = [number * 2 + choice for number in numbers for choice in choices]
    return Value(NEVER, const=among([("int", number) for number in numbers]))


_MOST_BITS: Final = 4


def _var(level: Level, node: Node) -> Value:
    owner = level.up(node.number("varlevelsup"))
    rel = owner.versions.get(node.number("varreturningtype"))
    if rel is None or node.number("varno") != owner.changed:
        rel = owner.rels.get(node.number("varno"))
    if rel is None:
        return unknown(_NOT_LOOKED_UP)
    number = node.number("varattno")
    if rel.aliases is not None and number > 0:
        if number > len(rel.aliases):
            return unknown(_NOT_LOOKED_UP)
        return value_of(owner, rel.aliases[number - 1])
    if owner is not level and owner.grouped and owner.rolled:
        # In a subquery, what the groups outside left out.
        key = _at_its_level(node)
        if key in owner.rolled:
            return _rolled(owner, Node("VAR", {**node.fields, "varlevelsup": "0"}))
    return owner.col_state(rel, rel.col(number))


def _at_its_level(node: Node) -> str:
    return Node("VAR", {**node.fields, "varlevelsup": "0"}).key


def _const(_: Level, node: Node) -> Value:
    return constant(node)


def _param(level: Level, node: Node) -> Value:
    match node.number("paramkind"):
        case 0:
            null = level.analysis.params.get(node.number("paramid"))
            state = UNKNOWN if null is None else SOME if null else NEVER
            return Value(state, why="a parameter's value may be None")
        case 2 if level.subvalues:
            out = level.subvalues[-1].column(node.number("paramid") - 1)
            return Value(out.state, why=out.why)
        case _:
            return unknown("it is one of several columns that are set together")


_NOT_LOOKED_UP: Final = "what is read from could not be looked up"


def _through(field: str) -> Rule:
    """Return the rule for what is NULL when its argument is, and else a value."""

    def rule(level: Level, node: Node) -> Value:
        value = value_of(level, node[field])
        relabelled = node.kind == "RELABELTYPE" and value.const is not None
        return evolve(
            value, const=recast(value.const, node.number("resulttype")) if relabelled else None
        )

    return rule


def _domain(level: Level, node: Node) -> Value:
    value = evolve(value_of(level, node["arg"]), const=None)
    if node.number("resulttype") in level.analysis.catalog.present and value.null != NEVER:
        # The cast itself refuses NULL.
        return Value(NEVER, value.true, value.false, value.blurred)
    return value


def _never(_: Level, __: Node) -> Value:
    return VALUE


def _holder(level: Level, node: Node) -> Value:
    """Return the value of an array or a row, which may hold NULLs."""
    items = [*node.nodes("elements"), *node.nodes("args")]
    values = [value_of(level, item) for item in items]
    return Value(NEVER, blurred=any(value.blurred or value.null == ALWAYS for value in values))


def _bool(level: Level, node: Node) -> Value:
    values = [value_of(level, arg) for arg in node.nodes("args")]
    match node["boolop"]:
        case "and":
            return conjoined(values)
        case "or":
            return disjoined(values)
        case _:
            return negated(values[0])


def _null_test(level: Level, node: Node) -> Value:
    wanted = node.number("nulltesttype") == 0
    if node.flag("argisrow"):
        return _row_test(level, node["arg"], wanted=wanted)
    value = value_of(level, node["arg"])
    if value.null == NEVER:
        return FALSE if wanted else TRUE
    if value.null == ALWAYS:
        return TRUE if wanted else FALSE
    return Value(NEVER, blurred=value.blurred)


def _row_test(level: Level, arg: Any, *, wanted: bool) -> Value:
    """Return what `row IS NULL` (all fields are) or `IS NOT NULL` (none is) gives."""
    values: list[Value] = []
    if isinstance(arg, Node) and arg.kind in ("ROWEXPR", "ROW"):
        values = [value_of(level, item) for item in arg.nodes("args")]
    elif isinstance(arg, Node) and arg.kind == "VAR" and arg.number("varattno") == 0:
        owner = level.up(arg.number("varlevelsup"))
        rel = owner.rels.get(arg.number("varno"))
        if rel is not None and rel.aliases is None:
            values = [owner.col_state(rel, col) for number, col in rel.cols.items() if number > 0]
    null = value_of(level, arg).null
    if null == ALWAYS:
        return TRUE if wanted else FALSE
    if not values:
        return Value(NEVER, blurred=True)
    opposite = NEVER if wanted else ALWAYS
    same = ALWAYS if wanted else NEVER
    if any(value.null == opposite for value in values) and null == NEVER:
        return FALSE
    if any(value.null == opposite for value in values) and not wanted:
        return FALSE
    if all(value.null == same for value in values) and null == NEVER:
        return TRUE
    return VALUE


def _boolean_test(level: Level, node: Node) -> Value:
    value = value_of(level, node["arg"])
    kind = node.number("booltesttype")
    asked = kind // 2  # 0 and 1: true, 2 and 3: false, 4 and 5: unknown
    can = (value.true, value.false, value.null != NEVER)
    must = (
        value.null == NEVER and not value.false,
        value.null == NEVER and not value.true,
        value.null == ALWAYS,
    )
    if must[asked]:
        found = TRUE
    elif not can[asked]:
        found = FALSE
    else:
        found = Value(NEVER, blurred=value.blurred)
    return negated(found) if kind % 2 else found


def _coalesce(level: Level, node: Node) -> Value:
    values: list[Value] = []
    for arg in node.nodes("args"):
        values.append(value_of(level, arg))
        if values[-1].null == NEVER:
            break
    kept = [value for value in values if value.null != ALWAYS]
    if not kept:
        return NOTHING
    found = either(kept)
    consts = {value.const for value in kept}
    return evolve(
        found,
        null=all_null(value.null for value in kept),
        const=consts.pop() if len(consts) == 1 else None,
    )


def _min_max(level: Level, node: Node) -> Value:
    values = [value_of(level, arg) for arg in node.nodes("args")]
    blurred = any(value.blurred for value in values)
    return Value(all_null(value.null for value in values), blurred=blurred)


def _case(level: Level, node: Node) -> Value:
    if node["arg"] is not None:
        level.tests.append(value_of(level, node["arg"]))
    try:
        values: list[Value] = []
        blurred = False
        told = level.told
        for when in node.nodes("args"):
            with level.branch(told):
                condition = value_of(level, when["expr"])
            blurred = blurred or condition.blurred
            if condition.true:
                values += _branch(
                    level, when["result"], _also_told(level, node, when, told, holds=True)
                )
            if condition.null == NEVER and not condition.false:
                break
            told = _also_told(level, node, when, told, holds=False)
        else:
            if not _is_left_out(level, node, told):
                values += _branch(level, node["defresult"], told)
        found = either(values) if values else unknown("its branches contradict each other")
        return evolve(found, blurred=found.blurred or blurred)
    finally:
        if node["arg"] is not None:
            level.tests.pop()


def _also_told(level: Level, node: Node, when: Node, told: Told, *, holds: bool) -> Told:
    """Return what is told in a branch of a CASE, or behind it."""
    if level.rolled and level.grouped:
        return told
    return both(told, told_in(level, when["expr"], value_of, holds=holds, test=node["arg"]))


def _branch(level: Level, result: Any, told: Told) -> list[Value]:
    """Return the value of a branch of a CASE, none if it is not reached."""
    if told == level.told or level.branching:
        return [value_of(level, result)]
    with level.branch(told):
        value = value_of(level, result)
        missing = value.null != NEVER and not level.analysis.is_reached(level)
        return [] if missing else [value]


def _is_left_out(level: Level, node: Node, told: Told) -> bool:
    """Return whether one of a CASE's conditions is true of whatever they tell of the others."""
    if told == level.told or level.branching:
        return False
    with level.branch(told):
        conditions = [value_of(level, when["expr"]) for when in node.nodes("args")]
    return any(value.null == NEVER and not value.false for value in conditions)


def _case_test(level: Level, _: Node) -> Value:
    return level.tests[-1] if level.tests else unknown("the element that is cast may be NULL")


def _null_if(level: Level, node: Node) -> Value:
    one, two = (value_of(level, arg) for arg in node.nodes("args"))
    if one.null == ALWAYS:
        return NOTHING
    blurred = one.blurred or two.blurred
    if two.null == ALWAYS or _differ(level, node, one, two):
        return evolve(one, blurred=blurred)
    return evolve(one, null=max(one.null, SOME), blurred=blurred)


def _differ(level: Level, node: Node, one: Value, two: Value) -> bool:
    """Return whether two values are not equal, unless one is NULL."""
    operator = level.analysis.catalog.operators.get(node.number("opno"))
    if operator is None or not operator.own or operator.name != "=":
        return False
    return compared("=", one.const, two.const, exact=is_exact(level, node)) is False


def _distinct(level: Level, node: Node) -> Value:
    one, two = (value_of(level, arg) for arg in node.nodes("args"))
    nulls = {one.null, two.null}
    if nulls == {ALWAYS}:
        return FALSE
    if nulls == {ALWAYS, NEVER}:
        return TRUE
    if nulls == {NEVER} and _differ(level, node, one, two):
        return TRUE
    return Value(NEVER, blurred=one.blurred or two.blurred)


def _row_compare(level: Level, node: Node) -> Value:
    """Return what `(a, b) < (c, d)` gives: the first fields that differ decide, or a NULL."""
    pairs = [
        any_null(value_of(level, side).null for side in pair)
        for pair in zip(node.nodes("largs"), node.nodes("rargs"), strict=True)
    ]
    if pairs[0] == ALWAYS:
        return NOTHING
    null = any_null(pairs)
    return Value(SOME if null == ALWAYS else null)


def _over_array(level: Level, node: Node) -> Value:
    """Return what `x = ANY (array)` gives, or `<> ALL`."""
    scalar, array = node.nodes("args")
    one, many = value_of(level, scalar), value_of(level, array)
    elements = calls.element_states(level, array, value_of)
    any_ = node.flag("useOr")
    strict = calls.strict(level, node.number("opfuncid"))
    if not strict:
        why = "its operator is not known never to give NULL"
        return unknown(why, blurred=ALWAYS in (one.null, many.null))
    if many.null == ALWAYS:
        return NOTHING
    total = calls.total_operator(level, node)
    null = max(one.null, many.null, UNKNOWN if elements is None else any_null(elements))
    if null != NEVER and null != UNKNOWN:
        # One element that is NULL, or no element at all: something may still come out.
        null = SOME if one.null != ALWAYS or not elements else ALWAYS
        if elements is None:
            null = UNKNOWN
    if null == NEVER and not total:
        null = UNKNOWN
    blurred = one.blurred or many.blurred
    outcome = _found_in(level, node, one, array, any_=any_)
    if outcome is not None:
        return evolve(TRUE if outcome else FALSE, null=null, blurred=blurred)
    why = one.why or many.why or (_ELEMENTS if null == UNKNOWN else "")
    if one.null == ALWAYS or (elements and all(item == ALWAYS for item in elements)):
        # Compared with nothing; only with no element at all it is false, or true of ALL.
        if elements:
            return NOTHING
        return Value(null, true=not any_, false=any_, blurred=blurred, why=why)
    return Value(null, blurred=blurred, why=why)


def _found_in(level: Level, node: Node, one: Value, array: Any, *, any_: bool) -> bool | None:
    """Return what comes out of comparing what is known with constants, where it is not NULL."""
    operator = level.analysis.catalog.operators.get(node.number("opno"))
    if one.const is None or one.null == ALWAYS or operator is None or not operator.own:
        return None
    values = [value_of(level, item) for item in elements_of(array)]
    if not values or any(value.null != NEVER for value in values):
        return None
    exact = is_exact(level, node)
    outcomes: set[bool | None] = set()
    for member in members_of(one.const):
        found = {compared(operator.name, member, value.const, exact=exact) for value in values}
        outcomes.add(any_ if any_ in found else not any_ if found == {not any_} else None)
    return outcomes.pop() if len(outcomes) == 1 else None


_ELEMENTS: Final = "an element of the array may be NULL"


def _subscript(level: Level, node: Node) -> Value:
    if node["refassgnexpr"] is not None:
        return unknown("an element of it is set")
    value = value_of(level, node["refexpr"])
    if value.null == ALWAYS:
        return NOTHING
    return Value(max(value.null, UNKNOWN), why="there may be no such element")


def _field(level: Level, node: Node) -> Value:
    arg = node["arg"]
    if isinstance(arg, Node) and arg.kind == "VAR" and arg.number("varattno") == 0:
        direct = Node("VAR", {**arg.fields, "varattno": str(node.number("fieldnum"))})
        return _var(level, direct)
    if isinstance(arg, Node) and arg.kind in ("ROWEXPR", "ROW"):
        items = arg.nodes("args")
        if 0 < node.number("fieldnum") <= len(items):
            return value_of(level, items[node.number("fieldnum") - 1])
    value = value_of(level, arg)
    if value.null == ALWAYS:
        return NOTHING
    return Value(max(value.null, UNKNOWN), why="a field of a composite may be NULL")


def _sublink(level: Level, node: Node) -> Value:
    kind = node.number("subLinkType")
    result = level.analysis.query(node["subselect"], level, per_row=True)
    if kind == _ARRAY:
        return VALUE
    if kind == _EXISTS:
        if not result.possible:
            return FALSE
        return TRUE if result.certain else Value(NEVER, blurred=result.blurred)
    if kind == _EXPR:
        if not result.possible and not result.certain:
            return NOTHING
        out = result.column(0)
        if result.certain or out.state == ALWAYS:
            return Value(out.state, blurred=result.blurred, const=out.const, why=out.why)
        why = "the subquery may give no row"
        return Value(SOME, blurred=result.blurred, const=out.const, why=why)
    if kind in (_ANY, _ALL):
        return _over_rows(level, node, result, any_=kind == _ANY)
    return unknown("", blurred=True)


_EXISTS, _ALL, _ANY, _EXPR, _ARRAY = 0, 1, 2, 4, 6


def _over_rows(level: Level, node: Node, result: Result, *, any_: bool) -> Value:
    if not result.possible:
        return FALSE if any_ else TRUE
    level.subvalues.append(result)
    try:
        value = value_of(level, node["testexpr"])
    finally:
        level.subvalues.pop()
    blurred = value.blurred or result.blurred
    # Without a row ANY is false and ALL true, whatever it is asked for.
    true = value.true if any_ else value.true or not result.certain
    false = value.false if not any_ else value.false or not result.certain
    null = SOME if value.null == ALWAYS and not result.certain else value.null
    return Value(null, true, false, blurred)


def _xml(level: Level, node: Node) -> Value:
    """Return what xmlconcat, xmlforest and the like give."""
    args = [value_of(level, arg) for arg in node.nodes("args")]
    named = [value_of(level, arg) for arg in node.nodes("named_args")]
    blurred = any(value.blurred for value in [*args, *named])
    match node.number("op"):
        case 1:  # xmlelement
            return VALUE
        case 0 | 2:  # xmlconcat and xmlforest leave out what is NULL
            parts = args or named
            null = all_null(value.null for value in parts)
            return evolve(either(parts), null=null, const=None) if null != ALWAYS else NOTHING
        case 3 | 4 | 5 | 6 | 7:  # xmlparse, xmlpi, xmlroot, xmlserialize and IS DOCUMENT
            first = args[0] if args else VALUE
            return (
                NOTHING
                if first.null == ALWAYS
                else Value(first.null, blurred=blurred, why=first.why)
            )
        case _:
            return unknown("what XML it makes is not followed")


def _sql_value(_: Level, node: Node) -> Value:
    # current_schema is NULL where the search path names no schema that exists.
    return unknown("the search path may be empty") if node.number("op") == 14 else VALUE


def _json_constructor(level: Level, node: Node) -> Value:
    match node.number("type"):
        case 1 | 2:
            return VALUE
        case 3 | 4:
            # JSON_OBJECTAGG and JSON_ARRAYAGG
            return value_of(level, node["func"])
        case _:
            values = [value_of(level, arg) for arg in node.nodes("args")]
            null = any_null(value.null for value in values)
            return Value(null, blurred=any(value.blurred for value in values))


def _json_path(level: Level, node: Node) -> Value:
    """Return what JSON_EXISTS, JSON_QUERY or JSON_VALUE gives."""
    item = value_of(level, node["formatted_expr"])
    if item.null == ALWAYS:
        return NOTHING
    if node.number("op") == 0:
        told = is_json_exists(node)
        return Value(item.null, blurred=item.blurred) if told else unknown("UNKNOWN ON ERROR")
    fixed = isinstance(node["formatted_expr"], Node) and node["formatted_expr"].kind == "CONST"
    empty = node["on_empty"]
    otherwise = empty is None or empty.number("btype") == 0
    return Value(SOME if otherwise and not fixed else UNKNOWN, blurred=item.blurred)


def is_json_exists(node: Node) -> bool:
    """Return whether it is JSON_EXISTS with ERROR, TRUE or FALSE ON ERROR, but not UNKNOWN."""
    error = node["on_error"]
    asks = node.kind == "JSONEXPR" and node.number("op") == 0
    return asks and (error is None or error.number("btype") in (1, 3, 4))


def _func(level: Level, node: Node) -> Value:
    return calls.function_value(level, node, _argument)


def _op(level: Level, node: Node) -> Value:
    return calls.operator_value(level, node, _argument)


def _aggregate(level: Level, node: Node) -> Value:
    return calls.aggregate_value(level, node, _argument)


def _window(level: Level, node: Node) -> Value:
    return calls.window_value(level, node, _argument)


def _argument(level: Level, node: Any) -> Value:
    return value_of(level, node["expr"] if node.kind == "TARGETENTRY" else node)


_RULES: Final[dict[str, Rule]] = {
    "VAR": _var,
    "CONST": _const,
    "PARAM": _param,
    "RELABELTYPE": _through("arg"),
    "COLLATEEXPR": _through("arg"),
    "NAMEDARGEXPR": _through("arg"),
    "COERCEVIAIO": _through("arg"),
    "ARRAYCOERCEEXPR": _through("arg"),
    "CONVERTROWTYPEEXPR": _through("arg"),
    "COERCETODOMAIN": _domain,
    "JSONVALUEEXPR": _through("formatted_expr"),
    "JSONISPREDICATE": _through("expr"),
    "BOOLEXPR": _bool,
    "NULLTEST": _null_test,
    "BOOLEANTEST": _boolean_test,
    "COALESCEEXPR": _coalesce,
    "COALESCE": _coalesce,
    "MINMAXEXPR": _min_max,
    "MINMAX": _min_max,
    "CASEEXPR": _case,
    "CASE": _case,
    "CASETESTEXPR": _case_test,
    "NULLIFEXPR": _null_if,
    "DISTINCTEXPR": _distinct,
    "ROWCOMPAREEXPR": _row_compare,
    "ROWCOMPARE": _row_compare,
    "ARRAYEXPR": _holder,
    "ARRAY": _holder,
    "ROWEXPR": _holder,
    "ROW": _holder,
    "SCALARARRAYOPEXPR": _over_array,
    "SUBSCRIPTINGREF": _subscript,
    "FIELDSELECT": _field,
    "FIELDSTORE": _never,
    "SUBLINK": _sublink,
    "GROUPINGFUNC": _grouping,
    "MERGESUPPORTFUNC": _never,
    "NEXTVALUEEXPR": _never,
    "XMLEXPR": _xml,
    "SQLVALUEFUNCTION": _sql_value,
    "JSONCONSTRUCTOREXPR": _json_constructor,
    "JSONEXPR": _json_path,
    "FUNCEXPR": _func,
    "OPEXPR": _op,
    "AGGREF": _aggregate,
    "WINDOWFUNC": _window,
}
