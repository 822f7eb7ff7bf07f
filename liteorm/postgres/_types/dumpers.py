"""Python values → parameters: everything that scanning gives back, and what people write in SQL.

psycopg picks a dumper by the class of the value. Its own dumpers for numbers, text, bytes, dates
and addresses are kept: chosen by class they are strict. (Chosen by oid, as in COPY, some are not:
they read a `date` column's value out of any datetime and a `time` column's out of any object. The
COPY of this package therefore never hands them a value whose class was not checked.)

Ranges and enum members are sent as text of unknown type, so that the statement decides what they
are: PostgreSQL casts no `int4range` to `int8range` and no `text` to an enum by itself, but takes a
literal for either.
"""

from __future__ import annotations

import datetime
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar, Final
from uuid import UUID

import attrs
from psycopg.abc import AdaptContext
from psycopg.abc import Dumper as AnyDumper
from psycopg.adapt import AdaptersMap, Buffer, Dumper, PyFormat, RecursiveDumper, Transformer
from psycopg.pq import Format
from psycopg.types.array import ListBinaryDumper, ListDumper
from psycopg.types.datetime import TimedeltaBinaryDumper
from psycopg.types.numeric import DecimalDumper

from liteorm._core.models.annotations import is_model, is_namedtuple
from liteorm._core.models.hints import Codec
from liteorm._core.values.interval import Interval
from liteorm._core.values.json import Json
from liteorm._core.values.members import parameter_of
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import DataError, Error
from liteorm.postgres._driver import register_dumper
from liteorm.postgres._types.clocks import TimeBinary, TimeText
from liteorm.postgres._types.coded import CONTAINERS, Coded, Encoded
from liteorm.postgres._types.custom import CustomType, CustomTypes
from liteorm.postgres._types.exact import BASES, exact
from liteorm.postgres._types.forms import ARRAYS, is_a, reason_of
from liteorm.postgres._types.json import Written, json_bytes
from liteorm.postgres._types.leaves import as_lists, evened, leaves
from liteorm.postgres._types.loaders import Adapters
from liteorm.postgres._types.times import beyond_utc, interval_text, pack_interval

_NO_JSON = b"\f"
"""Behind a literal of unknown type: white space for arrays and ranges, an error in JSON.

The type of `[]` is the statement's to say, and so it goes as `{}`, which a jsonb column would take
for an object; `["1","5"]` is a closed range, and an array in JSON.
"""
_JSONB_OID = 3802
_INTERVAL_OID = 1186
_NUMERIC_OID = 1700


@attrs.frozen(eq=False, repr=False)
class Bound:
    """A parameter in the server's own form, with its type."""

    oid: int
    data: bytes
    binary: bool = True

    def __repr__(self) -> str:
        # What a log of parameters shows where they are asked for.
        if self.binary:
            return f"<{len(self.data)} bytes in binary>"
        return repr(self.data.decode())


_PLAIN: frozenset[Any] = frozenset(
    [
        *(type(None), bool, int, float, str, bytes, bytearray, memoryview, Decimal, UUID),
        *(datetime.date, datetime.time, datetime.datetime, datetime.timedelta),
        *(Bound, Interval, dict),
    ]
)


def are_plain(params: Any) -> bool:
    """Tell whether no parameter is of a class of the application's own, also not in lists."""
    values: Any = params
    if params.__class__ is not tuple and is_a(params, Mapping):
        values = params.values()
    try:
        return _PLAIN.issuperset(map(type, values)) or all(
            type(value) in _PLAIN or (type(value) in ARRAYS and _PLAIN.issuperset(map(type, value)))
            for value in values
        )
    except TypeError:
        # What is no parameters at all is refused elsewhere.
        return False


_AS_JSON: tuple[type[Any], ...] = (object, dict, Json)


def register_dumpers(
    adapters: AdaptersMap,
    codecs: Mapping[type, Codec] | None = None,
    custom: CustomTypes | None = None,
) -> None:
    """Make `adapters` send every value that liteorm promises to send.

    Args:
        adapters: The map that the pool's connections are opened with.
        codecs: Codecs by Python class; their `encode` gives the value that is sent instead.
        custom: The pool's custom types.
    """
    written = Written(codecs) if codecs else None
    for json_dumper in (_JsonText, _JsonBinary):
        own_json: Any = type(json_dumper.__name__, (json_dumper,), {"written": written})
        for cls in _AS_JSON:
            register_dumper(adapters, cls, own_json)
    for base in (_ThroughText, _ThroughBinary):
        register_dumper(adapters, Enum, _through(base, parameter_of))
    for array_dumper in (_ArrayText, _ArrayBinary):
        for cls in ARRAYS:
            register_dumper(adapters, cls, array_dumper)
    for range_dumper in (_RangeText, _RangeAsBinary):
        register_dumper(adapters, Range, range_dumper)
        register_dumper(adapters, Multirange, range_dumper)
    for interval_dumper in (_IntervalText, _IntervalBinary):
        register_dumper(adapters, Interval, interval_dumper)
    for timedelta_dumper in (_TimedeltaText, TimedeltaBinaryDumper):
        register_dumper(adapters, datetime.timedelta, timedelta_dumper)
    for time_dumper in (TimeText, TimeBinary):
        register_dumper(adapters, datetime.time, time_dumper)
    register_dumper(adapters, Decimal, _Decimal)
    for bound_dumper in (_BoundText, _BoundBinary):
        register_dumper(adapters, Bound, bound_dumper)
    for type_ in custom.given if custom is not None else ():
        if type_.is_own_class:
            for own_dumper in (_CustomText, _CustomBinary):
                members = {"custom": type_, "customs": custom}
                made: Any = type(own_dumper.__name__, (own_dumper,), members)
                register_dumper(adapters, type_.cls, made)
    _register_codecs(adapters, codecs or {}, written)


def _register_codecs(
    adapters: AdaptersMap, codecs: Mapping[type, Codec], written: Written | None
) -> None:
    """Send what a codec has made by the map as it was before there were codecs."""
    plainly, plain = AdaptersMap(adapters), Coded(codecs).plain
    if written is not None:
        for json_dumper in (_JsonText, _JsonBinary):
            members = {"written": written, "looked": True}
            inside_json: Any = type(json_dumper.__name__, (json_dumper,), members)
            for kind in (object, dict):
                register_dumper(plainly, kind, inside_json)
            register_dumper(plainly, Encoded, json_dumper)
    changed: tuple[type[Any], ...] = (*CONTAINERS, Enum, *codecs) if codecs else ()
    for cls in (*changed, Encoded):
        for base in (_ThroughText, _ThroughBinary):
            register_dumper(adapters, cls, _through(base, plain, plainly))


_ARRAY: Final = (
    "a list is sent as an array, whose elements have one type; rows are stored by insert_many or"
    " execute_many, and liteorm.Json(value) sends a list as JSON"
)


def parameter_error(exc: BaseException, params: Any, adapters: AdaptersMap) -> DataError | None:
    """Return an error that names the parameter which cannot be sent, None if all of them can.

    Meant for the slow path: after a statement failed without the server saying so, each parameter
    is dumped once more, alone.

    Args:
        exc: What the driver raised.
        params: The parameters as the caller gave them.
        adapters: The pool's map.
    """
    items: list[tuple[str | int, Any]]
    if is_a(params, Mapping):
        items = list(params.items())
    elif is_a(params, Sequence) and not is_a(params, str | bytes):
        values: list[Any] = [*params]
        items = [*enumerate(values, start=1)]
    else:
        return None
    for name, value in items:
        if value is None:
            continue
        try:
            Transformer(adapters).get_dumper(value, PyFormat.AUTO).dump(value)
        except Exception as failure:
            place = f'"{name}"' if isinstance(name, str) else f"number {name}"
            if isinstance(failure, Error):
                reason, hint = failure.message, failure.hint
            else:
                reason = reason_of(failure)
                hint = _ARRAY if "mixed types" in reason else None
            error = DataError(
                f"parameter {place}, of type {type(value).__qualname__}, cannot be sent: {reason}",
                hint=hint,
                parameter=name,
            )
            error.__cause__ = exc
            return error
    return None


class _Through(RecursiveDumper):
    """Sends what `convert` makes of the value, with that value's own dumper, of another map."""

    convert: ClassVar[Callable[[Any], Any]]
    plainly: ClassVar[AdaptersMap | None] = None
    _dumper: AnyDumper | None = None

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        if self.plainly is not None:
            self._tx = Transformer(Adapters(self.plainly, self._tx.connection))

    def get_key(self, obj: Any, format: PyFormat) -> Any:
        value = type(self).convert(obj)
        # The same element class in a list and alone must not share a key, hence the class.
        return (self.cls, self._tx.get_dumper(value, format).get_key(value, format))

    def upgrade(self, obj: Any, format: PyFormat) -> Any:
        value = type(self).convert(obj)
        dumper = self._tx.get_dumper(value, format)
        through = type(self)(self.cls, self._tx)
        through._dumper = dumper
        through.oid = dumper.oid
        through.format = dumper.format
        return through

    def dump(self, obj: Any) -> Buffer | None:
        value = type(self).convert(obj)
        if value is None:
            return None
        if self._dumper is None:
            return self._tx.get_dumper(value, PyFormat.from_pq(self.format)).dump(value)
        return self._dumper.dump(value)


class _ThroughText(_Through):
    format = Format.TEXT


class _ThroughBinary(_Through):
    format = Format.BINARY


def _through(
    base: type[_Through], convert: Callable[[Any], Any], plainly: AdaptersMap | None = None
) -> type[_Through]:
    return type(base.__name__, (base,), {"convert": staticmethod(convert), "plainly": plainly})


class _ArrayBinary(RecursiveDumper):
    """A list, tuple or set as an array, with psycopg's dumpers for lists.

    Elements that are sent as text of unknown type make the whole array a literal of unknown type.
    """

    format = Format.BINARY
    _list: type[ListDumper | ListBinaryDumper] = ListBinaryDumper
    _dumper: AnyDumper | None = None
    _pack: Callable[[Any], bytes] | None = None

    def _evened(self, obj: Any) -> tuple[list[Any], bool]:
        """Return the elements in one form, and whether the array is a literal of unknown type."""
        return evened(as_lists(obj), self._convert)

    def _convert(self, cls: type[Any]) -> Callable[[Any], Any] | None:
        """Return what makes a plain value of one that is sent as something else."""
        adapters = self._tx.adapters
        found = adapters.get_dumper(cls, PyFormat.BINARY)
        if issubclass(found, _Through):
            return found.convert
        if issubclass(cls, Enum):
            return parameter_of  # IntEnum, StrEnum: to psycopg they are numbers and text
        base = next((base for base in BASES if issubclass(cls, base)), cls)
        if cls not in (base, bool) and found is adapters.get_dumper(base, PyFormat.BINARY):
            # Of subclasses of int psycopg takes the width of the last for all, and cuts the others.
            return exact
        return None

    def _packed(self, items: list[Any]) -> type[_CustomBinary] | None:
        """Return the dumper of the elements if they are of a custom type."""
        first: Any = next(leaves(items), None)
        if first is None:
            return None
        cls: type[Any] = first.__class__
        found = self._tx.adapters.get_dumper(cls, PyFormat.BINARY)
        return found if issubclass(found, _CustomBinary) else None

    def get_key(self, obj: Any, format: PyFormat) -> Any:
        items, literal = self._evened(obj)
        if literal:
            return (self.cls, "literal")
        if (packed := self._packed(items)) is not None:
            return (self.cls, packed.custom, packed.customs.array_oid(packed.custom))
        return (self.cls, self._list(list, self._tx).get_key(items, format))

    def upgrade(self, obj: Any, format: PyFormat) -> Any:
        items, literal = self._evened(obj)
        array = type(self)(self.cls, self._tx)
        dumper: AnyDumper
        if literal:
            dumper = ListDumper(list, self._tx)
        elif (packed := self._packed(items)) is not None:
            array._pack = functools.partial(packed.customs.array, packed.custom)
            array.oid = packed.customs.array_oid(packed.custom)
            array.format = Format.BINARY
            return array
        else:
            dumper = self._list(list, self._tx).upgrade(items, format)
        array._dumper, array.oid, array.format = dumper, dumper.oid, dumper.format
        return array

    def dump(self, obj: Any) -> Buffer | None:
        items, _ = self._evened(obj)
        if self._pack is not None:
            return self._pack(items)
        if self._dumper is None:
            upgraded: _ArrayBinary = self.upgrade(obj, PyFormat.from_pq(self.format))
            return upgraded.dump(obj)
        if any(isinstance(leaf, str) and "\0" in leaf for leaf in leaves(items)):
            # In binary the server would find out, and know no placeholder.
            raise DataError("PostgreSQL's text cannot hold the character NUL")
        dumper: Any = self._dumper
        data: Buffer | None = dumper.dump(items)
        return data if items else b"{}" + _NO_JSON


class _ArrayText(_ArrayBinary):
    format = Format.TEXT
    _list = ListDumper


class _RangeText(RecursiveDumper):
    """A range or multirange as a literal of unknown type."""

    format = Format.TEXT

    def dump(self, obj: Range[Any] | Multirange[Any]) -> Buffer:
        if isinstance(obj, Range):
            data = self._range(obj)
            return data + _NO_JSON if data.startswith(b"[") and data.endswith(b"]") else data
        return b"{" + b",".join(map(self._range, obj)) + b"}" if obj else b"{}" + _NO_JSON

    def _range(self, obj: Range[Any]) -> bytes:
        if obj.is_empty:
            return b"empty"
        return b"%s%s,%s%s" % (
            obj.bounds[0].encode(),
            self._bound(obj.lower),
            self._bound(obj.upper),
            obj.bounds[1].encode(),
        )

    def _bound(self, value: Any) -> bytes:
        if value is None:
            return b""
        value = exact(value)
        if isinstance(value, datetime.datetime) and value.tzinfo and not beyond_utc(value):
            value = value.astimezone(datetime.UTC)
        data = self._tx.get_dumper(value, PyFormat.TEXT).dump(value)
        return b'"' + re.sub(rb'(["\\])', rb"\1\1", bytes(data or b"")) + b'"'


class _RangeAsBinary(_RangeText):
    """The same literal where binary was asked for: the type is not known here."""

    def get_key(self, obj: Any, format: PyFormat) -> Any:
        return self.cls


class _BoundText(Dumper):
    """What has been encoded for a column already."""

    def get_key(self, obj: Bound, format: PyFormat) -> Any:
        return (self.cls, obj.oid, obj.binary)

    def upgrade(self, obj: Bound, format: PyFormat) -> Any:
        dumper = (_BoundBinary if obj.binary else _BoundText)(self.cls)
        dumper.oid = obj.oid
        return dumper

    def dump(self, obj: Bound) -> Buffer:
        return obj.data


class _BoundBinary(_BoundText):
    format = Format.BINARY


class _CustomBinary(Dumper):
    """A value of a type of the application's own."""

    format = Format.BINARY
    custom: ClassVar[CustomType]
    customs: ClassVar[CustomTypes]

    def get_key(self, obj: Any, format: PyFormat) -> Any:
        # The type may become known, or be dropped and made again.
        return (self.cls, self.customs.oid(self.custom))

    def upgrade(self, obj: Any, format: PyFormat) -> Any:
        dumper = type(self)(self.cls)
        dumper.oid = self.customs.oid(self.custom)
        return dumper

    def dump(self, obj: Any) -> Buffer:
        return self.custom.encode(obj)


class _CustomText(_CustomBinary):
    format = Format.TEXT

    def dump(self, obj: Any) -> Buffer:
        if self.custom.text is None:
            raise DataError(
                f"a {self.custom.name} inside a literal needs a text form",
                hint="give its CustomType a text",
            )
        return self.custom.text(obj).encode()


class _Decimal(DecimalDumper):
    """A number as it is, whatever its class says of it."""

    # psycopg's own stays the one of the type.
    oid = 0

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        self.oid = _NUMERIC_OID

    def dump(self, obj: Decimal) -> Buffer | None:
        return super().dump(exact(obj))


class _IntervalText(Dumper):
    oid = _INTERVAL_OID

    def dump(self, obj: Interval) -> Buffer:
        return interval_text(obj).encode()


class _TimedeltaText(Dumper):
    """A timedelta whose text, as in a range, means the same in every IntervalStyle.

    The driver's asks the connection for the style, which a transformer of the pool's has not.
    """

    oid = _INTERVAL_OID

    def dump(self, obj: datetime.timedelta) -> Buffer:
        return interval_text(Interval.from_timedelta(obj)).encode()


class _IntervalBinary(Dumper):
    format = Format.BINARY
    oid = _INTERVAL_OID

    def dump(self, obj: Interval) -> Buffer:
        return pack_interval(obj)


class _JsonText(Dumper):
    """jsonb of dicts and of objects of attrs classes and dataclasses; refuses all else."""

    oid = _JSONB_OID
    written: ClassVar[Written | None] = None
    looked: ClassVar[bool] = False
    """Whether a codec for the value as a whole has been looked for."""

    def __init__(self, cls: type, context: Any = None) -> None:
        super().__init__(cls, context)
        kind: Any = cls
        if not (
            issubclass(kind, dict | Json | Encoded) or (is_model(kind) and not is_namedtuple(kind))
        ):
            raise DataError(
                f"a value of type {cls.__qualname__} cannot be sent",
                hint="send one of its attributes, wrap it in liteorm.Json, "
                "or give open(codecs=...) a codec for it",
            )

    def dump(self, obj: Any) -> Buffer:
        return self._json(obj)

    def _json(self, obj: Any) -> bytes:
        value = obj.value if obj.__class__ is Encoded else obj
        return json_bytes(value, self.written, looked=self.looked)


class _JsonBinary(_JsonText):
    format = Format.BINARY

    def dump(self, obj: Any) -> Buffer:
        return b"\x01" + self._json(obj)
