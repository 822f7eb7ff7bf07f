"""PostgreSQL's text forms, for cursors of the driver that did not ask for binary results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psycopg import abc, pq

from liteorm._core.scanning.types import JsonText, PgType, Variant, underlying
from liteorm._core.values.interval import interval_from_text
from liteorm._core.values.range_texts import multirange_from_text, range_from_text
from liteorm.postgres._types.arrays import ZERO_BASED, array_from_text, split_numbers
from liteorm.postgres._types.forms import FromText, Load, untold
from liteorm.postgres._types.geometry import pair_from_text
from liteorm.postgres._types.records import record_from_text
from liteorm.postgres._types.table import FORMS

TEXT = pq.Format.TEXT

_DEEP: dict[str, FromText] = {
    "json": lambda text: JsonText(text.encode()),
    "jsonb": lambda text: JsonText(text.encode()),
    "interval": interval_from_text,
    "point": pair_from_text,
}


class TextReaders:
    """The readers of one result's types, in plain or in deep form."""

    def __init__(self, transformer: abc.Transformer, *, deep: bool) -> None:
        self.transformer = transformer
        self.deep = deep

    def reader(self, type_: PgType) -> FromText:
        """Return the reader of a type."""
        match type_.kind:
            case "domain" if type_.element is not None:
                return self.reader(type_.element)
            case "array" if type_.element is not None:
                return array_from_text(type_.element, self.reader(type_.element))
            case "range" if type_.element is not None:
                # its bounds are plain values, wherever the range is
                plain = TextReaders(self.transformer, deep=False)
                return range_from_text(plain.reader(type_.element))
            case "multirange" if type_.element is not None:
                return multirange_from_text(self.reader(type_.element))
            case "composite":
                return record_from_text([self.reader(a.type) for a in type_.attributes])
            case "record":
                return untold("an anonymous record")
            case "base":
                return self._base(type_)
            case _:
                pass
        return str

    def _base(self, type_: PgType) -> FromText:
        base = type_.base
        if self.deep and base in _DEEP:
            return _DEEP[base]
        form = FORMS.get(base)
        if form is None:
            return untold(type_.name)
        if form.from_text is not None:
            return form.from_text
        if form.read is None and form.sent is not None:
            load: Load = self.transformer.get_loader(type_.oid, TEXT).load
            return lambda text: load(text.encode())
        return str


def variant_reader(
    type_: PgType, variant: Variant, transformer: abc.Transformer
) -> Callable[[bytes], Any]:
    """Return what reads a column of a text result in the form that a plan asks for."""
    if variant == "skip":
        return lambda data: None
    if variant == "json":
        # A plan expects jsonb's version byte in front, which only the binary form has.
        prefix = b"\x01" if underlying(type_).base == "jsonb" else b""
        return lambda data: prefix + data
    if variant == "interval":
        return lambda data: interval_from_text(data.decode())
    if variant == "moment":
        plain = TextReaders(transformer, deep=False).reader(type_)
        words = (b"infinity", b"-infinity")
        return lambda data: data.decode() if data in words else plain(data.decode())
    if variant == "point":
        return lambda data: tuple(pair_from_text(data.decode()))
    if type_.oid in ZERO_BASED:
        # written as arrays in their binary form only
        return lambda data: split_numbers(data.decode())
    read = TextReaders(transformer, deep=variant == "deep").reader(type_)
    return lambda data: read(data.decode())
