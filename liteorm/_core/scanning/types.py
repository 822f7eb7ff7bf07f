"""The one table: PostgreSQL's types, the Python value each gives, and the casts that mend a misfit.

Oids of built-in types are fixed by PostgreSQL's catalog (pg_type.dat). Everything that reads or
writes a value looks here; `docs/types.md` is generated from it.
"""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import uuid
from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

import attrs

from liteorm._core.models.annotations import shown
from liteorm._core.values.interval import Interval
from liteorm._core.values.ranges import Multirange, Range

TypeKind = Literal[
    "base", "array", "enum", "domain", "composite", "range", "multirange", "record", "unreadable"
]

Variant = Literal["plain", "skip", "json", "interval", "point", "moment", "deep"]
"""How a column's bytes are loaded. `plain` gives the Python value of the table below and `skip`
gives None without looking. The others leave what the declared type is built from: `json` the JSON
text (bytes; with a version byte in front for jsonb), `interval` an `Interval`, `point` a tuple,
`moment` a date or datetime or, where the value is one, `"infinity"` or `"-infinity"` for a codec.
`deep` is for what contains other values: inside, json is JSON text, an interval an `Interval`, a
point a tuple, an anonymous record a `Record`."""


class JsonText(bytes):
    """JSON text in its `deep` form: told apart from bytea by its class."""

    __slots__ = ()


class Pair(NamedTuple):
    """A point in its `deep` form."""

    x: float
    y: float


class Record(NamedTuple):
    """An anonymous record in its `deep` form: the oids of its fields beside their values."""

    oids: tuple[int, ...]
    values: tuple[Any, ...]


@attrs.frozen
class Attribute:
    """One attribute of a composite type."""

    name: str
    type: PgType


@attrs.frozen(cache_hash=True)
class PgType:
    """A PostgreSQL type as the mapper sees it. Two databases' equal types are equal."""

    oid: int
    name: str
    """As PostgreSQL's `format_type` shows it: `bigint`, `app.color[]`."""
    kind: TypeKind
    python: Any = object
    """The class of the plain Python value; `object` where values differ."""
    element: PgType | None = None
    """Of an array its element, of a domain its base, of a range its subtype, of a multirange
    its range."""
    labels: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    base: str = ""
    """Of a base type its internal name (`int8`, `citext`), found in the table below."""

    @property
    def shown(self) -> str:
        """The name of the plain Python value: `Decimal`, `list[int]`."""
        if self.kind == "array" and self.element is not None:
            return f"list[{self.element.shown}]"
        if self.kind in ("range", "multirange") and self.element is not None:
            inner = self.element if self.kind == "range" else self.element.element
            return f"{self.python.__name__}[{inner.shown if inner else 'object'}]"
        if self.kind == "domain" and self.element is not None:
            return self.element.shown
        if self.is_custom:
            return shown(self.python)
        return _SHOWN.get(self.base) or python_name(self.python)

    @property
    def is_custom(self) -> bool:
        """Whether it is a type of the application's own, whose `python` is an annotation."""
        return "." in self.base


_SHOWN = {"hstore": "dict[str, str | None]", "vector": "list[float]"}


def python_name(python: Any) -> str:
    """Return a class as a message shows it."""
    if python is type(None):
        return "None"
    return str(getattr(python, "__name__", python))


@attrs.frozen(eq=False, repr=False)
class Builtin:
    """A row of the table.

    `python` is the class of the plain value. `variants` says which other annotations the type
    fills, and by which loading. `ours` is a word on the form of the value, for the docs.
    """

    name: str
    oid: int
    array_oid: int
    sql: str
    python: Any
    variants: tuple[tuple[Any, Variant], ...] = ()
    ours: str = ""


_IP_HOSTS = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
)
_IP_NETWORKS = (ipaddress.IPv4Network, ipaddress.IPv6Network)
_POINT = tuple[float, float]

BUILTINS: Final[tuple[Builtin, ...]] = (
    Builtin("bool", 16, 1000, "boolean", bool),
    Builtin("int2", 21, 1005, "smallint", int),
    Builtin("int4", 23, 1007, "integer", int),
    Builtin("int8", 20, 1016, "bigint", int),
    Builtin("float4", 700, 1021, "real", float),
    Builtin("float8", 701, 1022, "double precision", float),
    Builtin("numeric", 1700, 1231, "numeric", decimal.Decimal, ours="NaN and infinities too"),
    Builtin(
        "money",
        790,
        791,
        "money",
        decimal.Decimal,
        ours="with as many decimals as the server's lc_monetary has",
    ),
    Builtin("text", 25, 1009, "text", str),
    Builtin("varchar", 1043, 1015, "character varying", str),
    Builtin("bpchar", 1042, 1014, "character", str, ours="padded, as PostgreSQL gives it"),
    Builtin("char", 18, 1002, '"char"', str),
    Builtin("name", 19, 1003, "name", str),
    Builtin("cstring", 2275, 1263, "cstring", str),
    Builtin("unknown", 705, 0, "unknown", str),
    Builtin("xml", 142, 143, "xml", str),
    Builtin("bytea", 17, 1001, "bytea", bytes),
    Builtin("date", 1082, 1182, "date", datetime.date),
    Builtin("time", 1083, 1183, "time without time zone", datetime.time, ours="naive"),
    Builtin("timetz", 1266, 1270, "time with time zone", datetime.time, ours="with tzinfo"),
    Builtin(
        "timestamp", 1114, 1115, "timestamp without time zone", datetime.datetime, ours="naive"
    ),
    Builtin("timestamptz", 1184, 1185, "timestamp with time zone", datetime.datetime, ours="UTC"),
    Builtin(
        "interval",
        1186,
        1187,
        "interval",
        datetime.timedelta,
        ((Interval, "interval"),),
        ours="months only fit liteorm.Interval",
    ),
    Builtin("uuid", 2950, 2951, "uuid", uuid.UUID),
    Builtin("json", 114, 199, "json", object, ours="what the JSON says, or the declared type"),
    Builtin("jsonb", 3802, 3807, "jsonb", object, ours="what the JSON says, or the declared type"),
    Builtin("jsonpath", 4072, 4073, "jsonpath", str),
    Builtin(
        "inet",
        869,
        1041,
        "inet",
        object,
        tuple((host, "plain") for host in _IP_HOSTS),
        ours="an Address, or an Interface where the value has a netmask",
    ),
    Builtin(
        "cidr",
        650,
        651,
        "cidr",
        object,
        tuple((network, "plain") for network in _IP_NETWORKS),
        ours="IPv4Network or IPv6Network",
    ),
    Builtin("macaddr", 829, 1040, "macaddr", str, ours="08:00:2b:01:02:03"),
    Builtin("macaddr8", 774, 775, "macaddr8", str, ours="08:00:2b:01:02:03:04:05"),
    Builtin("bit", 1560, 1561, "bit", str, ours="digits: 0101"),
    Builtin("varbit", 1562, 1563, "bit varying", str, ours="digits: 0101"),
    Builtin("tsvector", 3614, 3643, "tsvector", str, ours="PostgreSQL's text form"),
    Builtin("tsquery", 3615, 3645, "tsquery", str, ours="PostgreSQL's text form"),
    Builtin(
        "point",
        600,
        1017,
        "point",
        str,
        ((_POINT, "point"),),
        ours="PostgreSQL's text form, or tuple[float, float]",
    ),
    Builtin("line", 628, 629, "line", str, ours="PostgreSQL's text form"),
    Builtin("lseg", 601, 1018, "lseg", str, ours="PostgreSQL's text form"),
    Builtin("box", 603, 1020, "box", str, ours="PostgreSQL's text form"),
    Builtin("path", 602, 1019, "path", str, ours="PostgreSQL's text form"),
    Builtin("polygon", 604, 1027, "polygon", str, ours="PostgreSQL's text form"),
    Builtin("circle", 718, 719, "circle", str, ours="PostgreSQL's text form"),
    Builtin("pg_lsn", 3220, 3221, "pg_lsn", str, ours="16/B374D848"),
    Builtin("tid", 27, 1010, "tid", str, ours="(block,offset)"),
    Builtin("xid", 28, 1011, "xid", int),
    Builtin("xid8", 5069, 271, "xid8", int),
    Builtin("cid", 29, 1012, "cid", int),
    Builtin("oid", 26, 1028, "oid", int),
    Builtin("regproc", 24, 1008, "regproc", int, ours="the oid; ::text gives the name"),
    Builtin("regprocedure", 2202, 2207, "regprocedure", int, ours="the oid"),
    Builtin("regoper", 2203, 2208, "regoper", int, ours="the oid"),
    Builtin("regoperator", 2204, 2209, "regoperator", int, ours="the oid"),
    Builtin("regclass", 2205, 2210, "regclass", int, ours="the oid; ::text gives the name"),
    Builtin("regtype", 2206, 2211, "regtype", int, ours="the oid; ::text gives the name"),
    Builtin("regrole", 4096, 4097, "regrole", int, ours="the oid"),
    Builtin("regnamespace", 4089, 4090, "regnamespace", int, ours="the oid"),
    Builtin("regconfig", 3734, 3735, "regconfig", int, ours="the oid"),
    Builtin("regdictionary", 3769, 3770, "regdictionary", int, ours="the oid"),
    Builtin("regcollation", 4191, 4192, "regcollation", int, ours="the oid"),
    Builtin("refcursor", 1790, 2201, "refcursor", str),
    Builtin("void", 2278, 0, "void", type(None), ours="always None"),
)
"""Every built-in base type that liteorm reads and writes."""

EXTENSIONS: Final[tuple[Builtin, ...]] = (
    Builtin("citext", 0, 0, "citext", str, ours="extension"),
    Builtin("hstore", 0, 0, "hstore", dict, ours="extension; dict[str, str | None]"),
    Builtin("ltree", 0, 0, "ltree", str, ours="extension"),
    Builtin("lquery", 0, 0, "lquery", str, ours="extension"),
    Builtin("ltxtquery", 0, 0, "ltxtquery", str, ours="extension"),
    Builtin("vector", 0, 0, "vector", list, ours="extension pgvector; list[float]"),
)
"""Types of extensions, whose oids differ from database to database: known by their name."""

_RANGES: Final = (
    ("int4range", 3904, 3905, "int4multirange", 4451, 6150, 23),
    ("int8range", 3926, 3927, "int8multirange", 4536, 6157, 20),
    ("numrange", 3906, 3907, "nummultirange", 4532, 6151, 1700),
    ("daterange", 3912, 3913, "datemultirange", 4535, 6155, 1082),
    ("tsrange", 3908, 3909, "tsmultirange", 4533, 6152, 1114),
    ("tstzrange", 3910, 3911, "tstzmultirange", 4534, 6153, 1184),
)

MOMENTS: Final = frozenset({"date", "timestamp", "timestamptz"})
"""Types with infinite values, which Python's classes have not."""

RECORD_OID: Final = 2249
RECORD_ARRAY_OID: Final = 2287
MONEY_OID: Final = 790
FIRST_USER_OID: Final = 16384
"""PostgreSQL gives user-defined types oids from here on (FirstNormalObjectId)."""

ROWS: Final[dict[str, Builtin]] = {row.name: row for row in (*BUILTINS, *EXTENSIONS)}


def array_of(element: PgType, oid: int) -> PgType:
    """Return the array type over an element type."""
    return PgType(oid, f"{element.name}[]", "array", list, element)


def _built_in() -> dict[int, PgType]:
    found: dict[int, PgType] = {}
    for row in BUILTINS:
        found[row.oid] = base = PgType(row.oid, row.sql, "base", row.python, base=row.name)
        if row.array_oid:
            found[row.array_oid] = array_of(base, row.array_oid)
    # These two are arrays in their binary form, with a name of their own.
    found[22] = PgType(22, "int2vector", "array", list, found[21])
    found[30] = PgType(30, "oidvector", "array", list, found[26])
    for name, oid, array_oid, multi, multi_oid, multi_array_oid, subtype in _RANGES:
        found[oid] = PgType(oid, name, "range", Range, found[subtype])
        found[array_oid] = array_of(found[oid], array_oid)
        found[multi_oid] = PgType(multi_oid, multi, "multirange", Multirange, found[oid])
        found[multi_array_oid] = array_of(found[multi_oid], multi_array_oid)
    found[RECORD_OID] = PgType(RECORD_OID, "record", "record", tuple)
    found[RECORD_ARRAY_OID] = array_of(found[RECORD_OID], RECORD_ARRAY_OID)
    return found


BY_OID: Final[dict[int, PgType]] = _built_in()
"""The built-in types, arrays and ranges included."""

FILLED: Final = frozenset(
    python
    for row in ROWS.values()
    for python in (row.python, *(variant for variant, _ in row.variants))
)
"""Every class that a column of some type fills, without a codec."""


def underlying(type_: PgType) -> PgType:
    """Return the type below any domains."""
    while type_.kind == "domain" and type_.element is not None:
        type_ = type_.element
    return type_


def types_in(type_: PgType) -> Iterator[PgType]:
    """Yield a type and all that it is made of."""
    yield type_
    if type_.element is not None:
        yield from types_in(type_.element)
    for attribute in type_.attributes:
        yield from types_in(attribute.type)


def has_fields(type_: PgType) -> bool:
    """Tell whether a type is, or contains, a composite or a record."""
    if type_.kind in ("composite", "record"):
        return True
    return type_.element is not None and has_fields(type_.element)


def row_for(type_: PgType) -> Builtin | None:
    """Return the table's row for a base type."""
    return ROWS.get(type_.base) if type_.kind == "base" else None


_CAST: Final[dict[Any, str]] = {
    bool: "boolean",
    int: "bigint",
    float: "float8",
    decimal.Decimal: "numeric",
    str: "text",
    datetime.date: "date",
    datetime.time: "time",
    datetime.datetime: "timestamptz",
    datetime.timedelta: "interval",
    Interval: "interval",
    uuid.UUID: "uuid",
    dict: "jsonb",
    ipaddress.IPv4Address: "inet",
    ipaddress.IPv6Address: "inet",
    ipaddress.IPv4Interface: "inet",
    ipaddress.IPv6Interface: "inet",
    ipaddress.IPv4Network: "cidr",
    ipaddress.IPv6Network: "cidr",
}
_NUMBERS: Final = frozenset({int, float, decimal.Decimal})
_MOMENTS: Final = {
    "date": frozenset({datetime.datetime}),
    "timestamp": frozenset({datetime.date, datetime.time}),
    "timestamptz": frozenset({datetime.date, datetime.time}),
    "interval": frozenset({datetime.time}),
    "time": frozenset({datetime.timedelta}),
    "inet": frozenset(_IP_NETWORKS),
    "cidr": frozenset(_IP_HOSTS),
}


def cast_of(column: str, sql_type: str) -> str:
    """Return the remedy that casts a column, as it is to be written in the query."""
    if column.isidentifier():
        # Unquoted, PostgreSQL takes it in lower case.
        name = column if column == column.lower() else f'"{column}"'
        return f"cast it: {name}::{sql_type}"
    alias = "" if column == "?column?" else f' AS "{column}"'
    return f"cast it: …::{sql_type}{alias}"


def cast_to(type_: PgType, python: Any) -> str | None:
    """Return the type to cast a column to so that it fills an annotation, or None.

    Only casts which PostgreSQL has: anything to and from text, between numbers, bool and
    integer, between dates and times.
    """
    target = _CAST.get(python)
    if target is None or type_.kind not in ("base", "enum", "domain"):
        return target if python is str else None
    base = underlying(type_)
    source = base.python
    if python is str or source is str or base.kind == "enum":
        return target
    if source in _NUMBERS and python in _NUMBERS:
        return target
    if (source, python) in ((bool, int), (int, bool)):
        return "integer" if python is int else target
    if python in _MOMENTS.get(base.base, ()):
        return target
    return None
