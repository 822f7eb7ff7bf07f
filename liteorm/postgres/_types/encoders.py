"""A column's type → how its values are sent: as COPY data and as parameters, binary and text."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

import attrs
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import Format

from liteorm._core.models.hints import Codec
from liteorm._core.scanning.types import PgType
from liteorm.postgres._types.nested import Array, Composite, Encoder, MultirangeOf, Parts, RangeOf
from liteorm.postgres._types.scalars import (
    BYTEA_OID,
    SCALARS,
    TEXT_OID,
    TEXT_ONLY,
    Misfit,
    Scalar,
    misfit,
)


class Encoders:
    """The encoders of one database, made when first asked for.

    Args:
        adapters: The pool's map, for the compiled dumpers.
        codecs: Codecs by Python class, which go before everything else.
        money_unit: Gives how many of its smallest unit make one of the server's currency.
    """

    def __init__(
        self,
        adapters: AdaptersMap,
        codecs: Mapping[type, Codec] | None = None,
        money_unit: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._transformer = Transformer(adapters)
        self._codecs = dict(codecs or {})
        self._money_unit = money_unit
        self._made: dict[PgType, Encoder] = {}

    def for_type(self, type_: PgType) -> Encoder:
        """Return the encoder of a type."""
        found = self._made.get(type_)
        if found is None:
            found = self._made[type_] = self._with_codecs(self._make(type_))
        return found

    def _make(self, type_: PgType) -> Encoder:
        element = type_.element
        if type_.kind == "domain" and element is not None:
            return attrs.evolve(self.for_type(element), pgtype=type_)
        if type_.kind == "array" and element is not None:
            return self._built(type_, "a list", Array(type_, self.for_type(element)))
        if type_.kind == "range" and element is not None:
            return self._built(type_, "Range", RangeOf(self.for_type(element)))
        if type_.kind == "multirange" and element is not None:
            return self._built(type_, "Multirange", MultirangeOf(self.for_type(element)))
        if type_.kind == "composite":
            parts = [(part.name, self.for_type(part.type)) for part in type_.attributes]
            return self._built(type_, "an object with its attributes", Composite(type_, parts))
        if type_.kind == "enum":
            return self._enum(type_)
        return self._scalar(type_)

    def _built(self, type_: PgType, expected: str, parts: Parts) -> Encoder:
        return Encoder(
            type_,
            expected,
            fast=None,
            unless="",
            dumper=BYTEA_OID,
            ready=parts.binary,
            binary=parts.binary if parts.has_binary else None,
            text=parts.text,
            bound=True,
        )

    def _enum(self, type_: PgType) -> Encoder:
        labels = frozenset(type_.labels)

        def label(value: Any) -> str:
            if isinstance(value, Enum):
                inner = value.value
                if not isinstance(inner, str) or (inner not in labels and value.name in labels):
                    return value.name
                value = inner
            if not isinstance(value, str):
                raise misfit(value, "str or an Enum member")
            return str.__str__(value)

        return Encoder(
            type_,
            "str or an Enum member",
            fast=str,
            unless="",
            dumper=TEXT_OID,
            ready=label,
            binary=lambda value: label(value).encode(),
            text=label,
            bound=False,
            strict=True,
        )

    def _scalar(self, type_: PgType) -> Encoder:
        scalar = SCALARS.get(type_.base) if type_.kind == "base" else TEXT_ONLY
        if type_.base == "money" and type_.kind == "base":
            scalar = _money(self._money_unit())
        known = scalar is not None and scalar is not TEXT_ONLY
        scalar = scalar or TEXT_ONLY
        binary: Callable[[Any], Any] | None = None
        if known:
            binary = scalar.ready if not scalar.dumper else self._packed(scalar)

        def text(value: Any) -> str:
            scalar.ready(value)
            return scalar.text(_unwrapped(value, scalar))

        return Encoder(
            type_,
            scalar.expected,
            fast=scalar.fast,
            unless=scalar.unless,
            dumper=scalar.dumper or BYTEA_OID,
            ready=scalar.ready,
            binary=binary,
            text=text,
            bound=scalar.bound,
            strict=scalar.strict,
        )

    def _packed(self, scalar: Scalar) -> Callable[[Any], Any]:
        # One dumper for life: those of fixed types hold no state of a connection.
        transformer = self._transformer
        cls = transformer.adapters.get_dumper_by_oid(scalar.dumper, Format.BINARY)
        dump = cls(scalar.fast or object, transformer).dump
        ready = scalar.ready
        return lambda value: dump(ready(value))

    def _with_codecs(self, encoder: Encoder) -> Encoder:
        if not self._codecs:
            return encoder
        codecs = self._codecs

        def plain(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def encode(value: Any) -> Any:
                for cls in type(value).__mro__:
                    if cls in codecs:
                        return call(codecs[cls].encode(value))
                return call(value)

            return encode

        return attrs.evolve(
            encoder,
            fast=None if encoder.fast in codecs else encoder.fast,
            strict=False,
            ready=plain(encoder.ready),
            binary=plain(encoder.binary) if encoder.binary else None,
            text=plain(encoder.text),
        )


def _unwrapped(value: Any, scalar: Scalar) -> Any:
    """Return what the text form is made of: for enum members what they stand for."""
    return scalar.ready(value) if isinstance(value, Enum) and scalar.dumper else value


def _money(unit: int | None) -> Scalar | None:
    """Return how money is sent: as a count of the smallest unit, which the server's locale says.

    As text it would be read by the same locale, whose comma and point may mean anything.
    """
    if unit is None:
        return None
    decimal = SCALARS["numeric"].ready

    def count(value: Any) -> bytes:
        amount = decimal(value)
        try:
            exact = amount * unit
            if exact != int(exact):
                raise Misfit(f"it is finer than money is here (1/{unit})")
            return struct.pack("!q", int(exact))
        except (struct.error, ArithmeticError, ValueError):
            raise Misfit("it is out of range for money") from None

    return Scalar("Decimal", count, str, bound=True)
