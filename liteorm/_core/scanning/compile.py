"""Generated source into a function: its globals, and anonymous records, fitted as they come."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from liteorm._core.generated import compiled
from liteorm._core.models.classes import model_of_hint
from liteorm._core.models.model import Field, Model
from liteorm._core.scanning import steps
from liteorm._core.scanning.blame import PLACES
from liteorm._core.scanning.builders import constructor
from liteorm._core.scanning.calls import CALLS, RAISING, RANGES, MemberOf, no_nulls, only
from liteorm._core.scanning.emit import Construct, Source, emit_value
from liteorm._core.scanning.fit import Fitter
from liteorm._core.scanning.jsontext import decoder_for
from liteorm._core.scanning.shape import Shape
from liteorm._core.scanning.types import PgType, Record
from liteorm.errors import ScanError


def compile_source(source: Source, target: str, shape: Shape) -> tuple[Callable[[Any], Any], str]:
    """Compile generated source; return its function and its file name."""
    scope: dict[str, Any] = {PLACES: source.places, **RAISING, **RANGES}
    for constant in source.constants:
        scope[constant.name] = constant_value(constant.value, shape)
    return compiled(source.text, scope, "build", f"scan {target}")


def constant_value(value: Any, shape: Shape) -> Any:
    """Return the object that a constant of the plan stands for."""
    match value:
        case Construct():
            return constructor(value.model) if value.complete else value.model.cls
        case steps.Members():
            return MemberOf(value)
        case steps.Decode():
            return decoder_for(value.annotation, shape.codecs).decode
        case steps.Use():
            return value.codec.decode
        case steps.Only():
            return only(value.classes)
        case steps.Call():
            return CALLS[value.name]
        case steps.Anonymous():
            return _RecordOf(value, shape)
        case steps.NoNulls():
            return no_nulls
        case _:
            pass
    raise TypeError(f"no constant: {value!r}")


class _RecordOf:
    """Builds from anonymous records; what they hold is fitted once per set of types."""

    def __init__(self, step: steps.Anonymous, shape: Shape) -> None:
        self.step = step
        # Who has rows to read has the shape; the function must not keep the pool.
        self.shape = weakref.ref(shape)
        self.builds: dict[tuple[int, ...], Callable[[Any], Any]] = {}

    def __call__(self, record: Record) -> Any:
        build = self.builds.get(record.oids)
        if build is None:
            if len(self.builds) >= 64:
                self.builds.clear()
            build = self.builds[record.oids] = self._compiled(record.oids)
        return build(record.values)

    def _compiled(self, oids: tuple[int, ...]) -> Callable[[Any], Any]:
        shape = self.shape()
        assert shape is not None
        step = record_step(self.step, shape.inner_types(oids), Fitter(shape.codecs))
        return compile_source(emit_value(step), self.step.place.target, shape)[0]


def record_step(
    step: steps.Anonymous, types: tuple[PgType, ...], fitter: Fitter
) -> steps.Positions | steps.Attributes:
    """Fit an anonymous record by position.

    Raises:
        ScanError: another number of values, or one that does not fit.
    """
    hint, place = step.hint, step.place
    wanted: tuple[Any, ...]
    fields: list[Field] = []
    model: Model | None = None
    if hint.kind == "model":
        model = model_of_hint(hint)
        fields = [field for field in model.fields if field.required]
        if len(fields) < len(types):
            fields = list(model.fields)[: len(types)]
        wanted = tuple(fields)
    else:
        wanted = hint.args
    if len(wanted) != len(types):
        raise ScanError(
            f"{place.source} is a record of {len(types)} values; {place.wanted}",
            model=place.model,
            field=place.field,
            column=place.column,
            expected=f"{len(wanted)} values",
            got=f"{len(types)} values",
            remedy=f"annotate as many, or write ROW(...) with {len(wanted)}",
        )
    if model is None:
        return fitter.positions(list(types), hint, place, deep=True)
    triples = [(f, i, t) for i, (f, t) in enumerate(zip(fields, types, strict=True))]
    return fitter.attributes(model, triples, len(types), hint, place, deep=True)
