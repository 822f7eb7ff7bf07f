"""Whether a function call can be NULL: plain functions, aggregates and window functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from liteorm.postgres._describing.nulls import builtins as known
from liteorm.postgres._describing.nulls.facts import Null
from liteorm.postgres._describing.nulls.grammar import kind, name_of

if TYPE_CHECKING:
    from liteorm.postgres._describing.nulls.expressions import Evaluator, Value

# Bits of FRAMEOPTION_* in PostgreSQL's nodes/parsenodes.h.
_STARTS_BY_CURRENT_ROW = 0x00020 | 0x00200 | 0x00800
_ENDS_BY_CURRENT_ROW = 0x00100 | 0x00400 | 0x04000
_EXCLUDES = 0x08000 | 0x10000 | 0x20000


def call(evaluate: Evaluator, node: Any) -> Value:
    """Return what is known of a function call's value."""
    schema, name = name_of(node.funcname)
    facts = evaluate.level.facts
    own = schema == "pg_catalog" or (schema is None and name not in facts.foreign_functions)
    if not own:
        return _unknown_call(evaluate, node, name)
    if node.over is not None:
        return _window(evaluate, node, name), False
    if is_aggregate(node):
        return _aggregate(evaluate, node, name), name in known.COUNTS
    return _plain_call(evaluate, node, name)


def is_aggregate(node: Any) -> bool:
    """Return whether a call is one of PostgreSQL's own aggregates, not over a window."""
    if kind(node) != "FuncCall" or node.over is not None:
        return False
    if node.agg_star or node.agg_filter or node.agg_order or node.agg_distinct:
        return True
    name = name_of(node.funcname)[1]
    return any(
        name in names
        for names in (
            known.COUNTS,
            known.TOTAL_AGGREGATES,
            known.GATHERING,
            known.OTHER_AGGREGATES,
        )
    )


def may_return_set(node: Any) -> bool:
    """Return whether a call might give no row, or several."""
    name = name_of(node.funcname)[1]
    return not (
        is_aggregate(node)
        or node.over is not None
        or name in known.TOTAL_FUNCTIONS | known.TEXT_FUNCTIONS | known.NEVER_NULL
    )


def _plain_call(evaluate: Evaluator, node: Any, name: str) -> Value:
    if name in known.NEVER_NULL and not node.func_variadic:
        return False, name.startswith(("concat", "num", "quote"))
    args = [evaluate(arg) for arg in node.args or ()]
    plain = all(plain for _, plain in args) and "json" not in name
    total = (
        name in known.TOTAL_FUNCTIONS
        or (name in known.TEXT_FUNCTIONS and plain)
        or (name == "substring" and _by_position(node))
        or (name == "extract" and _monotonic(node))
    )
    if not total or node.func_variadic or any(null is not False for null, _ in args):
        return _unknown_call(evaluate, node, name)[0], plain and total
    return False, plain


def _by_position(node: Any) -> bool:
    # substring(x FROM 'pattern') gives NULL where nothing matches.
    return all(kind(arg) == "A_Const" and kind(arg.val) == "Integer" for arg in node.args[1:])


def _monotonic(node: Any) -> bool:
    field = node.args[0]
    return kind(field) == "A_Const" and field.val.sval.lower() in known.MONOTONIC_FIELDS


def _unknown_call(evaluate: Evaluator, node: Any, name: str) -> Value:
    strict = name in evaluate.level.facts.strict_functions and name not in known.ROW_SOURCES
    if not strict or node.func_variadic:
        return None, False
    return (True if any(evaluate.null(arg) for arg in node.args or ()) else None), False


def _aggregate(evaluate: Evaluator, node: Any, name: str) -> Null:
    if name in known.COUNTS:
        return False
    if node.agg_within_group or not (name in known.TOTAL_AGGREGATES or name in known.GATHERING):
        return None
    if node.agg_filter is not None or not evaluate.level.grouped:
        return True
    return False if name in known.GATHERING else _argument(evaluate, node)


def _argument(evaluate: Evaluator, node: Any) -> Null:
    level = evaluate.level
    before, level.aggregating = level.aggregating, True
    try:
        return evaluate.null(node.args[0])
    finally:
        level.aggregating = before


def _window(evaluate: Evaluator, node: Any, name: str) -> Null:
    if name in known.RANKS or name in known.COUNTS:
        return False
    if name == "ntile":
        return evaluate.null(node.args[0])
    if name in ("lag", "lead"):
        nulls = [evaluate.null(arg) for arg in node.args]
        return not (len(nulls) == 3 and set(nulls) == {False})
    if node.agg_filter is not None or not _frame_has_current_row(evaluate, node.over):
        return True if name in known.TOTAL_AGGREGATES else None
    if name in known.GATHERING:
        return False
    if name in known.TOTAL_AGGREGATES or name in ("first_value", "last_value"):
        return evaluate.null(node.args[0])
    return None


def _frame_has_current_row(evaluate: Evaluator, window: Any) -> bool:
    options = window.frameOptions
    if window.name is not None:
        options = evaluate.level.windows.get(window.name, 0)
    return bool(
        options & _STARTS_BY_CURRENT_ROW
        and options & _ENDS_BY_CURRENT_ROW
        and not options & _EXCLUDES
    )
