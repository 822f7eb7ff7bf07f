"""Which object, and which field of it, an error of the server was about.

Of a COPY the server says it. Of a statement it names a column, a constraint or a type at best: then
a value is blamed only if it does break what its column declares, or if nothing else can be meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from liteorm._core.scanning.types import PgType, underlying
from liteorm._core.sql.writable import value_of
from liteorm._core.values.members import stored
from liteorm.errors import Error, StatementError
from liteorm.postgres._types.forms import ARRAYS, Unsendable, is_a
from liteorm.postgres._writing.targets import SentColumn, Target

# CONTEXT of an error during COPY. The words before the numbers are in the server's language.
_CONTEXT: Final = re.compile(r"^COPY .*, \S+ (\d+)(?:, \S+ (.*))?$", re.MULTILINE)
# The same of an error in what a parameter holds.
_PARAMETER: Final = re.compile(r" \$(\d+)(?: = .*)?\Z")
_MODIFIERS: Final = re.compile(r"\((\d+)(?:,(-?\d+))?\)(?:\[\])*$")
_NUL_IN_JSON: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_GENERATED: Final = ("428C9", "42P10")
_FILLED: Final = "declare the field Annotated[…, Column(generated=True)]: it is never sent"
_FRESH: Final = (
    "None is sent as NULL; the database fills the column where it is left out: "
    "Annotated[…, Column(generated=True)], or UNSET"
)


def locate(error: Error, target: Target, objects: Sequence[Any] = ()) -> None:
    """Say which object a COPY failed at, where the server knows; or of those given.

    Args:
        error: The server's error.
        target: Where the objects went.
        objects: All of them, if they are at hand.
    """
    diag = getattr(error.__cause__, "diag", None)
    found = _CONTEXT.search(diag.context or "") if diag is not None else None
    if found is None:
        name_field(error, target, objects, 0 if objects else None)
        return
    rest = found[2] or ""
    named = [
        sent
        for sent in target.columns
        if (name := sent.column.name) == rest or rest.startswith(name + ":") or error.column == name
    ]
    error.row = int(found[1]) - 1
    _tell(error, target, named[0] if named else _in_constraint(error, target), error.row)


def refuse_numbers(target: Target) -> None:
    """Refuse what an INSERT is refused and COPY stores: numbers that are the database's to give.

    Raises:
        StatementError: A column is GENERATED ALWAYS AS IDENTITY.
    """
    for sent in target.columns:
        if sent.column.identity:
            error = StatementError(
                f'cannot insert a non-DEFAULT value into column "{sent.column.name}"',
                sqlstate="428C9",
                hint=_FILLED,
            )
            _tell(error, target, sent, None)
            try:
                raise error
            finally:
                del error  # see `because`


def name_field(
    error: Error, target: Target, objects: Sequence[Any] = (), start: int | None = None
) -> None:
    """Say which field of which object a statement failed at, as far as that is certain.

    Args:
        error: The server's error.
        target: Where the objects were to go.
        objects: The objects.
        start: The number of the first of them, None if there is but one and it has no number.
    """
    if error.sqlstate is None or error.field is not None or error.row is not None:
        return
    if error.table not in (None, target.table.name) and target.traits.kind != "p":
        # What a trigger writes to.
        return
    try:
        sent, place = _at_fault(error, target, objects)
    except Exception:
        # A codec, or an object that has changed: the server's error is the one to be told.
        sent, place = None, None
    if sent is None and error.sqlstate not in _GENERATED and error.sqlstate[:2] not in ("22", "23"):
        return
    alone = start is not None and len(objects) == 1
    row = None if start is None or (place is None and not alone) else start + (place or 0)
    _tell(error, target, sent, row)


def _tell(error: Error, target: Target, sent: SentColumn | None, row: int | None) -> None:
    error.row = row
    error.table = error.table or target.table.name
    if error.schema is None:
        error.schema = target.table.schema
    place = "" if row is None else f"object {row}"
    if sent is not None:
        error.field = sent.field.init_name
        error.column = error.column or sent.column.name
        if error.sqlstate == "23502" and sent.column.fresh:
            error.hint = error.hint or _FRESH
        place = f"{target.model.name}.{error.field}{' of ' if place else ''}{place}"
    if place:
        error.message = f"{error.message} (at {place})"
        error.args = (error.message,)


def _at_fault(
    error: Error, target: Target, objects: Sequence[Any]
) -> tuple[SentColumn | None, int | None]:
    """Return the column at fault, and the place of the object, where they are known."""
    code = error.sqlstate or ""
    diag = getattr(error.__cause__, "diag", None)
    if code in _GENERATED:
        filled = [sent for sent in target.columns if sent.column.filled]
        error.hint = _FILLED if filled else error.hint
        return (filled[0] if len(filled) == 1 else None), None
    columns: Sequence[SentColumn] = target.columns
    if diag is None:
        return None, None
    if diag.context:
        parameter = _PARAMETER.search(diag.context)
        if parameter is not None:
            columns = columns[int(parameter[1]) - 1 :][:1]
        elif code != "22P05":
            # A function of the server raised it, for a value of its own.
            return None, None
    if diag.datatype_name and not (diag.context and len(columns) == 1):
        return _of_domain(diag.datatype_name, target), None
    if code == "23502" and not diag.context:
        return _of_null(error, target, objects)
    if (named := _in_constraint(error, target)) is not None:
        return named, None
    if (test := _TESTS.get(code)) is not None:
        for place, obj in enumerate(objects):
            for sent in columns:
                value = _value(target, sent, obj)
                if value is not None and test(sent, value):
                    return sent, place
    return (columns[0] if diag.context and len(columns) == 1 else None), None


def _of_null(
    error: Error, target: Target, objects: Sequence[Any]
) -> tuple[SentColumn | None, int | None]:
    for sent in target.columns:
        if sent.column.name == error.column:
            empty = (
                place for place, obj in enumerate(objects) if _value(target, sent, obj) is None
            )
            return sent, next(empty, None)
    return None, None


def _in_constraint(error: Error, target: Target) -> SentColumn | None:
    """Return the column of a constraint that is about one column only."""
    name = dict(target.traits.constraints).get(error.constraint or "")
    return next((sent for sent in target.columns if sent.column.name == name), None)


def _of_domain(name: str, target: Target) -> SentColumn | None:
    """Return the only column with a domain."""
    found = [sent for sent in target.columns if _has_domain(sent.encoder.pgtype, name)]
    return found[0] if len(found) == 1 else None


def _has_domain(type_: PgType, name: str) -> bool:
    if type_.kind == "domain" and _last_part(type_.name) == name:
        return True
    return (type_.element is not None and _has_domain(type_.element, name)) or any(
        _has_domain(part.type, name) for part in type_.attributes
    )


def _last_part(name: str) -> str:
    """Return a type's own name, of the one that the server shows: quoted where it must be."""
    if name.endswith('"'):
        inside = name[:-1].replace('""', "  ")
        return name[inside.rfind('"') + 1 : -1].replace('""', '"')
    return name.rpartition(".")[2]


def _value(target: Target, sent: SentColumn, obj: Any) -> Any:
    """Return what was sent for a column."""
    value = value_of(target.model, sent.field, obj)
    encode = sent.field.encode
    return value if value is None or encode is None else encode(value)


def _leaves(value: Any, plain: type = str) -> Iterator[Any]:
    if is_a(value, ARRAYS):
        for item in value:
            yield from _leaves(item, plain)
    elif isinstance(value, Enum):
        yield stored(value, plain)
    elif value is not None:
        yield value


def _modified(sent: SentColumn) -> tuple[str, int, int] | None:
    """Return base type, length or precision, and scale, of a column or the elements of one."""
    found = _MODIFIERS.search(sent.column.declared)
    kind = underlying(sent.encoder.pgtype)
    while kind.kind in ("array", "domain") and kind.element is not None:
        kind = kind.element
    if found is None or kind.kind != "base":
        return None
    return kind.base, int(found[1]), int(found[2] or 0)


def _too_long(sent: SentColumn, value: Any) -> bool:
    base, length, _ = _modified(sent) or ("", 0, 0)
    if base in ("varchar", "bpchar"):
        return any(isinstance(x, str) and x[length:].strip(" ") for x in _leaves(value))
    return base == "varbit" and any(len(x) > length for x in _leaves(value))


def _other_length(sent: SentColumn, value: Any) -> bool:
    base, length, _ = _modified(sent) or ("", 0, 0)
    return base == "bit" and any(len(x) != length for x in _leaves(value))


def _too_large(sent: SentColumn, value: Any) -> bool:
    base, precision, scale = _modified(sent) or ("", 0, 0)
    return base == "numeric" and any(
        _overflows(x, precision, scale) for x in _leaves(value, Decimal)
    )


def _overflows(value: Any, precision: int, scale: int) -> bool:
    """Tell whether a number, rounded to its scale, has more digits than its column."""
    number = Decimal(value)
    if not number.is_finite():
        return number.is_infinite()
    # In integers: what is exact there depends on no context. Halves are rounded away from zero.
    _, digits, exponent = number.as_tuple()
    shift = int(exponent) + scale
    if len(digits) + shift < precision:
        return False
    whole = int("".join(map(str, digits)) or "0")
    if shift >= 0:
        return whole > 0 and len(str(whole)) + shift > precision
    unit: int = 10**-shift
    limit: int = 10**precision
    return (whole + unit // 2) // unit >= limit


def _has_nul(sent: SentColumn, value: Any) -> bool:
    try:
        return "\0" in sent.encoder.text(value)
    except Unsendable as exc:
        return "NUL" in str(exc)


def _has_nul_in_json(sent: SentColumn, value: Any) -> bool:
    return _NUL_IN_JSON.search(sent.encoder.text(value)) is not None


_TESTS: Final[dict[str, Callable[[SentColumn, Any], bool]]] = {
    "22001": _too_long,
    "22026": _other_length,
    "22003": _too_large,
    "22021": _has_nul,
    "22P05": _has_nul_in_json,
}
