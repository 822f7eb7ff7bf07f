"""Whether a call can be NULL: functions, operators, aggregates and window functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from attrs import evolve

from liteorm.postgres._describing.nulls import functions as known
from liteorm.postgres._describing.nulls.catalog import Function, Operator
from liteorm.postgres._describing.nulls.comparing import NUMBERS, POSITIVE, compared, is_of
from liteorm.postgres._describing.nulls.constants import converted, plain_elements
from liteorm.postgres._describing.nulls.finite import total_field, total_here
from liteorm.postgres._describing.nulls.levels import EMPTY, Level
from liteorm.postgres._describing.nulls.nodes import Node
from liteorm.postgres._describing.nulls.told import is_exact
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
    any_null,
    unknown,
)

Evaluate = Callable[[Level, Any], Value]

_ZERO: Final = Value(NEVER, const=("int", 0))
_COUNTED: Final = Value(NEVER, const=POSITIVE)

# Bits of FRAMEOPTION_* in PostgreSQL's nodes/parsenodes.h.
_STARTS_BY_CURRENT_ROW = 0x00020 | 0x00200 | 0x00800
_ENDS_BY_CURRENT_ROW = 0x00100 | 0x00400 | 0x04000
_ARRAY_OF_ROWS: Final = 6
_EXCLUDES = 0x08000 | 0x10000 | 0x20000


ELEMENTS: Final = "an array's elements may be NULL"
_UNFED: Final = "there may be no row for it, or NULLs alone"
# What is behind -> ->> #> and #>>.
_FIELDS: Final = re.compile("jsonb?_(object_field|array_element|extract_path)")


def strict(level: Level, oid: int) -> bool:
    """Return whether a function gives NULL for a NULL argument."""
    found = level.analysis.catalog.functions.get(oid)
    return found is not None and found.strict


def total_operator(level: Level, node: Node) -> bool:
    """Return whether an operator gives a value for every two values."""
    catalog = level.analysis.catalog
    operator = catalog.operators.get(node.number("opno"))
    function = catalog.functions.get(node.number("opfuncid"))
    return operator is not None and function is not None and _total_operator(operator, function)


def _total_operator(operator: Operator, function: Function) -> bool:
    if operator.ordering:
        return True
    if not operator.own or function.signature in known.PARTIAL:
        return False
    return operator.name in known.TOTAL_OPERATORS or known.is_total(function.name)


def function_value(level: Level, node: Node, evaluate: Evaluate) -> Value:
    """Return what is known of a function call."""
    function = level.analysis.catalog.functions.get(node.number("funcid"))
    if function is None:
        return unknown("its function could not be looked up")
    args = [evaluate(level, arg) for arg in node.nodes("args")]
    if node.flag("funcretset"):
        return _of_a_set(level, node, function, evaluate)
    variadic = node.flag("funcvariadic")
    special = _special(function, args) if function.own else None
    if special is not None and variadic and function.name in known.COUNTING:
        # VARIADIC NULL gives NULL.
        return Value(args[-1].null, blurred=_blurred(args), why=args[-1].why)
    if special is not None and not variadic:
        return special
    total = function.own and known.total(function.signature, function.name, function.operators)
    # Of an array given as VARIADIC, nothing but its own NULL counts.
    total = total or (special is not None and variadic)
    catalog = level.analysis.catalog
    if total and function.name in known.BY_FIELD:
        total = total_field(catalog, function.signature, node.nodes("args"))
    elif function.own and not total:
        total = total_here(catalog, function.signature, node.nodes("args"))
    found = _called(function, args, total=total)
    if function.own and function.name in known.NUMBER_CASTS and len(args) == 1:
        source = function.signature.partition("(")[2].rstrip(")")
        return evolve(found, const=converted(args[0].const, source, function.name))
    return found


def _special(function: Function, args: list[Value]) -> Value | None:
    """Return the value of a function that takes NULL for an argument like others."""
    if function.name in known.COUNTING:
        return _counted(function.name, args)
    if function.name in known.NEVER_NULL:
        return VALUE
    if function.name in known.BY_FIRST:
        return Value(args[0].null, blurred=_blurred(args), why=args[0].why)
    if function.signature in known.BY_FIRST_TWO:
        null, why = any_null(v.null for v in args[:2]), next((v.why for v in args[:2] if v.why), "")
        return NOTHING if null == ALWAYS else Value(null, blurred=_blurred(args), why=why)
    if function.signature in known.COALESCING:
        return Value(min(value.null for value in args), blurred=_blurred(args))
    return None


def _counted(name: str, args: list[Value]) -> Value:
    """Return how many of some values are NULL, or are not."""
    wanted, other = (ALWAYS, NEVER) if name == "num_nulls" else (NEVER, ALWAYS)
    least = sum(value.null == wanted for value in args)
    most = sum(value.null != other for value in args)
    const = ("int", least) if least == most else ("range", least, True, most, True)
    return Value(NEVER, blurred=_blurred(args), const=const)


def _blurred(args: list[Value]) -> bool:
    return any(value.blurred for value in args)


def _called(function: Function, args: list[Value], *, total: bool) -> Value:
    null = any_null(value.null for value in args)
    why = next((value.why for value in args if value.why), "")
    if not function.strict:
        mixed = any(value.null == ALWAYS for value in args)
        listed = total and null == NEVER
        reason = (why or _of_null(function)) if total else _not_total(function)
        return VALUE if listed else unknown(reason, blurred=mixed or _blurred(args))
    if null == ALWAYS:
        return NOTHING
    if null == NEVER and not total:
        null, why = UNKNOWN, _not_total(function)
    return Value(null, blurred=_blurred(args), why=why)


def _not_total(function: Function) -> str:
    if function.own and _FIELDS.match(function.name):
        return "there may be no such key, or its value is null"
    return f"{function.name}() is not known never to give NULL"


def _of_null(function: Function) -> str:
    return f"what {function.name}() gives for NULL is not followed"


def _of_a_set(level: Level, node: Node, function: Function, evaluate: Evaluate) -> Value:
    """Return what a set-returning function in a select list gives in each row."""
    if not function.own or level.analysis.several_sets:
        return unknown("sets of different lengths are filled up with NULL")
    nulls = known.row_states(function.signature, function.name)
    args = node.nodes("args")
    if function.signature == "unnest(anyarray)":
        return Value(elements_state(level, args[0], evaluate), why=ELEMENTS)
    if nulls is None:
        return unknown(f"{function.name}() is not known never to give NULL")
    if len(nulls) == 1:
        return Value(nulls[0], why=f"{function.name}() may give NULL")
    # A row, whatever is in it.
    return VALUE


def elements_state(level: Level, array: Any, evaluate: Evaluate) -> int:
    """Return whether an element of an array can be NULL."""
    if array.kind == "SUBLINK" and array.number("subLinkType") == _ARRAY_OF_ROWS:
        return level.analysis.query(array["subselect"], level).column(0).state
    states = element_states(level, array, evaluate)
    if states is None:
        return UNKNOWN
    # One of them: NULL in each row only if all of them are.
    return any_null(states) if set(states) <= {ALWAYS} else min(any_null(states), SOME)


def element_states(level: Level, array: Any, evaluate: Evaluate) -> list[int] | None:
    """Return the states of an array's elements, none of an empty one; None if not known."""
    if not isinstance(array, Node):
        return None
    if array.kind == "CONST":
        return plain_elements(array)
    if array.kind in ("RELABELTYPE", "ARRAYCOERCEEXPR"):
        return element_states(level, array["arg"], evaluate)
    if array.kind not in ("ARRAYEXPR", "ARRAY"):
        return None
    if not array.flag("multidims"):
        return [evaluate(level, item).null for item in array.nodes("elements")]
    found: list[int] = []
    for item in array.nodes("elements"):
        inner = element_states(level, item, evaluate)
        if inner is None:
            return None
        found += inner
    return found


def operator_value(level: Level, node: Node, evaluate: Evaluate) -> Value:
    """Return what is known of an operator between values."""
    catalog = level.analysis.catalog
    operator = catalog.operators.get(node.number("opno"))
    function = catalog.functions.get(node.number("opfuncid"))
    if operator is None or function is None:
        return unknown("its operator could not be looked up")
    args = [evaluate(level, arg) for arg in node.nodes("args")]
    special = _special(function, args) if operator.own else None
    if special is not None:
        return special
    found = _called(function, args, total=_total_operator(operator, function))
    if operator.own and len(args) == 2 and found.null != ALWAYS:
        exact = is_exact(level, node)
        outcome = compared(operator.name, args[0].const, args[1].const, exact=exact)
        if outcome is not None:
            return evolve(TRUE if outcome else FALSE, null=found.null, blurred=found.blurred)
    return found


def aggregate_value(level: Level, node: Node, evaluate: Evaluate) -> Value:
    """Return what is known of an aggregate over the rows of its own level."""
    owner = level.up(node.number("agglevelsup"))
    function = level.analysis.catalog.functions.get(node.number("aggfnoid"))
    if function is None or not function.own:
        return unknown("an aggregate of your own")
    name = function.name
    fed = _fed(level, owner, node, evaluate)
    if name == "count":
        return {ALWAYS: _ZERO, NEVER: _COUNTED}.get(fed, VALUE)
    if name in known.COUNTS:
        return VALUE
    if name in known.GATHERING:
        rows = _rows(owner)
        if rows != ALWAYS and not _all_pass(level, owner, node, evaluate):
            rows = max(rows, SOME)
        return NOTHING if rows == ALWAYS else Value(rows)
    if name in known.TOTAL_AGGREGATES:
        const = _aggregated(owner, name, node, evaluate)
        return NOTHING if fed == ALWAYS else Value(fed, const=const, why=_UNFED)
    if name in known.SPREADS:
        # Of a single row there is none.
        return NOTHING if fed == ALWAYS else Value(max(SOME, fed))
    direct = any_null(evaluate(level, arg).null for arg in node.nodes("aggdirectargs"))
    if name in known.ORDERED and direct == NEVER:
        return NOTHING if fed == ALWAYS else Value(fed, why=_UNFED)
    if name in known.RANKS:
        return VALUE
    return NOTHING if fed == ALWAYS else unknown(f"{name}() is not known never to give NULL")


def _aggregated(owner: Level, name: str, node: Node, evaluate: Evaluate) -> Any:
    """Return what is known of a sum, minimum or maximum of numbers, from what is of each."""
    if name not in ("sum", "min", "max") or node.number("agglevelsup"):
        return None
    with owner.over(groups=False), owner.plainly():
        const = evaluate(owner, node.nodes("args")[0]).const if node.nodes("args") else None
    if const is None or not is_of(const, NUMBERS):
        return None
    if name != "sum":
        return const
    if const[0] not in NUMBERS:
        return None
    least, within = (const[1], True) if const[0] == "int" else const[1:3]
    if least is None or least < 0:
        return None
    # None of them is smaller, and none takes anything away.
    return ("range", least, within, None, False)


def none_atom(level: Level, node: Node, evaluate: Evaluate) -> Any:
    """Return the atom that no value goes into an aggregate."""
    if any(_is_random(level, part) for part in node.walk()):
        # It is computed anew for each aggregate, and may be another value.
        return ("none", node)
    filtered = node["aggfilter"].key if node["aggfilter"] is not None else ""
    args = node.nodes("args")
    first = _told_by(level, args[0]["expr"]) if args else ""
    if args and filtered and not node.number("agglevelsup"):
        with level.over(groups=False), level.plainly():
            if evaluate(level, args[0]).null == NEVER:
                # Each row that passes the filter brings a value, as for count(*).
                first = ""
    return ("none", first, filtered, node["agglevelsup"])


def _told_by(level: Level, node: Node) -> Any:
    """Return what decides whether an aggregate's argument is NULL: its text, or just joins."""
    rel = level.rels.get(node.number("varno")) if node.kind == "VAR" else None
    if rel is None or rel.aliases is not None or node.number("varlevelsup"):
        return node.key
    col = rel.col(node.number("varattno"))
    joins = rel.joins | col.joins
    return frozenset(joins) if col.null == NEVER and joins else node.key


def _is_random(level: Level, node: Node) -> bool:
    functions = level.analysis.catalog.functions
    called = [functions.get(node.number(name)) for name in ("funcid", "opfuncid")]
    return any(function is not None and function.volatility == "v" for function in called)


def _rows(owner: Level) -> int:
    """Return the state of what is NULL where there is no row."""
    if owner.filled:
        return NEVER
    empty = owner.env.get(EMPTY)
    return SOME if empty is None else ALWAYS if empty else NEVER


def _fed(level: Level, owner: Level, node: Node, evaluate: Evaluate) -> int:
    """Return the state of what is NULL where no value goes into an aggregate."""
    rows = _rows(owner)
    if rows == ALWAYS:
        return ALWAYS
    args = node.nodes("args")
    null = NEVER
    if args:
        with owner.over(groups=False):
            null = evaluate(level, args[0]).null
            if null != NEVER:
                # The other rows of the group need not be as the one looked at.
                with owner.plainly():
                    null = evaluate(level, args[0]).null
    passing = _all_pass(level, owner, node, evaluate)
    if null == NEVER and passing:
        return rows
    assumed = owner.env.get(none_atom(level, node, evaluate))
    if assumed is not None:
        return ALWAYS if assumed else NEVER
    if null == ALWAYS:
        return ALWAYS
    return max(rows, null, NEVER if passing else SOME)


def _all_pass(level: Level, owner: Level, node: Node, evaluate: Evaluate) -> bool:
    """Return whether every row passes an aggregate's FILTER."""
    if node["aggfilter"] is None:
        return True
    with owner.over(groups=False), owner.plainly():
        return _holds(evaluate(level, node["aggfilter"]))


def _holds(condition: Value) -> bool:
    return condition.null == NEVER and not condition.false


def window_value(level: Level, node: Node, evaluate: Evaluate) -> Value:
    """Return what is known of a window function."""
    function = level.analysis.catalog.functions.get(node.number("winfnoid"))
    if function is None or not function.own:
        return unknown("a window function of your own")
    name = function.name
    args = node.nodes("args")
    counts = name == "count" and _row_counts(level, node, evaluate)
    if name in known.RANKS or name in known.COUNTS:
        return _COUNTED if counts else VALUE
    if name == "ntile":
        return Value(max(evaluate(level, args[0]).null, NEVER))
    with level.plainly():
        values = [evaluate(level, arg) for arg in args]
    nulls = [value.null for value in values]
    if name in ("lag", "lead"):
        if len(nulls) < 3:
            return Value(SOME)
        return Value(min(max(nulls), SOME))
    if name == "nth_value":
        const = evaluate(level, args[1]).const
        beyond = const is not None and const[0] == "int" and const[1] > 1
        return Value(SOME) if beyond else unknown("its frame may be shorter")
    if name in known.SPREADS:
        return Value(SOME)
    if not _is_fed_by_row(level, node, evaluate):
        listed = name in known.TOTAL_AGGREGATES or name in _ENDS
        return Value(SOME) if listed else unknown("its frame may be empty")
    if name in known.GATHERING:
        return VALUE
    if name in _ENDS:
        return Value(nulls[0], const=values[0].const, why=f"{function.name}() may give NULL")
    if name in known.TOTAL_AGGREGATES:
        null = min(evaluate(level, args[0]).null, nulls[0])
        return Value(null, const=_aggregated(level, name, node, evaluate))
    return unknown(f"{name}() is not known never to give NULL")


_ENDS: Final = ("first_value", "last_value")


def _is_fed_by_row(level: Level, node: Node, evaluate: Evaluate) -> bool:
    """Return whether the row itself is in the frame, and passes the FILTER."""
    passes = node["aggfilter"] is None or _holds(evaluate(level, node["aggfilter"]))
    return passes and _frame_has_current_row(level, node)


def _row_counts(level: Level, node: Node, evaluate: Evaluate) -> bool:
    nulls = [evaluate(level, arg).null for arg in node.nodes("args")]
    return set(nulls) <= {NEVER} and _is_fed_by_row(level, node, evaluate)


def _frame_has_current_row(level: Level, node: Node) -> bool:
    options = level.windows.get(node.number("winref"), 0)
    return bool(
        options & _STARTS_BY_CURRENT_ROW
        and options & _ENDS_BY_CURRENT_ROW
        and not options & _EXCLUDES
    )
