"""Annotations, understood once: `Hint` is what the rest of the core reads instead of `typing`."""

from __future__ import annotations

import collections.abc
import enum
import functools
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeVar, Union, get_args, get_origin

import attrs

from liteorm._core.models.annotations import is_model, shown, shown_reference
from liteorm._core.values.ranges import Multirange, Range, multirange_of, range_of
from liteorm.errors import ModelError

Kind = Literal[
    "any",
    "scalar",
    "enum",
    "literal",
    "sequence",
    "tuple",
    "mapping",
    "model",
    "range",
    "multirange",
    "union",
    "none",
]


class Codec(Protocol):
    """Stands between a field and the plain Python value of its column."""

    def decode(self, value: Any, /) -> Any:
        """Return the field's value for the column's plain value (never called with None)."""

    def encode(self, value: Any, /) -> Any:
        """Return the plain value to send for the field's value (never called with None)."""


@attrs.frozen
class Column:
    """What a field says of its column, inside `Annotated`.

    Args:
        name: the column's name, where it is not the field's.
        generated: the database fills the column: it is never sent, and re-read after a write.
        codec: an object with `decode(value)` and `encode(value)`.

    Example:
        >>> class User:
        ...     id: Annotated[int, Column(generated=True)]
    """

    name: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.instance_of(str))
    )
    generated: bool = attrs.field(default=False, kw_only=True)
    # by identity: a codec may be any object, also one without a hash
    codec: Codec | None = attrs.field(default=None, kw_only=True, eq=id)


@attrs.frozen
class Hint:
    """One annotation: its kind, the class behind it, what is inside it, and whether None may be."""

    kind: Kind
    type: Any
    """The class to build or to hold values against: `int`, an enum, `list`, a model class."""
    args: tuple[Hint, ...] = ()
    optional: bool = False
    literals: tuple[Any, ...] = ()
    annotation: Any = None
    """The annotation itself, for libraries that read annotations (JSON)."""
    column: Column | None = None
    bindings: tuple[tuple[Any, Any], ...] = ()
    """Type variables bound outside a model class: `Page[int]`."""

    @property
    def text(self) -> str:
        """The annotation as its author would write it."""
        return shown(self.annotation)


_SEQUENCES: dict[Any, type] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Collection: list,
    collections.abc.Iterable: list,
    collections.abc.Set: frozenset,
    collections.abc.MutableSet: set,
}
_MAPPINGS: dict[Any, type] = {
    dict: dict,
    collections.abc.Mapping: dict,
    collections.abc.MutableMapping: dict,
}
_BARE: frozenset[Any] = frozenset({tuple, *_SEQUENCES, *_MAPPINGS})
"""What `typing` has a name of its own for."""
_QUALIFIERS: tuple[Any, ...] = tuple(
    qualifier
    for qualifier in (
        typing.Required,
        typing.NotRequired,
        getattr(typing, "ReadOnly", None),
        typing.Final,
    )
    if qualifier is not None
)
_QUALIFIER_NAMES = frozenset({"Required", "NotRequired", "ReadOnly"})
"""Those of typing_extensions, which are other objects on the Pythons that lack them."""


def hint_of(
    annotation: Any, bindings: Mapping[Any, Any] | None = None, *, model: str, field: str | None
) -> Hint:
    """Understand one resolved annotation.

    Args:
        annotation: the annotation, with no string left in it.
        bindings: what the type variables stand for.
        model: name of the class it is on, for errors.
        field: name of the field it is on, for errors.

    Raises:
        ModelError: the annotation is none that a column could fill.
    """
    reader = _Reader(dict(bindings or {}), model, field)
    return reader.read(reader.substituted(annotation))


@attrs.define(eq=False, repr=False)
class _Reader:
    bindings: dict[Any, Any]
    model: str
    field: str | None
    aliases: tuple[Any, ...] = ()
    """Type aliases being read, to see one that contains itself."""

    def fail(self, message: str, hint: str | None = None) -> ModelError:
        where = f"{self.model}.{self.field}" if self.field else self.model
        return ModelError(f"{where}: {message}", model=self.model, field=self.field, hint=hint)

    def read(self, annotation: Any) -> Hint:
        """Understand an annotation without type variables."""
        if isinstance(annotation, TypeVar):
            return self.read(self.substituted(annotation))
        if isinstance(annotation, typing.NewType):
            return attrs.evolve(self.read(annotation.__supertype__), annotation=annotation)
        origin = get_origin(annotation)
        if origin in _BARE and not hasattr(annotation, "__args__"):
            # `typing.List` alone has `list` as its origin and nothing in brackets: it is `list`.
            return attrs.evolve(self._plain(origin), annotation=origin)
        alias = annotation if origin is None else origin
        if type(alias).__name__ == "TypeAliasType":
            return self._alias(annotation, alias)
        if origin is typing.Annotated:
            return self._annotated(annotation)
        if origin in _QUALIFIERS or getattr(origin, "_name", None) in _QUALIFIER_NAMES:
            return self.read(get_args(annotation)[0])
        if origin in (Union, types.UnionType):
            return self._union(annotation)
        if origin is Literal:
            return self._literal(annotation)
        if origin is not None:
            return self._generic(annotation, origin)
        return self._plain(annotation)

    def substituted(self, annotation: Any) -> Any:
        """Put what type variables stand for into an annotation, so that none is left.

        Libraries which are handed the annotation (JSON) would take a variable for Any.
        """
        if isinstance(annotation, TypeVar):
            return self._value_of(annotation)
        parameters = getattr(annotation, "__parameters__", ())
        if not parameters or get_origin(annotation) is None:
            return annotation
        values = tuple(self._value_of(parameter) for parameter in parameters)
        try:
            return annotation[values]
        except TypeError as error:
            raise self.fail(f"annotation {shown(annotation)} takes no such type: {error}") from None

    def _value_of(self, variable: Any) -> Any:
        value = self.bindings.get(variable, variable)
        if value is not variable:
            # Variables in it belong to another class: nothing here stands for them.
            return _Reader({}, self.model, self.field).substituted(value)
        if getattr(variable, "has_default", bool)():
            return variable.__default__
        bound = getattr(variable, "__bound__", None)
        if bound is not None and not isinstance(bound, (str, typing.ForwardRef)):
            return bound
        raise self.fail(f"type variable {variable} is not bound", f"give it: {self.model}[int]")

    def _alias(self, annotation: Any, alias: Any) -> Hint:
        """Read `type X = ...` and `X[int]`."""
        if alias in self.aliases:
            raise self.fail(
                f"type alias {alias} contains itself", "for JSON of any form, annotate it Any"
            )
        bound = dict(zip(alias.__type_params__, get_args(annotation), strict=False))
        inner = _Reader(bound, self.model, self.field, (*self.aliases, alias))
        try:
            value = inner.substituted(alias.__value__)
        except NameError as error:
            raise self.fail(f"type alias {alias} cannot be resolved: {error}") from None
        return attrs.evolve(inner.read(value), annotation=value)

    def _annotated(self, annotation: Any) -> Hint:
        inner, *extras = get_args(annotation)
        columns = [extra for extra in extras if isinstance(extra, Column)]
        if any(extra is Column for extra in extras):
            raise self.fail("Annotated[..., Column] names the class", "write Column()")
        if len(columns) > 1:
            raise self.fail("two Column(...) in one annotation", "keep one")
        hint = self.read(inner)
        return attrs.evolve(
            hint, column=columns[0] if columns else hint.column, annotation=annotation
        )

    def _union(self, annotation: Any) -> Hint:
        given = get_args(annotation)
        # `Status | Unset`: a column never fills a field with UNSET, so it is no type of a value.
        args = tuple(arg for arg in given if not _is_unset(arg))
        if len(args) < len(given):
            return self.read(Union[args])  # noqa: UP007 (made of values)
        read = [self.read(arg) for arg in args]
        members = [
            inner
            for member in read
            for inner in (member.args if member.kind == "union" else (member,))
        ]
        optional = any(member.optional for member in read)
        some = [member for member in members if member.kind != "none"]
        column = next((member.column for member in read if member.column), None)
        if not some:
            return Hint("none", types.NoneType, optional=True, annotation=annotation)
        if len(some) == 1:
            return attrs.evolve(some[0], optional=optional, column=column, annotation=annotation)
        if any(member.kind == "any" for member in some):
            return Hint("any", object, optional=True, annotation=annotation, column=column)
        return Hint(
            "union", None, tuple(some), optional=optional, annotation=annotation, column=column
        )

    def _literal(self, annotation: Any) -> Hint:
        values = get_args(annotation)
        some = tuple(value for value in values if value is not None)
        if not some:
            return Hint("none", types.NoneType, optional=True, annotation=annotation)
        return Hint(
            "literal",
            None,
            optional=len(some) < len(values),
            literals=some,
            annotation=annotation,
        )

    def _generic(self, annotation: Any, origin: Any) -> Hint:
        args = get_args(annotation)
        takes = 1 if origin in _SEQUENCES else 2 if origin in _MAPPINGS else len(args)
        if len(args) != takes:
            raise self.fail(
                f"annotation {shown(annotation)} has {len(args)} types in its brackets,"
                f" and {origin.__name__} takes {takes}"
            )
        if origin is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return Hint("sequence", tuple, (self.read(args[0]),), annotation=annotation)
            inner = () if args == ((),) else args
            return Hint(
                "tuple", tuple, tuple(self.read(arg) for arg in inner), annotation=annotation
            )
        if origin in _SEQUENCES:
            return Hint(
                "sequence", _SEQUENCES[origin], (self.read(args[0]),), annotation=annotation
            )
        if origin in _MAPPINGS:
            return Hint(
                "mapping",
                _MAPPINGS[origin],
                tuple(self.read(arg) for arg in args),
                annotation=annotation,
            )
        if origin is Range:
            return Hint("range", Range, (self.read(args[0]),), annotation=annotation)
        if origin is Multirange:
            return Hint("multirange", Multirange, (self.read(args[0]),), annotation=annotation)
        if is_model(origin):
            parameters = getattr(origin, "__parameters__", ())
            return Hint(
                "model",
                origin,
                annotation=annotation,
                bindings=tuple(zip(parameters, args, strict=False)),
            )
        if isinstance(origin, type):
            return Hint("scalar", origin, annotation=annotation)
        raise self.fail(f"annotation {shown(annotation)} is not one that a column can fill")

    def _plain(self, annotation: Any) -> Hint:
        if annotation is Any or annotation is object:
            return Hint("any", object, optional=True, annotation=annotation)
        if annotation is None or annotation is types.NoneType:
            return Hint("none", types.NoneType, optional=True, annotation=annotation)
        anything = Hint("any", object, optional=True, annotation=Any)
        if not isinstance(annotation, type):
            if isinstance(annotation, str | typing.ForwardRef):
                raise self.fail(
                    f"annotation {shown_reference(annotation)!r} cannot be resolved",
                    "define or import that name in the module of the class",
                )
            raise self.fail(f"annotation {annotation!r} is not one that a column can fill")
        if annotation is tuple:
            return Hint("sequence", tuple, (anything,), annotation=annotation)
        if annotation in _SEQUENCES:
            return Hint("sequence", _SEQUENCES[annotation], (anything,), annotation=annotation)
        if annotation in _MAPPINGS:
            return Hint("mapping", dict, (anything, anything), annotation=annotation)
        if annotation is Range or annotation is Multirange:
            kind: Kind = "range" if annotation is Range else "multirange"
            return Hint(kind, annotation, (anything,), annotation=annotation)
        if issubclass(annotation, enum.Enum):
            return Hint("enum", annotation, annotation=annotation)
        if is_model(annotation):
            return Hint("model", annotation, annotation=annotation)
        return Hint("scalar", annotation, annotation=annotation)


def _is_unset(annotation: Any) -> bool:
    # Named, not imported: whoever annotates with it has loaded msgspec already.
    return (
        getattr(annotation, "__name__", "") == "UnsetType"
        and getattr(annotation, "__module__", "") == "msgspec"
    )


def encoding(hint: Hint, others: Callable[[Any], Any] | None = None) -> Callable[[Any], Any] | None:
    """Return what encodes a value, which is not None, by the codecs in its annotation.

    None if there are none.

    Args:
        hint: The annotation.
        others: What encodes the parts that have no codec in it.

    Raises:
        LookupError: One stands where it is not reached; with the annotation that holds it.
    """
    if hint.column is not None and hint.column.codec is not None:
        return hint.column.codec.encode
    inside = [encoding(arg, others) for arg in hint.args]
    if not any(inside):
        return None
    parts = [_or_none(each or others) for each in inside]
    if hint.kind == "sequence":
        (one,) = parts
        return lambda value: [one(each) for each in value] if _is_several(value) else value
    if hint.kind == "tuple":
        return functools.partial(_each_by_its_own, parts)
    if hint.kind in ("range", "multirange"):
        return functools.partial(_each_bound, parts[0])
    raise LookupError(hint.text)


def _each_by_its_own(parts: list[Callable[[Any], Any]], value: Any) -> Any:
    given: Any = value
    if type(given) is not tuple or len(value) != len(parts):
        return value
    return tuple(part(each) for part, each in zip(parts, value, strict=True))


def _each_bound(encode: Callable[[Any], Any], value: Any) -> Any:
    given: Any = value
    if isinstance(value, Multirange):
        return multirange_of(_each_bound(encode, each) for each in given)
    if not isinstance(value, Range) or given.is_empty:
        return given
    return range_of(encode(given.lower), encode(given.upper), given.bounds)


def _or_none(encode: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    if encode is None:
        return lambda value: value
    given = encode
    return lambda value: None if value is None else given(value)


def _is_several(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def column_in(annotation: Any) -> Column:
    """Return what an annotation says of its column, without looking at the rest of it."""
    found = getattr(annotation, "__metadata__", ())
    return next((each for each in found if isinstance(each, Column)), Column())
