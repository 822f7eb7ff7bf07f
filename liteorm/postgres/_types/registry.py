"""What a pool knows of the database's types: found by oid in the catalog, once, when one is met."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from functools import partial
from typing import Any, Final

from psycopg import abc, pq
from psycopg.adapt import AdaptersMap, Transformer

from liteorm._core.living import Living
from liteorm._core.locks import safely
from liteorm._core.models.hints import Codec
from liteorm._core.scanning.shape import NO_CODECS, ExecutorFor, Shape
from liteorm._core.scanning.types import (
    BY_OID,
    FIRST_USER_OID,
    MONEY_OID,
    ROWS,
    Attribute,
    PgType,
    array_of,
    types_in,
)
from liteorm._core.values.ranges import Multirange, Range
from liteorm.errors import ScanError
from liteorm.postgres._driver import register_loader
from liteorm.postgres._types.custom import CustomType, CustomTypes, refused
from liteorm.postgres._types.loaders import (
    FIRST_PLAIN_OID,
    PLAIN_OIDS,
    Adapters,
    loading_adapters,
    plain_class,
    register,
    register_money,
)
from liteorm.postgres._types.numbers import MoneyUnit

_SHAPES: Final = 2048
_HOLDERS: Final = frozenset({"array", "composite", "record"})

CATALOG_SQL: Final = """
SELECT t.oid::int8 AS oid,
       t.typname::text AS name,
       n.nspname::text AS schema,
       format_type(t.oid, NULL) AS shown,
       t.typtype::text AS kind,
       CASE WHEN t.typsend = 0 THEN 'none' ELSE 'binary' END AS form,
       CASE t.typtype
            WHEN 'd' THEN t.typbasetype
            WHEN 'r' THEN r.rngsubtype
            WHEN 'm' THEN m.rngtypid
            ELSE CASE WHEN t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc
                      THEN t.typelem ELSE 0 END
       END::int8 AS element,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e
             WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder) AS labels,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND t.typtype = 'c'
               AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS names,
       ARRAY(SELECT a.atttypid::int8 FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND t.typtype = 'c'
               AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS types
  FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
  LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
  LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid
 WHERE t.oid = ANY (%s::oid[])
"""
"""One row for each of the types asked for. PostgreSQL 14 and newer."""

CUSTOM_SQL: Final = """
SELECT oid, typarray FROM pg_catalog.pg_type WHERE typtype = 'b' AND typname = ANY (%s)
"""
"""Finds types by name, and the arrays of them."""

MONEY_SQL: Final = "SELECT 1::numeric::money, 0.1::numeric::money::text"
"""In binary, the first is how many of the smallest unit make one: 100, or 1, or 1000. The second
shows what stands before the decimals."""

_CATALOG_OIDS: Final = (20, 25, 25, 25, 25, 25, 20, 1009, 1009, 1016)

CatalogRow = tuple[Any, ...]


class UnknownTypes(Exception):
    """Types of a result that the registry has not met: the catalog must be asked for them."""

    def __init__(self, oids: Iterable[int]) -> None:
        super().__init__("types to be looked up")
        self.oids = tuple(dict.fromkeys(oids))


class KnownTypes:
    """What is known of a database's types at one moment.

    It only grows by what it can find out by itself: what the catalog tells makes a new one, so
    that a result is read as it was when it came, whatever is looked up or forgotten meanwhile.
    """

    def __init__(
        self, codecs: Mapping[Any, Codec], custom: CustomTypes, before: KnownTypes | None = None
    ) -> None:
        self.codecs = codecs
        self.custom = custom
        self.types: dict[int, PgType]
        self.money_unit: MoneyUnit | None = None
        self.shapes: dict[Any, Any] = {}
        self._plain_oids: dict[int, int] = {}
        self._lock = safely(threading.RLock())  # a finaliser may come in between
        _with_locks.add(self)
        if before is None:
            self.types = dict(BY_OID)
            self.adapters, self.deep_adapters = loading_adapters()
        else:
            self.types = dict(before.types)
            self.money_unit = before.money_unit
            with before._lock:
                self._plain_oids.update(before._plain_oids)
                self.adapters = AdaptersMap(before.adapters)
                self.deep_adapters = AdaptersMap(before.deep_adapters)

    def get_all(self, oids: Iterable[int]) -> tuple[PgType, ...]:
        """Return known types.

        Raises:
            UnknownTypes: some are not known yet; all of these are named.
        """
        oids = tuple(oids)
        unknown = [
            oid for oid in oids if oid not in self.types or self._needs_money(self.types[oid])
        ]
        if unknown:
            raise UnknownTypes(unknown)
        return tuple(self.types[oid] for oid in oids)

    def _needs_money(self, type_: PgType) -> bool:
        if self.money_unit is not None:
            return False
        return any(inner.oid == MONEY_OID for inner in types_in(type_))

    def wants_money(self, oids: Iterable[int]) -> bool:
        """Tell whether one of these types has money in it, whose unit is not known yet."""
        return any(oid in self.types and self._needs_money(self.types[oid]) for oid in oids)

    def with_money(self, unit: MoneyUnit) -> KnownTypes:
        """Return the same with what the server's lc_monetary says of its currency."""
        new = KnownTypes(self.codecs, self.custom, self)
        new.money_unit = unit
        register_money(new.adapters, new.deep_adapters, unit.one)
        return new

    def with_rows(self, rows: Iterable[CatalogRow], asked: Iterable[int]) -> KnownTypes:
        """Return the same with the types that the catalog described, and all they refer to."""
        new = KnownTypes(self.codecs, self.custom, self)
        by_oid = {row[0]: row for row in rows}
        before = {oid: new.types.pop(oid) for oid in by_oid if oid in new.types}
        for oid in by_oid:
            new._made(oid, by_oid)
        changed = {oid for oid, type_ in before.items() if new.types[oid] != type_}
        for oid in new._made_of(changed):
            if oid not in by_oid:
                del new.types[oid]
        if changed:
            new._plain_oids.clear()
        for oid in asked:
            if oid not in new.types:
                new._made(oid, {})
        return new

    def _made_of(self, oids: Collection[int]) -> list[int]:
        """Return known types which are, or are made of, others."""
        return [
            oid
            for oid, type_ in self.types.items()
            if oid >= FIRST_USER_OID and any(inner.oid in oids for inner in types_in(type_))
        ]

    def _made(self, oid: int, rows: Mapping[int, CatalogRow]) -> PgType:
        if oid in self.types:
            return self.types[oid]
        if oid in rows:
            type_ = _described(rows[oid], partial(self._made, rows=rows), self.custom)
        else:
            type_ = PgType(oid, f"type {oid}", "unreadable")
        self.types[oid] = type_
        register(self.adapters, self.deep_adapters, type_, self.custom.forms)
        return type_

    def shape(
        self,
        names: tuple[bytes, ...],
        oids: tuple[int, ...],
        executor_for: ExecutorFor | None = None,
    ) -> Shape:
        """Return the shape of a result; equal results have the same one.

        Raises:
            UnknownTypes: the catalog must be asked first.
        """
        known: Shape | None = self.shapes.get((names, oids))
        if known is not None:
            return known
        types = self.get_all(oids)
        # the name of a column may be anything in a database in SQL_ASCII
        decoded = tuple(name.decode(errors="backslashreplace") for name in names)
        shape = Shape(decoded, types, self.codecs, self.get_all, executor_for)
        with self._lock:
            if len(self.shapes) >= _SHAPES:
                del self.shapes[next(iter(self.shapes))]
            self.shapes[names, oids] = shape
        return shape

    def plain_oid(self, type_: PgType) -> int:
        """Return the oid under which the deep loaders read a type in its plain form.

        A result is loaded by one set of loaders; a column that is wanted plain may stand beside
        one that is wanted deep.
        """
        if type_.oid in PLAIN_OIDS:
            return PLAIN_OIDS[type_.oid]
        if not any(i.kind in _HOLDERS or i.oid in PLAIN_OIDS for i in types_in(type_)):
            return type_.oid
        with self._lock:
            oid = self._plain_oids.get(type_.oid)
            if oid is None:
                oid = FIRST_PLAIN_OID + len(self._plain_oids)
                register_loader(self.deep_adapters, oid, plain_class(self.adapters, type_.oid))
                # Last: a process that is forked meanwhile finds nothing half done.
                self._plain_oids[type_.oid] = oid
            return oid

    def transformer(self, *, deep: bool) -> abc.Transformer:
        """Return a loader of rows, which no connection is needed for."""
        return Transformer(Adapters(self.deep_adapters if deep else self.adapters))


class TypeRegistry:
    """The types of one database, by oid, and how each is loaded.

    Shared by the threads and tasks of a pool. Built-in types are known from the start; what is
    looked up stays until `clear`. `known` is what is known now: a result keeps to the one it
    was first held against.
    """

    def __init__(
        self, codecs: Mapping[Any, Codec] = NO_CODECS, custom: Iterable[CustomType] = ()
    ) -> None:
        self.codecs = codecs
        self.custom = CustomTypes(custom)
        self._lock = safely(threading.RLock())
        _with_locks.add(self)
        self.known = KnownTypes(codecs, self.custom)

    def clear(self) -> None:
        """Forget what was looked up."""
        self.custom.forget()
        self.known = KnownTypes(self.codecs, self.custom)

    def lookup(self, oids: Iterable[int]) -> Generator[str, pq.abc.PGresult, KnownTypes]:
        """Look up types, and those they are made of; yield what to ask, be sent binary results.

        Types asked for which the catalog does not have are known as unreadable from then on, so
        that a result with a type dropped meanwhile ends in an error and not in a loop.
        """
        asked = wanted = set(oids)
        before = known = self.known
        if known.wants_money(wanted):
            known = known.with_money(_unit((yield MONEY_SQL)))
            wanted = wanted - known.types.keys()
        rows: list[CatalogRow] = []
        told: set[int] = set()
        while wanted:
            result = yield CATALOG_SQL.replace("%s", "'{" + ",".join(map(str, wanted)) + "}'")
            rows += _catalog_rows(result, known)
            told |= wanted
            wanted = _referred(rows) - known.types.keys() - told
        known = known.with_rows(rows, asked)
        if known.wants_money(asked):
            known = known.with_money(_unit((yield MONEY_SQL)))
        with self._lock:
            # What others looked up or forgot meanwhile is newer; this result has its own.
            if self.known is before:
                self.known = known
        return known


_with_locks = Living[Any]()


def _renew_locks() -> None:
    # Another thread of the parent, which is not here, may hold them for good.
    for each in list(_with_locks):
        each._lock = safely(threading.RLock())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)


def _unit(result: pq.abc.PGresult) -> MoneyUnit:
    one = int.from_bytes(result.get_value(0, 0) or b"", "big") or 100
    shown = re.search(r"0(\D+)1", (result.get_value(0, 1) or b"").decode(errors="replace"))
    return MoneyUnit(one, shown[1] if shown else ".")


def _catalog_rows(result: pq.abc.PGresult, known: KnownTypes) -> list[CatalogRow]:
    transformer = known.transformer(deep=False)
    transformer.set_pgresult(result, set_loaders=False)
    transformer.set_loader_types(_CATALOG_OIDS, pq.Format.BINARY)
    return transformer.load_rows(0, result.ntuples, tuple)


def _referred(rows: list[CatalogRow]) -> set[int]:
    """Return the oids that catalog rows refer to and do not describe."""
    return {oid for row in rows for oid in (row[6], *row[9]) if oid} - {row[0] for row in rows}


_KINDS: Final = {"e": "an enum", "d": "a domain", "c": "a composite", "r": "a range"}


def _described(row: CatalogRow, made: Callable[[int], PgType], customs: CustomTypes) -> PgType:
    oid, name, schema, shown, kind, form, element, labels, names, types = row
    custom = customs.described(schema, name)
    if custom is not None and form == "binary":
        if kind in _KINDS:
            raise refused(custom, _KINDS[kind])
        return customs.met(custom, oid, shown, schema)
    match kind:
        case "e":
            return PgType(oid, shown, "enum", str, labels=tuple(labels))
        case "d":
            base = made(element)
            return PgType(oid, shown, "domain", base.python, base)
        case "c":
            attributes = tuple(
                Attribute(attribute, made(type_))
                for attribute, type_ in zip(names, types, strict=True)
            )
            return PgType(oid, shown, "composite", tuple, attributes=attributes)
        case "r":
            return PgType(oid, shown, "range", Range, made(element))
        case "m":
            return PgType(oid, shown, "multirange", Multirange, made(element))
        case _:
            pass
    if element:
        return array_of(made(element), oid)
    table_row = ROWS.get(name)
    if table_row is None or form == "none" or (table_row.oid and oid >= FIRST_USER_OID):
        return PgType(oid, shown, "unreadable")
    return PgType(oid, shown, "base", table_row.python, base=name)


def no_binary_form(type_name: str) -> ScanError:
    """Return the error for a type that the server cannot send in binary."""
    return ScanError(
        f"type {type_name} has no binary form, in which liteorm asks for results",
        got=type_name,
        remedy="cast the column to text in the query",
    )
