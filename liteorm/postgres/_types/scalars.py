"""Base types: which Python values each takes, and their bytes and text on the way to the server.

Strict on purpose. psycopg's compiled dumpers, when chosen by the column's type, take what they are
given: they cut integers to their width, take any object for a bool, and read dates and times out
of whatever lies in memory. Here a value passes only if its class is one that the column's type
means; the compiled dumper then sees nothing else.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any, Final
from uuid import UUID

import attrs

from liteorm._core.values.interval import Interval
from liteorm.errors import DataError
from liteorm.postgres._types.dumpers import pack_interval
from liteorm.postgres._types.json import is_a, json_bytes

TEXT_OID: Final = 25
BYTEA_OID: Final = 17


class Misfit(Exception):
    """A value that a column cannot take; says why, without the value and without the place."""


def misfit(value: Any, expected: str) -> Misfit:
    """Return the error for a value of the wrong class."""
    name = type(value).__qualname__
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return Misfit(f"it is {article} {name}, expected {expected}")


@attrs.frozen
class Scalar:
    """How values of one base type are sent.

    Args:
        expected: The Python classes it takes, in words.
        ready: Turns a value into one of class `fast` (or, without `dumper`, into bytes).
        text: Gives the text form of a value that `ready` has passed.
        fast: The class whose values need no look, but for `unless`.
        unless: A condition, as source over `{v}`, under which a `fast` value must be looked at.
        dumper: The oid whose compiled dumper packs a ready value; 0 if `ready` gives bytes.
        strict: Whether that dumper raises for a value of any other class that it cannot send as
            what it is.
        bound: Whether a parameter must say the column's type, because its Python class does not.
    """

    expected: str
    ready: Callable[[Any], Any]
    text: Callable[[Any], str]
    fast: type | None = None
    unless: str = ""
    dumper: int = 0
    strict: bool = False
    bound: bool = False


def member_value(value: Any, wanted: tuple[type, ...]) -> Any:
    """Return what is stored for an enum member: its value if that fits, else its name."""
    if not isinstance(value, Enum):
        return value
    inner = value.value
    return inner if isinstance(inner, wanted) else value.name


def _bool(value: Any) -> bool:
    if type(value) is not bool:
        raise misfit(value, "bool")
    return value


def _int_between(low: int, high: int) -> Callable[[Any], int]:
    def ready(value: Any) -> int:
        value = member_value(value, (int,))
        # A bool is an int, for Python and for type checkers.
        if not isinstance(value, int):
            raise misfit(value, "int")
        if not low <= value <= high:
            raise Misfit(f"it is out of range ({low} to {high})")
        return int(value)

    return ready


def _float(value: Any) -> float:
    value = member_value(value, (float, int))
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        # An int is a float to type checkers; one that a float cannot hold exactly is not.
        try:
            if float(value) == value:
                return float(value)
        except OverflowError:
            pass
        raise Misfit("it is an int that a float cannot hold exactly")
    raise misfit(value, "float")


def _float4(value: Any) -> float:
    number = _float(value)
    try:
        struct.pack("!f", number)
    except OverflowError:
        raise Misfit("it is out of range for real") from None
    return number


def _float_text(value: float) -> str:
    return repr(value)


def _decimal(value: Any) -> Any:
    value = member_value(value, (Decimal, int))
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return int(value)
    raise misfit(value, "Decimal")


def _str(value: Any) -> str:
    value = member_value(value, (str,))
    if not isinstance(value, str):
        raise misfit(value, "str")
    if "\0" in value:
        raise Misfit("PostgreSQL's text cannot hold the character NUL")
    return str.__str__(value)


def _versioned(value: Any) -> bytes:
    # The binary form of jsonpath and of the ltree types is a version number, then the text.
    return b"\x01" + _str(value).encode()


def _one_byte(value: Any) -> bytes:
    data = _str(value).encode()
    if len(data) > 1:
        raise Misfit('it has more than the one byte that "char" holds')
    return data or b"\0"


def _bytes(value: Any) -> bytes:
    if not is_a(value, bytes | bytearray | memoryview):
        raise misfit(value, "bytes")
    return bytes(value)


def _bytes_text(value: Any) -> str:
    return "\\x" + _bytes(value).hex()


def _date(value: Any) -> date:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise misfit(value, "date")
    return value


def _time(value: Any) -> time:
    if not isinstance(value, time):
        raise misfit(value, "time")
    if value.tzinfo is not None:
        raise Misfit("it is a time with a time zone, the column has none")
    return value


def _timetz(value: Any) -> time:
    if not isinstance(value, time):
        raise misfit(value, "time with tzinfo")
    if value.utcoffset() is None:
        raise Misfit("it is a time without a UTC offset, the column has one")
    return value


def _timestamp(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise misfit(value, "datetime")
    if value.tzinfo is not None:
        raise Misfit("it is a datetime with a time zone, the column has none")
    return value


def _timestamptz(value: Any) -> datetime:
    if not isinstance(value, datetime):
        raise misfit(value, "datetime with tzinfo")
    if value.utcoffset() is None:
        raise Misfit("it is a datetime without a time zone, the column has one: give it a tzinfo")
    return value


def _isoformat(value: Any) -> str:
    return str(value.isoformat())


def _interval(value: Any) -> bytes:
    return pack_interval(_as_interval(value))


def _as_interval(value: Any) -> Interval:
    if isinstance(value, timedelta):
        return Interval.from_timedelta(value)
    if not isinstance(value, Interval):
        raise misfit(value, "timedelta or Interval")
    return value


def _interval_text(value: Any) -> str:
    whole = _as_interval(value)
    return f"{whole.months} mons {whole.days} days {whole.microseconds} microseconds"


def _uuid(value: Any) -> UUID:
    if not isinstance(value, UUID):
        raise misfit(value, "UUID")
    return value


def _json(value: Any) -> bytes:
    try:
        return json_bytes(value)
    except DataError as exc:
        raise Misfit(exc.message) from exc


def _jsonb(value: Any) -> bytes:
    return b"\x01" + _json(value)


def _json_text(value: Any) -> str:
    return _json(value).decode()


_AF_INET, _AF_INET6 = 2, 3


def _inet(value: Any) -> bytes:
    if isinstance(value, IPv4Interface | IPv6Interface):
        bits = value.network.prefixlen
    elif isinstance(value, IPv4Address | IPv6Address):
        bits = value.max_prefixlen
    else:
        raise misfit(value, "an IP address or interface")
    if isinstance(value, IPv6Address) and value.scope_id:
        raise Misfit("it is an IPv6 address with a scope, which inet cannot hold")
    family = _AF_INET if value.version == 4 else _AF_INET6
    packed: bytes = value.packed
    return bytes((family, bits, 0, len(packed))) + packed


def _inet_text(value: Any) -> str:
    _inet(value)
    return str(value)


def _cidr(value: Any) -> bytes:
    if not isinstance(value, IPv4Network | IPv6Network):
        raise misfit(value, "an IP network")
    packed = value.network_address.packed
    family = _AF_INET if value.version == 4 else _AF_INET6
    return bytes((family, value.prefixlen, 1, len(packed))) + packed


def _cidr_text(value: Any) -> str:
    _cidr(value)
    return str(value)


def _mac(length: int) -> Callable[[Any], bytes]:
    def ready(value: Any) -> bytes:
        digits = re.sub(r"[:.\- ]", "", _str(value))
        if not re.fullmatch(f"[0-9a-fA-F]{{{length * 2}}}", digits):
            raise Misfit(f"it is not a MAC address of {length} bytes")
        return bytes.fromhex(digits)

    return ready


def _bits(value: Any) -> bytes:
    digits = _str(value)
    if digits.strip("01"):
        raise Misfit("it has other characters than 0 and 1")
    padded = digits.ljust((len(digits) + 7) // 8 * 8, "0")
    data = bytes(int(padded[i : i + 8], 2) for i in range(0, len(padded), 8))
    return struct.pack("!i", len(digits)) + data


def _point_parts(value: Any) -> tuple[float, float]:
    if is_a(value, tuple | list):
        if len(value) == 2:
            return _float(value[0]), _float(value[1])
    elif isinstance(value, str):
        found = re.fullmatch(r"\s*\(?\s*([^,()\s]+)\s*,\s*([^,()\s]+)\s*\)?\s*", value)
        if found:
            try:
                return float(found[1]), float(found[2])
            except ValueError:
                pass
        raise Misfit("it is not a point: expected (x,y)")
    raise misfit(value, "tuple[float, float] or str")


def _point(value: Any) -> bytes:
    return struct.pack("!dd", *_point_parts(value))


def _point_text(value: Any) -> str:
    x, y = _point_parts(value)
    return f"({x!r},{y!r})"


def _lsn(value: Any) -> bytes:
    found = re.fullmatch(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})", _str(value))
    if not found:
        raise Misfit("it is not a log position such as 16/B374D848")
    return struct.pack("!II", int(found[1], 16), int(found[2], 16))


def _tid(value: Any) -> bytes:
    found = re.fullmatch(r"\((\d{1,10}),(\d{1,5})\)", _str(value))
    try:
        if found:
            return struct.pack("!IH", int(found[1]), int(found[2]))
    except struct.error:
        pass
    raise Misfit("it is not a row's place such as (0,1)")


def _unsigned(size: str) -> Callable[[Any], bytes]:
    check = _int_between(0, 2**32 - 1 if size == "I" else 2**64 - 1)

    def ready(value: Any) -> bytes:
        return struct.pack("!" + size, check(value))

    return ready


def _int_text(value: Any) -> str:
    return str(int(value))


def _pairs(value: Any) -> list[tuple[str, str | None]]:
    if not is_a(value, dict):
        raise misfit(value, "dict[str, str | None]")
    items: dict[Any, Any] = value
    for key, held in items.items():
        if not isinstance(key, str) or not isinstance(held, str | None):
            raise Misfit("it has keys or values that are not text, which hstore cannot hold")
    return list(items.items())


def _hstore(value: Any) -> bytes:
    pairs = _pairs(value)
    out = [struct.pack("!i", len(pairs))]
    for key, held in pairs:
        data = key.encode()
        out += [struct.pack("!i", len(data)), data]
        if held is None:
            out.append(b"\xff\xff\xff\xff")
        else:
            data = held.encode()
            out += [struct.pack("!i", len(data)), data]
    return b"".join(out)


def _hstore_text(value: Any) -> str:
    def quoted(text: str | None) -> str:
        if text is None:
            return "NULL"
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    return ", ".join(f"{quoted(key)}=>{quoted(held)}" for key, held in _pairs(value))


def _floats(value: Any) -> list[float]:
    if not is_a(value, list | tuple):
        raise misfit(value, "list[float]")
    return [_float4(item) for item in value]


def _vector(value: Any) -> bytes:
    numbers = _floats(value)
    try:
        return struct.pack(f"!hh{len(numbers)}f", len(numbers), 0, *numbers)
    except struct.error:
        raise Misfit("it has too many dimensions for a vector") from None


def _vector_text(value: Any) -> str:
    return "[" + ",".join(map(repr, _floats(value))) + "]"


def _int_type(oid: int, bits: int) -> Scalar:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    # The dumper of int8 raises on overflow; the two others would cut the number off.
    unless = "" if bits == 64 else f"not {low} <= {{v}} <= {high}"
    return Scalar("int", _int_between(low, high), _int_text, int, unless, oid, strict=bits == 64)


def _text_type(ready: Callable[[Any], Any] = _str) -> Scalar:
    if ready is _str:
        return Scalar("str", _str, _str, str, dumper=TEXT_OID, strict=True)
    return Scalar("str", ready, _str, bound=True)


_UNSIGNED = ("oid", "xid", "cid", "regproc", "regprocedure", "regoper", "regoperator", "regclass")
_REG = ("regtype", "regrole", "regnamespace", "regconfig", "regdictionary", "regcollation")

SCALARS: Final[dict[str, Scalar]] = {
    "bool": Scalar("bool", _bool, lambda v: "t" if v else "f", bool, dumper=16),
    "int2": _int_type(21, 16),
    "int4": _int_type(23, 32),
    "int8": _int_type(20, 64),
    "float4": Scalar(
        "float", _float4, _float_text, float, "not -3e38 <= {v} <= 3e38", 700, bound=True
    ),
    "float8": Scalar("float", _float, _float_text, float, dumper=701),
    "numeric": Scalar("Decimal", _decimal, str, Decimal, dumper=1700, strict=True),
    "text": _text_type(),
    "varchar": _text_type(),
    "bpchar": _text_type(),
    "name": _text_type(),
    "xml": _text_type(),
    "citext": _text_type(),
    "refcursor": _text_type(),
    "char": _text_type(_one_byte),
    "jsonpath": _text_type(_versioned),
    "ltree": _text_type(_versioned),
    "lquery": _text_type(_versioned),
    "ltxtquery": _text_type(_versioned),
    "bytea": Scalar("bytes", _bytes, _bytes_text, bytes, dumper=17),
    "date": Scalar("date", _date, _isoformat, date, dumper=1082),
    "time": Scalar("time", _time, _isoformat, time, "{v}.tzinfo is not None", 1083),
    "timetz": Scalar("time", _timetz, _isoformat, time, "{v}.tzinfo is None", 1266),
    "timestamp": Scalar(
        "datetime", _timestamp, _isoformat, datetime, "{v}.tzinfo is not None", 1114, strict=True
    ),
    "timestamptz": Scalar(
        "datetime", _timestamptz, _isoformat, datetime, "{v}.tzinfo is None", 1184, strict=True
    ),
    "interval": Scalar("timedelta", _interval, _interval_text, bound=True),
    "uuid": Scalar("UUID", _uuid, str, UUID, dumper=2950),
    "json": Scalar("a value that has a JSON form", _json, _json_text, bound=True),
    "jsonb": Scalar("a value that has a JSON form", _jsonb, _json_text, bound=True),
    "inet": Scalar("an IP address", _inet, _inet_text, bound=True),
    "cidr": Scalar("an IP network", _cidr, _cidr_text, bound=True),
    "macaddr": _text_type(_mac(6)),
    "macaddr8": _text_type(_mac(8)),
    "bit": _text_type(_bits),
    "varbit": _text_type(_bits),
    "point": Scalar("tuple[float, float]", _point, _point_text, bound=True),
    "pg_lsn": _text_type(_lsn),
    "tid": _text_type(_tid),
    "xid8": Scalar("int", _unsigned("Q"), _int_text, bound=True),
    **{name: Scalar("int", _unsigned("I"), _int_text, bound=True) for name in (*_UNSIGNED, *_REG)},
    "hstore": Scalar("dict[str, str | None]", _hstore, _hstore_text, bound=True),
    "vector": Scalar("list[float]", _vector, _vector_text, bound=True),
}
"""Base types with a binary form that is written here, by their internal name."""

TEXT_ONLY: Final = Scalar("str", _str, _str)
"""Any other base type: given as its text, which the server parses."""
