"""Which PostgreSQL type fills which annotation, and by which step: decided before any row."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from liteorm._core.models.annotations import shown
from liteorm._core.models.classes import model_of_hint
from liteorm._core.models.hints import Codec, Hint, hint_of
from liteorm._core.models.model import Field, Model
from liteorm._core.scanning.remedies import attributes_remedy, mismatch, type_misfit
from liteorm._core.scanning.steps import (
    Anonymous,
    Attributes,
    Bounds,
    Call,
    Decode,
    Each,
    Inner,
    Members,
    Named,
    NoNulls,
    Only,
    Place,
    Positions,
    Step,
    Use,
)
from liteorm._core.scanning.types import (
    MOMENTS,
    PgType,
    Variant,
    cast_of,
    row_for,
    types_in,
    underlying,
)
from liteorm._core.values.interval import Interval
from liteorm._core.values.members import by_value, is_of, stored
from liteorm.errors import ModelError, ScanError

__all__ = ["Fit", "Fitter", "Members", "Place"]


@attrs.frozen
class Fit:
    """How a column is loaded and what then happens to its values."""

    variant: Variant
    step: Step | None


@attrs.frozen
class Fitter:
    """Fits types to annotations.

    `deep` tells that the value is inside another one, which is loaded in its deep form.
    """

    codecs: Mapping[Any, Codec]
    extra: Literal["error", "ignore"] = "error"
    """Whether a composite may have attributes that its class has no field for."""

    def fit(self, type_: PgType, hint: Hint, place: Place, *, codec: Codec | None = None) -> Fit:
        """Decide how a column fills an annotation.

        Raises:
            ModelError: no column can.
            ScanError: this one cannot.
        """
        base = underlying(type_)
        self._refuse_unreadable(type_, place)
        codec = codec or self.codec_for(hint)
        if codec is None:
            hint = self._chosen(type_, hint, place)
            codec = self.codec_for(hint)
        if codec is not None:
            return Fit("moment" if base.base in MOMENTS else "plain", Use(codec))
        if hint.kind == "any":
            return Fit("plain", None)
        if base.base in ("json", "jsonb"):
            return Fit("json", Decode(hint.annotation, versioned=base.base == "jsonb"))
        step = self._step(type_, hint, place, deep=False)
        if base.kind in _HOLDING and self._needs_deep(base, hint):
            return Fit("deep", self._step(type_, hint, place, deep=True))
        if base.base == "interval" and hint.type is Interval:
            return Fit("interval", None)
        if base.base == "point" and hint.kind == "tuple":
            return Fit("point", None)
        return Fit("plain", step)

    def _refuse_unreadable(self, type_: PgType, place: Place) -> None:
        """Refuse a type that is, or is made of, one whose values would surface as bytes."""
        for inner in types_in(type_):
            if inner.kind == "unreadable":
                whole = inner is underlying(type_)
                raise type_misfit(
                    f"{place.source} is {type_.name}, which has no form that liteorm reads"
                    if whole
                    else f"{place.source} is {type_.name}, and {inner.name} in it has no form"
                    " that liteorm reads",
                    place,
                    got=type_.name,
                    remedy=cast_of(place.column, "text")
                    if whole and not place.inside
                    else "cast it to text",
                )

    def _chosen(self, type_: PgType, hint: Hint, place: Place) -> Hint:
        """Return the members of a union which a type fills: one hint, or a union of simple ones.

        The choice does not depend on the order: Python takes `int | str` and `str | int` for
        equal, so a cache would mix them up.
        """
        if hint.kind != "union" or underlying(type_).base in ("json", "jsonb"):
            return hint
        fitting: list[Hint] = []
        for member in hint.args:
            try:
                self.fit(type_, member, place)
            except (ScanError, ModelError):
                continue
            fitting.append(member)
        if not fitting:
            mismatch(type_, hint, place)
        if len(fitting) > 1 and all(member.kind in _SIMPLE for member in fitting):
            # timedelta would refuse some intervals that Interval holds
            whole = [member for member in fitting if member.type is Interval]
            fitting = whole or fitting
        chosen = min(fitting, key=lambda member: (member.kind in _SIMPLE, member.text))
        if len(fitting) > 1 and chosen.kind in _SIMPLE:
            chosen = attrs.evolve(hint, args=tuple(fitting))
        return attrs.evolve(chosen, optional=hint.optional)

    def codec_for(self, hint: Hint) -> Codec | None:
        """Return the codec of an annotation: its own, or that of its class."""
        if hint.column is not None and hint.column.codec is not None:
            return hint.column.codec
        if not self.codecs or hint.kind in ("any", "literal", "union", "none"):
            return None
        try:
            return self.codecs.get(hint.type)
        except TypeError:
            return None

    def _needs_deep(self, type_: PgType, hint: Hint) -> bool:
        """Tell whether something inside must not be loaded in its plain form."""
        if hint.kind == "any":
            return False
        base = underlying(type_)
        if hint.kind == "union":
            return any(self._needs_deep(type_, member) for member in hint.args)
        if base.kind == "record":
            return hint.kind in ("model", "tuple") or any(a.kind != "any" for a in hint.args)
        if base.kind == "array" and base.element is not None:
            inner = hint.args or (hint,)
            if hint.kind == "sequence" and hint.args[0].kind == "sequence":
                return self._needs_deep(base, hint.args[0])
            return any(self._needs_deep(base.element, arg) for arg in inner)
        if base.kind == "composite":
            return any(
                self._needs_deep(attribute.type, inner)
                for attribute, inner in self._paired(base, hint)
            )
        if base.kind in ("range", "multirange") and base.element is not None:
            return hint.kind == base.kind and self._needs_deep(_bound(base), hint.args[0])
        if base.base in ("json", "jsonb"):
            return True
        return (base.base == "interval" and hint.type is Interval) or (
            base.base == "point" and hint.kind == "tuple"
        )

    def _paired(self, base: PgType, hint: Hint) -> list[tuple[Any, Hint]]:
        if hint.kind == "model":
            by_column = model_of_hint(hint).by_column
            return [
                (attribute, by_column[attribute.name].hint)
                for attribute in base.attributes
                if attribute.name in by_column
            ]
        if hint.kind == "mapping":
            return [(attribute, hint.args[1]) for attribute in base.attributes]
        return list(zip(base.attributes, hint.args, strict=False))

    def _step(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        base = underlying(type_)
        if place.inside:
            self._refuse_unreadable(type_, place)
        if self.codec_for(hint) is None:
            hint = self._chosen(type_, hint, place)
        if place.inside and (codec := self.codec_for(hint)) is not None:
            return Use(codec, self._plain_inside(base, deep))
        if base.is_custom and fills(base.python, hint):
            return None
        if base.base == "unknown" and place.inside and hint.kind != "any" and hint.type is not str:
            # NULL inside ROW(...) has no type; a literal there gets one by a cast
            return Call("untyped")
        if base.base in ("json", "jsonb") and place.inside:
            if not deep:
                return None
            return Decode(Any if hint.kind == "any" else hint.annotation)
        match hint.kind:
            case "any":
                return self._plain_inside(base, deep)
            case "scalar" | "none":
                return self._scalar(type_, hint, place, deep=deep)
            case "enum":
                return self._enum(type_, hint, place)
            case "literal":
                return self._literal(type_, hint, place)
            case "sequence":
                return self._sequence(type_, hint, place, deep=deep)
            case "tuple":
                return self._tuple(type_, hint, place, deep=deep)
            case "mapping":
                return self._mapping(type_, hint, place, deep=deep)
            case "model":
                return self._model(type_, hint, place, deep=deep)
            case "range" | "multirange":
                return self._range(type_, hint, place, deep=deep)
            case "union":
                return self._union(type_, hint, place, deep=deep)

    def _plain_inside(self, base: PgType, deep: bool) -> Step | None:
        if deep and (base.kind in _HOLDING or base.base in _DEEP):
            return Call("plain")
        return None

    def _scalar(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        base = underlying(type_)
        if base.base == "void" and hint.optional:
            return None
        row = row_for(base)
        if row is not None:
            if row.python is hint.type:
                if deep and base.base == "interval":
                    return Call("timedelta_of")
                return Call("point_text") if deep and base.base == "point" else None
            if any(hint.type is other for other, _ in row.variants):
                return None if base.base == "interval" else Only((hint.type,))
        elif base.kind == "enum" and hint.type is str:
            return None
        mismatch(type_, hint, place)

    def _enum(self, type_: PgType, hint: Hint, place: Place) -> Step:
        plain, labels = self._plain_class(type_), underlying(type_).labels
        members = hint.type.__members__
        if by_value(hint.type, plain, labels):
            # An IntFlag has members beyond those listed; a class may define _missing_.
            pairs = tuple((member.value, member) for member in members.values())
            return Members(pairs, hint.text, (hint.type,), padded=_is_padded(type_))
        if plain is str:
            return Members(tuple(members.items()), hint.text, padded=_is_padded(type_))
        mismatch(type_, hint, place)

    def _literal(self, type_: PgType, hint: Hint, place: Place) -> Step:
        plain, labels = self._plain_class(type_), underlying(type_).labels
        pairs: list[tuple[Any, Any]] = []
        for literal in hint.literals:
            value = stored(literal, plain, labels) if isinstance(literal, enum.Enum) else literal
            if is_of(value, plain):
                pairs.append((value, literal))
        if not pairs:
            mismatch(type_, hint, place)
        return Members(tuple(pairs), hint.text, padded=_is_padded(type_))

    def _plain_class(self, type_: PgType) -> Any:
        base = underlying(type_)
        return str if base.kind == "enum" else base.python

    def _sequence(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        base = underlying(type_)
        (item,) = hint.args
        if base.base == "vector" and (item.type is float or item.kind == "any"):
            return (
                None
                if hint.type is list
                else Each(hint.type, Inner(None, place.within("an element", item)), False, place)
            )
        if base.kind in ("record", "composite") and hint.type is tuple and item.kind == "any":
            return Call("plain") if deep else None
        if base.kind != "array" or base.element is None:
            mismatch(type_, hint, place)
        inner = place.within("an element", item)
        # An array of PostgreSQL has any number of dimensions: list[list[int]] is one of int4[].
        # But elements which are lists themselves are the inner ones.
        element = underlying(base.element)
        nested = (
            item.kind == "sequence"
            and element.base not in ("json", "jsonb", "vector")
            and element.kind != "array"
            and not (element.is_custom and fills(element.python, item))
        )
        if hint.type in (set, frozenset) and not _hashable(item):
            raise type_misfit(
                f"{place.source} is {type_.name}; {place.wanted}, and {item.text} has no hash"
                " to be in a set",
                place,
                got=type_.name,
                remedy=f"annotate the field list[{item.text}]",
            )
        step = self._step(type_ if nested else base.element, item, inner, deep=deep)
        if nested and step is None:
            # Nothing to do with the inner elements; but that they are lists has to be seen.
            anything = item.args[0]
            step = Each(item.type, Inner(None, inner.within("an element", anything)), False, inner)
        if item.kind == "any":
            whole = step is None and hint.type is list
            return None if whole else Each(hint.type, Inner(step, inner), False, place)
        flat = item.kind != "sequence"
        return Each(hint.type, Inner(step, inner), flat, place)

    def _tuple(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        base = underlying(type_)
        if base.base == "point" and hint.annotation is not None:
            if [arg.type for arg in hint.args] != [float, float]:
                mismatch(type_, hint, place)
            return Call("point_pair")
        if base.kind == "record":
            return Anonymous(hint, place)
        if base.kind == "array" and base.element is not None:
            items = tuple(
                Inner(self._step(base.element, arg, inner, deep=deep), inner)
                for arg in hint.args
                for inner in [place.within("an element", arg)]
            )
            return Positions(items, True, place)
        if base.kind != "composite":
            mismatch(type_, hint, place)
        if len(base.attributes) != len(hint.args):
            raise type_misfit(
                f"{place.source} is {type_.name} with {len(base.attributes)} attributes;"
                f" {place.wanted}",
                place,
                got=type_.name,
                remedy=f"annotate {len(base.attributes)} values, or tuple[Any, ...]",
            )
        return self.positions([a.type for a in base.attributes], hint, place, deep=deep)

    def positions(self, types_: list[PgType], hint: Hint, place: Place, *, deep: bool) -> Positions:
        """Fit the values of a record or composite to a tuple's annotations."""
        items: list[Inner] = []
        for number, (type_, arg) in enumerate(zip(types_, hint.args, strict=True)):
            inner = place.within(f"value {number}", arg)
            items.append(Inner(self._step(type_, arg, inner, deep=deep), inner))
        return Positions(tuple(items), False, place)

    def _mapping(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        base = underlying(type_)
        keys, values = hint.args
        if keys.kind == "any" or keys.type is str:
            if base.base == "hstore" and values.kind == "any":
                return None
            if base.base == "hstore" and values.type is str:
                return None if values.optional else NoNulls(place)
            if base.kind == "composite":
                items: list[tuple[str, Inner]] = []
                for attribute in base.attributes:
                    inner = place.within(f'attribute "{attribute.name}"', values)
                    step = self._step(attribute.type, values, inner, deep=deep)
                    items.append((attribute.name, Inner(step, inner)))
                return Named(tuple(items), place)
        mismatch(type_, hint, place)

    def _model(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step:
        base = underlying(type_)
        if base.kind == "record":
            return Anonymous(hint, place)
        if base.kind != "composite":
            mismatch(type_, hint, place)
        model = model_of_hint(hint)
        names = [attribute.name for attribute in base.attributes]
        indexes = {name: index for index, name in enumerate(names)}
        missing = [f.column for f in model.fields if f.required and f.column not in indexes]
        extra = [name for name in names if name not in model.by_column]
        if missing or (extra and self.extra == "error"):
            raise type_misfit(
                f"{place.source} is {type_.name} with attributes {', '.join(names)};"
                f" {model.name} has fields {', '.join(f.column for f in model.fields)}",
                place,
                got=type_.name,
                remedy=attributes_remedy(missing, extra),
            )
        fields = [f for f in model.fields if f.column in indexes]
        return self.attributes(
            model,
            [(f, indexes[f.column], base.attributes[indexes[f.column]].type) for f in fields],
            len(names),
            hint,
            place,
            deep=deep,
        )

    def attributes(
        self,
        model: Model,
        fields: list[tuple[Field, int, PgType]],
        count: int,
        hint: Hint,
        place: Place,
        *,
        deep: bool,
    ) -> Attributes:
        """Fit the attributes of a composite to the fields of a class."""
        items: list[tuple[Field, int, Inner]] = []
        for field, index, type_ in fields:
            inner = place.within(f'attribute "{field.column}"', field.hint, field=field.name)
            step = self._step(type_, field.hint, inner, deep=deep)
            items.append((field, index, Inner(step, inner)))
        absent = None
        if hint.optional:
            strict = tuple(i for f, i, _ in fields if not f.hint.optional)
            absent = strict or tuple(i for _, i, _ in fields)
        return Attributes(model, count, tuple(items), absent, place)

    def _range(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        base = underlying(type_)
        if base.kind != hint.kind:
            mismatch(type_, hint, place)
        (item,) = hint.args
        if item.kind == "any":
            return self._plain_inside(base, deep)
        bound = place.within("a bound", item)
        try:
            step = self._step(_bound(base), item, bound, deep=deep)
        except ScanError:
            mismatch(type_, hint, place)
        return None if step is None else Bounds(Inner(step, bound), base.kind == "multirange")

    def _union(self, type_: PgType, hint: Hint, place: Place, *, deep: bool) -> Step | None:
        """Merge the steps of scalars, enums and literals."""
        steps = [self._step(type_, member, place, deep=deep) for member in hint.args]
        only = [step for step in steps if isinstance(step, Only)]
        if only:
            return Only(tuple(cls for step in only for cls in step.classes))
        members = [step for step in steps if isinstance(step, Members)]
        if not members:
            return steps[0]
        return Members(
            tuple(pair for step in members for pair in step.values),
            hint.text,
            tuple(cls for step in members for cls in step.enums),
            others=len(members) < len(steps),
            padded=_is_padded(type_),
        )


def fills(python: Any, hint: Hint) -> bool:
    """Tell whether values of an annotation are what another one asks for."""
    try:
        made = hint_of(python, model=shown(python), field=None)
    except ModelError:
        return False
    return _alike(made, hint)


def _alike(made: Hint, wanted: Hint) -> bool:
    if wanted.kind == "any":
        return True
    return (
        made.kind == wanted.kind
        and made.type is wanted.type
        and len(made.args) == len(wanted.args)
        and all(map(_alike, made.args, wanted.args))
    )


def _is_padded(type_: PgType) -> bool:
    return underlying(type_).base == "bpchar"


def _bound(base: PgType) -> PgType:
    """Return the type of a range's bounds, or of a multirange's."""
    inner = base.element if base.kind == "range" else base.element and base.element.element
    assert inner is not None
    return inner


_HOLDING = frozenset({"array", "composite", "record", "range", "multirange"})
_DEEP = frozenset({"json", "jsonb", "interval", "point"})
_SIMPLE = frozenset({"scalar", "enum", "literal"})


def _hashable(hint: Hint) -> bool:
    """Tell whether the values of an annotation can be in a set."""
    if hint.kind == "model":
        return getattr(hint.type, "__hash__", None) is not None
    if hint.kind in ("tuple", "union") or hint.type is tuple:
        return all(map(_hashable, hint.args))
    return hint.type not in (list, set, dict)
