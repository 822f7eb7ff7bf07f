"""Loaders for psycopg: every type of the table in both forms, plain and for declared types."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from psycopg import adapt, postgres, pq
from psycopg.abc import AdaptContext, Buffer
from psycopg.types.array import ArrayBinaryLoader
from psycopg.types.string import ByteaBinaryLoader, TextBinaryLoader

from liteorm._core.scanning.types import BY_OID, MOMENTS, MONEY_OID, ROWS, PgType, Variant
from liteorm.errors import DataError
from liteorm.postgres._driver import register_loader
from liteorm.postgres._types.forms import Form, Load, LoaderFor, LoadValues, text_bytes
from liteorm.postgres._types.geometry import pair
from liteorm.postgres._types.numbers import money_reader
from liteorm.postgres._types.ranges import multirange_reader, range_reader
from liteorm.postgres._types.records import record_array_reader, record_reader
from liteorm.postgres._types.table import FORMS
from liteorm.postgres._types.times import infinite_word, interval

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
MOMENT_OIDS: Final = {
    ROWS[name].oid: SKIP_OID + 20 + place for place, name in enumerate(sorted(MOMENTS))
}
"""Dates and timestamps whose infinite values are wanted too."""
PLAIN_OIDS: Final = {
    ROWS[name].oid: SKIP_OID + 10 + place
    for place, name in enumerate(name for name, form in FORMS.items() if form.deep is not None)
}
"""In a result where something is loaded deep, columns of these types that are wanted plain."""

FIRST_PLAIN_OID = SKIP_OID + 100
"""And from here on columns of types that hold others."""


def reader_class(read: Load) -> type[adapt.Loader]:
    """Return a psycopg loader class around a function of the bytes."""
    if read is text_bytes:
        return TextBinaryLoader

    class FunctionLoader(adapt.Loader):
        format = BINARY

        def load(self, data: Buffer) -> Any:
            # psycopg's C code hands out memory of the result, its Python code bytes.
            return read(bytes(data))

    return FunctionLoader


def records_class(*, deep: bool, array: bool = False) -> type[adapt.Loader]:
    """Return the loader class of composites and records, or of arrays of them."""
    reader = record_array_reader if array else record_reader

    class RecordLoader(adapt.Loader):
        format = BINARY

        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)

            def values_for(oids: tuple[int, ...]) -> LoadValues:
                # A transformer for each kind of record: its row of loaders is of that kind.
                transformer = adapt.Transformer(context)
                transformer.set_loader_types(list(oids), BINARY)
                return transformer.load_sequence

            self._read = reader(values_for, deep=deep)

        def load(self, data: Buffer) -> Any:
            return self._read(bytes(data))

    return RecordLoader


def nested_class(make: Callable[[LoaderFor], Load]) -> type[adapt.Loader]:
    """Return a loader class for types that contain values of other types."""

    class NestedLoader(adapt.Loader):
        format = BINARY

        def __init__(self, oid: int, context: AdaptContext | None = None) -> None:
            super().__init__(oid, context)
            # The transformer itself: held by the loaders it caches, freed with them.
            transformer = adapt.Transformer.from_context(context)

            def loader_for(inner: int) -> Load:
                return transformer.get_loader(inner, BINARY).load

            self._read = make(loader_for)

        def load(self, data: Buffer) -> Any:
            return self._read(bytes(data))

    return NestedLoader


def moment_class(oid: int) -> type[adapt.Loader]:
    """Return a loader class for a type with infinite values, which are read as their words."""

    def make(loader_for: LoaderFor) -> Load:
        load = loader_for(oid)
        return lambda data: word if (word := infinite_word(data)) else load(data)

    return nested_class(make)


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
    register_loader(plain, _INVALID_OID, refusing_class("of an unknown type"))
    register_loader(plain, VARIANT_OIDS["skip"], ByteaBinaryLoader)
    register_loader(plain, VARIANT_OIDS["json"], ByteaBinaryLoader)
    register_loader(plain, VARIANT_OIDS["interval"], reader_class(interval))
    register_loader(plain, VARIANT_OIDS["point"], reader_class(lambda data: tuple(pair(data))))
    for oid, variant in PLAIN_OIDS.items():
        read = FORMS[BY_OID[oid].base].read
        assert read is not None
        register_loader(plain, variant, reader_class(read))
    for oid, variant in MOMENT_OIDS.items():
        register_loader(plain, variant, moment_class(oid))
    deep = adapt.AdaptersMap(plain)
    for type_ in BY_OID.values():
        if type_.oid != MONEY_OID:
            register(plain, deep, type_)
    return plain, deep


def register(
    plain: adapt.AdaptersMap,
    deep: adapt.AdaptersMap,
    type_: PgType,
    custom: Mapping[str, Form] = FORMS,
) -> None:
    """Register the loaders of one type; what is inside it is found when a value comes."""
    form = custom.get(type_.base) or FORMS.get(type_.base)
    for adapters_map in (plain, deep):
        cls = _loader_class(type_, form, deep=adapters_map is deep)
        if cls is not None:
            register_loader(adapters_map, type_.oid, cls)


def register_money(plain: adapt.AdaptersMap, deep: adapt.AdaptersMap, unit: int) -> None:
    """Register money, once the server has told how many decimals it has."""
    for adapters_map in (plain, deep):
        register_loader(adapters_map, MONEY_OID, reader_class(money_reader(unit)))


def _loader_class(type_: PgType, form: Form | None, *, deep: bool) -> type[adapt.Loader] | None:
    match type_.kind:
        case "base":
            assert form is not None
            read = form.deep if deep and form.deep is not None else form.read
            return None if read is None else reader_class(read)
        case "enum":
            return TextBinaryLoader
        case "array":
            element = type_.element
            if element is not None and element.kind in ("composite", "record"):
                return records_class(deep=deep and element.kind == "record", array=True)
            return ArrayBinaryLoader
        case "domain":
            assert type_.element is not None
            base = type_.element
            return nested_class(lambda loader_for: loader_for(base.oid))
        case "composite":
            return records_class(deep=False)
        case "record":
            return records_class(deep=deep)
        case "range":
            assert type_.element is not None
            subtype = type_.element.oid
            return nested_class(lambda f: range_reader(f(subtype)))
        case "multirange":
            assert type_.element is not None
            range_oid = type_.element.oid
            return nested_class(lambda f: multirange_reader(f(range_oid)))
        case "unreadable":
            return refusing_class(type_.name)
