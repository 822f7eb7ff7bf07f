"""Loaders for psycopg: every type of the table in both forms, plain and for declared types."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from psycopg import adapt, postgres, pq
from psycopg.abc import AdaptContext, Buffer
from psycopg.types.array import ArrayBinaryLoader
from psycopg.types.string import ByteaBinaryLoader, TextBinaryLoader

from liteorm._core.scanning.jsontext import decode_plain
from liteorm._core.scanning.types import BY_OID, MONEY_OID, ROWS, PgType, Variant
from liteorm.errors import DataError
from liteorm.postgres._types import binary as _binary

BINARY = pq.Format.BINARY

# Oids no server hands out (they grow from 16384 and would have to pass all 4 billion): under
# these, a column can be loaded in another way than its own oid says.
SKIP_OID = 4_294_000_000
VARIANT_OIDS: dict[Variant, int] = {
    "skip": SKIP_OID,
    "json": SKIP_OID + 1,
    "interval": SKIP_OID + 2,
    "point": SKIP_OID + 3,
}
PLAIN_OIDS = {114: SKIP_OID + 10, 3802: SKIP_OID + 11, 1186: SKIP_OID + 12, 600: SKIP_OID + 13}
"""In a result where something is loaded deep, columns of these types that are wanted plain."""

FIRST_PLAIN_OID = SKIP_OID + 100
"""And from here on columns of types that hold others."""

Reader = Callable[[bytes], Any]

_TEXT_OIDS = (18, 19, 25, 142, 705, 1042, 1043, 1790, 2275)
_READERS: dict[str, Reader] = {
    "jsonpath": _binary.versioned_text,
    "ltree": _binary.versioned_text,
    "lquery": _binary.versioned_text,
    "ltxtquery": _binary.versioned_text,
    "macaddr": _binary.mac,
    "macaddr8": _binary.mac,
    "bit": _binary.bits,
    "varbit": _binary.bits,
    "tsvector": _binary.tsvector,
    "tsquery": _binary.tsquery,
    "point": _binary.point,
    "line": _binary.line,
    "lseg": _binary.lseg,
    "box": _binary.box,
    "path": _binary.path,
    "polygon": _binary.polygon,
    "circle": _binary.circle,
    "pg_lsn": _binary.lsn,
    "tid": _binary.tid,
    "void": _binary.nothing,
    "hstore": _binary.hstore,
    "vector": _binary.vector,
    "interval": _binary.short_interval,
    "json": decode_plain,
    "jsonb": lambda data: decode_plain(data[1:]),
}
_UNSIGNED = {name for name in ROWS if name.startswith("reg")} | {"oid", "xid", "xid8", "cid"}
_DEEP: dict[int, Reader] = {
    114: _binary.json_text,
    3802: _binary.jsonb_text,
    1186: _binary.interval,
    600: _binary.pair,
}


def reader_class(read: Reader) -> type[adapt.Loader]:
    """Return a psycopg loader class around a function of the bytes."""

    class FunctionLoader(adapt.Loader):
        format = BINARY

        def load(self, data: Buffer) -> Any:
            # psycopg's C code hands out memory of the result, its Python code bytes.
            return read(bytes(data))

    return FunctionLoader


def nested_class(
    make: Callable[[_binary.LoaderFor], Reader],
) -> type[adapt.Loader]:
    """Return a loader class for types that contain values of other types."""

    class NestedLoader(adapt.Loader):
        format = BINARY

        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            # The transformer itself: held by the loaders it caches, freed with them.
            transformer = adapt.Transformer.from_context(context)

            def loader_for(inner: int) -> Reader:
                return transformer.get_loader(inner, BINARY).load

            self._read = make(loader_for)

        def load(self, data: Buffer) -> Any:
            return self._read(bytes(data))

    return NestedLoader


class Adapters:
    """Adapters for the driver's loaders, with a connection where text forms depend on it."""

    def __init__(self, adapters: adapt.AdaptersMap, connection: Any = None) -> None:
        self.adapters = adapters
        self.connection = connection


def _untouched() -> adapt.AdaptersMap:
    """Return the driver's own loaders, whatever the application registered in its global map.

    A loader of the application's (numeric as float, say) would put other types into fields than
    their annotations say.
    """
    fresh = adapt.AdaptersMap(types=postgres.types)
    postgres.register_default_adapters(Adapters(fresh))
    return fresh


def refusing_class(name: str) -> type[adapt.Loader]:
    """Return the loader of a type that nothing reads: its bytes are nobody's value."""

    class RefusingLoader(adapt.Loader):
        format = BINARY

        def load(self, data: Buffer) -> Any:
            raise DataError(f"is {name}, which has no form that liteorm reads", hint=_CAST)

    return RefusingLoader


_CAST = "cast it to text"
_INVALID_OID = 0
"""Under this one psycopg looks for the loader of a type that it does not know."""


def plain_class(plain: adapt.AdaptersMap, oid: int) -> type[adapt.Loader]:
    """Return a loader class that reads a type by other loaders than those around it."""

    class PlainLoader(adapt.Loader):
        format = BINARY

        def __init__(self, own_oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(own_oid, context)
            self._transformer = adapt.Transformer(Adapters(plain))
            self._load = self._transformer.get_loader(oid, BINARY).load

        def load(self, data: Buffer) -> Any:
            return self._load(bytes(data))

    return PlainLoader


def loading_adapters() -> tuple[adapt.AdaptersMap, adapt.AdaptersMap]:
    """Return two maps with the loaders of all built-in types: plain, and deep inside."""
    plain, deep = _built_in()
    return adapt.AdaptersMap(plain), adapt.AdaptersMap(deep)


@cache
def _built_in() -> tuple[adapt.AdaptersMap, adapt.AdaptersMap]:
    """Return what every database starts from: making some three hundred classes takes a while."""
    plain = adapt.AdaptersMap(_untouched())
    plain.register_loader(_INVALID_OID, refusing_class("of an unknown type"))
    for oid in _TEXT_OIDS:
        plain.register_loader(oid, TextBinaryLoader)
    plain.register_loader(VARIANT_OIDS["skip"], ByteaBinaryLoader)
    plain.register_loader(VARIANT_OIDS["json"], ByteaBinaryLoader)
    plain.register_loader(VARIANT_OIDS["interval"], reader_class(_binary.interval))
    plain.register_loader(
        VARIANT_OIDS["point"], reader_class(lambda data: tuple(_binary.pair(data)))
    )
    plain.register_loader(PLAIN_OIDS[600], reader_class(_binary.point))
    plain.register_loader(PLAIN_OIDS[1186], reader_class(_binary.short_interval))
    plain.register_loader(PLAIN_OIDS[114], reader_class(_READERS["json"]))
    plain.register_loader(PLAIN_OIDS[3802], reader_class(_READERS["jsonb"]))
    deep = adapt.AdaptersMap(plain)
    for type_ in BY_OID.values():
        if type_.oid != MONEY_OID:
            register(plain, deep, type_)
    for oid, read in _DEEP.items():
        deep.register_loader(oid, reader_class(read))
    return plain, deep


def register(plain: adapt.AdaptersMap, deep: adapt.AdaptersMap, type_: PgType) -> None:
    """Register the loaders of one type; what is inside it is found when a value comes."""
    for adapters_map in (plain, deep):
        cls = _loader_class(type_, deep=adapters_map is deep)
        if cls is not None:
            adapters_map.register_loader(type_.oid, cls)


def register_money(plain: adapt.AdaptersMap, deep: adapt.AdaptersMap, unit: int) -> None:
    """Register money, once the server has told how many decimals it has."""
    for adapters_map in (plain, deep):
        adapters_map.register_loader(MONEY_OID, reader_class(_binary.money_reader(unit)))


def _loader_class(type_: PgType, *, deep: bool) -> type[adapt.Loader] | None:
    match type_.kind:
        case "base":
            if type_.base in _READERS:
                return reader_class(_READERS[type_.base])
            if type_.base in _UNSIGNED:
                return reader_class(_binary.uint)
            return TextBinaryLoader if type_.base == "citext" else None
        case "enum":
            return TextBinaryLoader
        case "array":
            return ArrayBinaryLoader
        case "domain":
            assert type_.element is not None
            base = type_.element
            return nested_class(lambda loader_for: loader_for(base.oid))
        case "composite":
            return nested_class(lambda f: _binary.record_reader(f, deep=False))
        case "record":
            return nested_class(lambda f: _binary.record_reader(f, deep=deep))
        case "range":
            assert type_.element is not None
            # its bounds are plain values, wherever the range is
            subtype = PLAIN_OIDS.get(type_.element.oid, type_.element.oid)
            return nested_class(lambda f: _binary.range_reader(f(subtype)))
        case "multirange":
            assert type_.element is not None
            range_oid = type_.element.oid
            return nested_class(lambda f: _binary.multirange_reader(f(range_oid)))
        case "unreadable":
            return refusing_class(type_.name)
