"""bool, the integers, the floats, numeric and money."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any, Final, NamedTuple

from liteorm.postgres._types.exact import exact, exact_text
from liteorm.postgres._types.forms import Form, Scalar, Unsendable, untold, wrong_class


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise wrong_class(value, "bool")
    return value


def int_between(low: int, high: int) -> Callable[[Any], int]:
    """Return the check of integers of a range."""

    def ready(value: Any) -> int:
        # A bool is an int, for Python and for type checkers.
        if not isinstance(value, int):
            raise wrong_class(value, "int")
        if not low <= value <= high:
            raise Unsendable(f"it is out of range ({low} to {high})")
        return int(value)

    return ready


def int_text(value: Any) -> str:
    """Return the text form of an integer."""
    return str(int(value))


def double(value: Any) -> float:
    """Return a float, or an int that a float holds exactly, as a float."""
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        # An int is a float to type checkers; one that a float cannot hold exactly is not.
        try:
            if float(value) == value:
                return float(value)
        except OverflowError:
            pass
        raise Unsendable("it is an int that a float cannot hold exactly")
    raise wrong_class(value, "float")


def single(value: Any) -> float:
    """Return a float within the range of real."""
    number = double(value)
    try:
        [stored] = struct.unpack("!f", struct.pack("!f", number))
    except OverflowError:
        raise Unsendable("it is out of range for real") from None
    if number and not stored:
        raise Unsendable("it is too small for real, which would make it 0")
    return number


def _decimal(value: Any) -> Any:
    if isinstance(value, Decimal | int):
        return int(value) if isinstance(value, bool) else exact(value)
    raise wrong_class(value, "Decimal")


def _numeric_text(value: Any) -> str:
    number = exact(value)
    # PostgreSQL's NaN neither signals nor carries anything.
    return "NaN" if isinstance(number, Decimal) and number.is_nan() else str(number)


def _int_type(oid: int, bits: int) -> Form:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    # The dumper of int8 raises on overflow; the two others would cut the number off.
    unless = "" if bits == 64 else f"not {low} <= {{v}} <= {high}"
    ready = int_between(low, high)
    return Form(Scalar("int", ready, int_text, int, unless, oid, strict=bits == 64))


class MoneyUnit(NamedTuple):
    """What the server's lc_monetary says of its currency."""

    one: int
    """How many of the smallest unit make one."""
    point: str
    """What stands before the decimals."""


# Python's own context is the application's, which may want few digits or other traps.
_EXACT: Final = Context(prec=40, traps=[Inexact, InvalidOperation, Overflow])


def money_reader(unit: int) -> Callable[[bytes], Decimal]:
    """Return the reader of money, whose unit is what the server's lc_monetary calls 1."""
    digits = len(str(unit)) - 1

    def read(data: bytes) -> Decimal:
        return _EXACT.scaleb(int.from_bytes(data, "big", signed=True), -digits)

    return read


def money_sent(unit: MoneyUnit | None) -> Scalar | None:
    """Return how money is sent: as a count of the smallest unit, which the server's locale says."""
    if unit is None:
        return None

    def count(value: Any) -> bytes:
        try:
            exact = _EXACT.multiply(Decimal(_decimal(value)), unit.one)
            if exact != int(exact):
                raise Unsendable(f"it is finer than money is here (1/{unit.one})")
            return struct.pack("!q", int(exact))
        except (struct.error, ArithmeticError, ValueError):
            raise Unsendable("it is out of range for money") from None

    def text(value: Any) -> str:
        # In the locale's own words: a comma may stand before the decimals, or after thousands.
        digits = format(_decimal(value), "f")
        return digits.replace(".", unit.point)

    return Scalar("Decimal", count, text, bound=True)


FORMS: Final[dict[str, Form]] = {
    "bool": Form(Scalar("bool", _bool, lambda v: "t" if v else "f", bool, dumper=16)),
    "int2": _int_type(21, 16),
    "int4": _int_type(23, 32),
    "int8": _int_type(20, 64),
    "float4": Form(
        Scalar(
            *("float", single, exact_text, float),
            *("{v} and not 1e-37 <= abs({v}) <= 3e38", 700),
            bound=True,
        )
    ),
    "float8": Form(Scalar("float", double, exact_text, float, dumper=701)),
    "numeric": Form(Scalar("Decimal", _decimal, _numeric_text, Decimal, dumper=1700, strict=True)),
    # Read and sent in binary, once the server has told how many decimals it has.
    "money": Form(from_text=untold("money")),
}
