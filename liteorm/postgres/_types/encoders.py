"""A column's type → how its values are sent: as COPY data and as parameters, binary and text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Protocol

import attrs
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import Format

from liteorm._core.models.classes import model_of_hint
from liteorm._core.models.hints import Codec, Hint
from liteorm._core.scanning.types import MOMENTS, PgType, underlying
from liteorm._core.values.members import stored
from liteorm.errors import ModelError
from liteorm.postgres._types.arrays import Array
from liteorm.postgres._types.coded import Coded, codec_of
from liteorm.postgres._types.forms import ARRAYS, BYTEA_OID, Encoder, Form, Scalar, wrong_class
from liteorm.postgres._types.json import Written, json_sent
from liteorm.postgres._types.kept import json_kept, kept
from liteorm.postgres._types.numbers import MoneyUnit, money_sent
from liteorm.postgres._types.ranges import MultirangeOf, RangeOf
from liteorm.postgres._types.records import Composite
from liteorm.postgres._types.strings import TEXT_ONLY, enum_encoder
from liteorm.postgres._types.table import FORMS
from liteorm.postgres._types.times import with_infinity

_UNKNOWN = Form()


class Parts(Protocol):
    """A type with other types inside."""

    has_binary: bool

    def binary(self, value: Any) -> bytes:
        """Return the binary form."""
        ...

    def text(self, value: Any) -> str:
        """Return the text form."""
        ...


class Encoders:
    """The encoders of one database, made when first asked for.

    Args:
        adapters: The pool's map, for the compiled dumpers.
        codecs: Codecs by Python class, which go before everything else.
        money_unit: Gives what the server's lc_monetary says, once that is known.
        custom: The forms of the pool's custom types.
    """

    def __init__(
        self,
        adapters: AdaptersMap,
        codecs: Mapping[type, Codec] | None = None,
        money_unit: Callable[[], MoneyUnit | None] = lambda: None,
        custom: Mapping[str, Form] = FORMS,
    ) -> None:
        self._transformer = Transformer(adapters)
        self._codecs = dict(codecs or {})
        self._money_unit = money_unit
        self._custom = custom
        self._made: dict[PgType, Encoder] = {}
        self.coded = Coded(self._codecs)
        self._written = Written(self._codecs) if self._codecs else None
        self._beneath = self
        if self._codecs:
            self._beneath = Encoders(adapters, None, money_unit, custom)

    def for_type(self, type_: PgType) -> Encoder:
        """Return the encoder of a type."""
        found = self._made.get(type_)
        if found is None:
            found = self._made[type_] = self._make(type_)
        return found

    def for_field(self, type_: PgType, hint: Hint) -> Encoder:
        """Return the encoder that refuses, too, what an annotation could not be filled from again.

        Only where that costs nothing for values that fit: JSON is not looked into.
        """
        kind = underlying(type_)
        element = kind.element
        if self._is_free(hint):
            read_by_codec = hint.kind in ("scalar", "model") and kind.base in MOMENTS
            return self._worded(type_) if read_by_codec else self.for_type(type_)
        if type_.kind == "domain" and type_.element is not None:
            return attrs.evolve(self.for_field(type_.element, hint), pgtype=type_)
        if kind.base in ("json", "jsonb"):
            return json_kept(self.for_type(type_), hint)
        if kind.kind == "array" and element is not None and hint.kind == "sequence":
            nested, depth, (item,) = self._nested_in(element), 1, hint.args
            while item.kind == "sequence" and issubclass(list, nested):
                depth, (item,) = depth + 1, item.args
            inner = self.for_field(element, item)
            exact = depth if item.kind not in ("any", "union") else None
            array = Array(type_, inner, nested, exact, not item.optional)
            return self._with_codecs(self._built(type_, "a list", array))
        if kind.kind == "range" and element is not None and hint.kind == "range":
            inside = RangeOf(self.for_field(element, hint.args[0]))
            return self._with_codecs(self._built(type_, "Range", inside))
        if kind.kind == "composite" and hint.kind in ("model", "tuple"):
            return self._with_codecs(self._composite(type_, self._hints(kind, hint)))
        if hint.kind == "literal":
            return kept(self.for_encoded(type_), hint)  # as it stands: it is read by no codec
        if hint.kind in ("enum", "scalar"):
            return kept(self.for_type(type_), hint)
        return self.for_type(type_)

    def _worded(self, type_: PgType) -> Encoder:
        """Return the encoder of dates or timestamps whose codec may give the words for infinity."""
        plain, codecs = self._beneath.for_type(type_), self._codecs
        worded = with_infinity(plain)
        assert plain.binary is not None

        def each(call: Callable[[Any], Any], words: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def encode(value: Any) -> Any:
                codec = codec_of(value.__class__, codecs)
                return call(value) if codec is None else words(codec.encode(value))

            return encode

        binary = each(plain.binary, worded.ready)
        text = each(plain.text, worded.text)
        return attrs.evolve(worded, ready=binary, binary=binary, text=text, coded=True)

    def _is_free(self, hint: Hint) -> bool:
        """Tell whether a codec reads the values, or the annotation takes any."""
        if hint.column is not None and hint.column.codec is not None:
            return True
        try:
            return hint.kind in ("any", "none", "union") or hint.type in self._codecs
        except TypeError:
            return True

    def _hints(self, kind: PgType, hint: Hint) -> dict[str, Hint]:
        """Return the annotations of a composite's attributes."""
        if hint.kind == "model":
            try:
                fields = model_of_hint(hint).by_column
            except ModelError:
                return {}
            return {name: field.hint for name, field in fields.items() if field.encode is None}
        names = [attribute.name for attribute in kind.attributes]
        return dict(zip(names, hint.args, strict=False))

    def for_encoded(self, type_: PgType) -> Encoder:
        """Return the encoder of what a codec of the field's own has made: no other is applied."""
        found = self._beneath.for_type(type_)
        return attrs.evolve(found, fast=None, strict=False, coded=True) if self._codecs else found

    def _make(self, type_: PgType) -> Encoder:
        element = type_.element
        if type_.kind == "domain" and element is not None:
            return attrs.evolve(self.for_type(element), pgtype=type_)
        if underlying(type_).base in ("json", "jsonb"):
            return self._scalar(type_)  # where a codec is applied as it is inside JSON
        return self._with_codecs(self._without(type_))

    def _without(self, type_: PgType) -> Encoder:
        element = type_.element
        if type_.kind == "array" and element is not None:
            array = Array(type_, self.for_type(element), self._nested_in(element))
            return self._built(type_, "a list", array)
        if type_.kind == "range" and element is not None:
            return self._built(type_, "Range", RangeOf(self.for_type(element)))
        if type_.kind == "multirange" and element is not None:
            return self._built(type_, "Multirange", MultirangeOf(self.for_type(element)))
        if type_.kind == "composite":
            return self._composite(type_, {})
        if type_.kind == "enum":
            return enum_encoder(type_)
        return self._scalar(type_)

    def _composite(self, type_: PgType, hints: Mapping[str, Hint]) -> Encoder:
        parts = [
            (
                part.name,
                self.for_field(part.type, hints[part.name])
                if part.name in hints
                else self.for_type(part.type),
                self.for_encoded(part.type),
            )
            for part in underlying(type_).attributes
        ]
        composite = Composite(type_, parts, self.coded if self._codecs else None)
        composite.required = frozenset(name for name, hint in hints.items() if not hint.optional)
        return self._built(type_, "an object with its attributes", composite)

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

    def _scalar(self, type_: PgType) -> Encoder:
        sent = self._form(type_).sent
        if type_.base == "money":
            sent = money_sent(self._money_unit())
        if self._written is not None and type_.base in ("json", "jsonb"):
            sent = json_sent(type_.base, self._written)
        scalar = sent or TEXT_ONLY
        ready = _with_members(type_, scalar) if sent is not None else scalar.ready
        binary: Callable[[Any], Any] | None = None
        if sent is not None:
            binary = self._packed(sent, ready) if sent.dumper else ready

        def text(value: Any) -> str:
            value = _plain_member(type_, value, scalar.expected)
            scalar.ready(value)
            return scalar.text(value)

        return Encoder(
            type_,
            scalar.expected,
            fast=scalar.fast,
            unless=scalar.unless,
            dumper=scalar.dumper or BYTEA_OID,
            ready=ready,
            binary=binary,
            text=text,
            bound=scalar.bound,
            strict=scalar.strict,
        )

    def _form(self, type_: PgType) -> Form:
        if type_.kind != "base":
            return _UNKNOWN
        return self._custom.get(type_.base) or FORMS.get(type_.base, _UNKNOWN)

    def _nested_in(self, element: PgType) -> tuple[type, ...]:
        """Return the classes whose values, among an array's elements, are a further dimension.

        What is itself given as a list or tuple cannot also be one.
        """
        kind = underlying(element)
        listed = self._form(kind).listed
        if listed == "any" or kind.kind in ("multirange", "array"):
            # A domain over an array makes its values elements, of any lengths.
            return ()
        if listed == "tuple" or kind.kind in ("composite", "record"):
            return (list,)
        return ARRAYS

    def _packed(self, scalar: Scalar, ready: Callable[[Any], Any]) -> Callable[[Any], Any]:
        # One dumper for life: those of fixed types hold no state of a connection.
        transformer = self._transformer
        cls = transformer.adapters.get_dumper_by_oid(scalar.dumper, Format.BINARY)
        dump = cls(scalar.fast or object, transformer).dump
        return lambda value: dump(ready(value))

    def _with_codecs(self, encoder: Encoder) -> Encoder:
        if not self._codecs:
            return encoder
        codecs, beneath = self._codecs, self._beneath.for_type(encoder.pgtype)

        def plain(call: Callable[[Any], Any], given: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def encode(value: Any) -> Any:
                codec = codec_of(value.__class__, codecs)
                return call(value) if codec is None else given(codec.encode(value))

            return encode

        binary = encoder.binary
        return attrs.evolve(
            encoder,
            fast=None if encoder.fast in codecs else encoder.fast,
            strict=False,
            coded=True,
            ready=plain(encoder.ready, beneath.ready),
            binary=plain(binary, beneath.binary or binary) if binary else None,
            text=plain(encoder.text, beneath.text),
        )


def _plain_member(type_: PgType, value: Any, expected: str) -> Any:
    """Return what is stored for a member of an enum; any other value as it is."""
    if not isinstance(value, Enum) or type_.is_custom or type_.python is object:
        return value
    found = stored(value, type_.python if type_.kind == "base" else str)
    if isinstance(found, Enum):
        # One that is an int as well would be stored, and not be read.
        raise wrong_class(value, expected)
    return found


def _with_members(type_: PgType, scalar: Scalar) -> Callable[[Any], Any]:
    ready, expected = scalar.ready, scalar.expected
    if type_.python is object or type_.is_custom:
        return ready

    def of_members(value: Any) -> Any:
        return ready(_plain_member(type_, value, expected) if isinstance(value, Enum) else value)

    return of_members
