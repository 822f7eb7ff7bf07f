"""Classes inside JSON whose fields have other names or codecs there: as outside, so inside.

msgspec knows neither. Where a class has such a field, or holds one that has, a class of our own
stands for it in what msgspec decodes, and objects are built from that.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from decimal import Decimal
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)
from typing import Any, Final

import attrs

from liteorm._core.belonging import with_class
from liteorm._core.models.annotations import is_model, is_namedtuple, is_pydantic, is_struct, shown
from liteorm._core.models.classes import model_of, with_anything
from liteorm._core.models.hints import Codec, Hint, column_in
from liteorm._core.models.model import Field
from liteorm._core.scanning.jsonforms import READ, Unread
from liteorm._core.scanning.jsonpydantic import adapter, is_union_of_models
from liteorm.errors import DataError, ModelError

_STANDS_FOR = "__liteorm_stands_for__"
_ADAPTER = "__liteorm_adapter__"
_OF = "__liteorm_of__"


@attrs.frozen(eq=False, repr=False)
class ByClass:
    """The codecs of a pool, by class, and whether what PostgreSQL writes is read beside them."""

    codecs: Mapping[Any, Codec]
    forms: bool = True
    shapes: dict[Any, Any] = attrs.field(factory=dict[Any, Any], init=False)
    """What is made of classes with these codecs: not kept on the classes, which may live longer."""

    def form_of(self, tp: Any) -> Callable[[Any, Any], Any] | None:
        """Return what reads a class also as PostgreSQL writes it, if msgspec does not."""
        try:
            return READ.get(tp) if self.forms else None
        except TypeError:
            return None

    def codec_for(self, tp: Any) -> Codec | None:
        """Return the codec of a class."""
        try:
            return self.codecs.get(tp)
        except TypeError:
            return None


NO_CLASSES = ByClass({})


def is_special(cls: Any, by_class: ByClass = NO_CLASSES) -> bool:
    """Tell whether a class, or one inside it, has a field with another name or a codec."""
    return is_model(cls) and _is_special(cls, by_class, frozenset())


def _is_special(cls: Any, by_class: ByClass, around: frozenset[Any]) -> bool:
    if cls in around:
        return False
    try:
        fields = model_of(with_anything(cls)).fields
    except (ModelError, TypeError):
        return False
    around = around | {cls}
    return any(
        field.encode is not None
        or (field.hint.column is not None and field.hint.column.name is not None)
        or any(
            by_class.codec_for(inner) is not None
            or (is_model(inner) and _is_special(inner, by_class, around))
            for inner in _classes_in(field.hint)
        )
        for field in fields
    )


def _classes_in(hint: Hint) -> list[Any]:
    inside = [cls for arg in hint.args for cls in _classes_in(arg)]
    return [hint.type, *inside] if isinstance(hint.type, type) else inside


def _holds_form(annotation: Any, around: frozenset[Any] = frozenset()) -> bool:
    """Tell whether a class has fields that PostgreSQL writes into JSON in a form of its own."""
    cls = typing.get_origin(annotation) or annotation
    if cls in around or not is_model(cls) or is_namedtuple(cls) or is_pydantic(cls):
        return False
    if is_struct(cls):
        config = cls.__struct_config__
        if config.tag is not None or config.array_like or config.forbid_unknown_fields:
            return False
    try:
        fields = model_of(annotation).fields
    except (ModelError, TypeError):
        return False
    return any(
        _holds_addresses(field.hint)
        or any(
            inner in READ or _holds_form(inner, around | {cls}) for inner in _classes_in(field.hint)
        )
        for field in fields
    )


def holds_decimals(annotation: Any, around: frozenset[Any] = frozenset()) -> bool:
    """Tell whether there may be a `Decimal` in what JSON is decoded into."""
    cls = typing.get_origin(annotation) or annotation
    if cls is Decimal:
        return True
    if is_model(cls) and cls not in around:
        try:
            fields = model_of(annotation).fields
        except (ModelError, TypeError):
            return True
        around = around | {cls}
        return any(holds_decimals(field.hint.annotation, around) for field in fields)
    if type(cls).__name__ == "TypeAliasType":
        return True
    return any(holds_decimals(arg, around) for arg in typing.get_args(annotation))


def marked(annotation: Any, by_class: ByClass = NO_CLASSES) -> Any:
    """Return an annotation with our own classes in place of those that are special."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if is_union_of_models(annotation):
        # msgspec takes one class that it does not know in a union, and Pydantic has its own rules
        return _Stand("union", (), {_ADAPTER: adapter(annotation)})
    if (hosts := _addresses(annotation)) is not None:
        return hosts
    if origin is typing.Annotated:
        if column_in(annotation).codec is not None:
            raise ModelError(
                f"a codec inside {shown(args[0])} is not reached in JSON",
                hint="put it at the field of a class, where it takes the whole value",
            )
        if by_class.form_of(args[0]) and not by_class.codec_for(args[0]):
            return annotation  # msgspec holds it to what the metadata says
        inner = marked(args[0], by_class)
        return annotation if inner is args[0] else inner
    cls = origin or annotation
    if (
        by_class.codec_for(cls) is not None
        or by_class.form_of(cls) is not None
        or is_special(cls, by_class)
        or (by_class.forms and _holds_form(annotation))
    ):
        return _marker(annotation)
    if not args or origin is typing.Literal:
        return annotation
    union = origin in (typing.Union, types.UnionType)
    formless = attrs.evolve(by_class, forms=False)
    if union and len([arg for arg in args if arg is not type(None)]) > 1:
        by_class = formless  # msgspec takes one class of ours and null, no others beside
    kind: Any = origin
    keyed = isinstance(kind, type) and issubclass(kind, Mapping)
    inside = tuple(
        marked(arg, formless if keyed and not place else by_class) for place, arg in enumerate(args)
    )
    if all(new is old for new, old in zip(inside, args, strict=True)):
        return annotation
    if union:
        return typing.Union[inside]  # noqa: UP007
    generic: Any = origin
    return generic[inside]


_HOSTS: Final = (IPv4Address, IPv6Address, IPv4Interface, IPv6Interface)
_HOSTS_OR_NETWORKS: Final = (IPv4Address, IPv6Address, IPv4Network, IPv6Network)


def _addresses(annotation: Any) -> Any:
    """Return what stands for a union of addresses, where their text tells which of them it is."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return None
    members = typing.get_args(annotation)
    some = [arg for arg in members if arg is not types.NoneType]
    for known in (_HOSTS, _HOSTS_OR_NETWORKS):
        if len(some) > 1 and all(arg in known for arg in some):
            stand = _Stand("address", (), {_OF: tuple(cls for cls in known if cls in some)})
            return stand | None if len(some) < len(members) else stand
    return None


def _holds_addresses(hint: Hint) -> bool:
    if hint.kind == "union" and _addresses(hint.annotation) is not None:
        return True
    return any(map(_holds_addresses, hint.args))


def address_classes(tp: Any) -> tuple[Any, ...]:
    """Return the classes of addresses that a class of ours stands for, in their order."""
    found: tuple[Any, ...] = getattr(tp, _OF, ())
    return found


class Inside(ValueError):
    """A misfit inside an object of a special class, with the path from there."""


class _Stand(type):
    """The class of what stands for others: their objects are its instances, for msgspec."""

    def __instancecheck__(cls, instance: object) -> bool:
        return True


@with_class
def _marker(annotation: Any) -> Any:
    name = getattr(typing.get_origin(annotation) or annotation, "__name__", "object")
    return _Stand(name, (), {_STANDS_FOR: annotation})


def stands_for(tp: Any) -> Any:
    """Return the annotation that a class of ours stands for, or None."""
    return getattr(tp, _STANDS_FOR, None)


def adapter_of(tp: Any) -> Any:
    """Return Pydantic's reader of the union that a class of ours stands for, or None."""
    return getattr(tp, _ADAPTER, None)


def built(annotation: Any, value: Any, dec_hook: Any, by_class: ByClass) -> Any:
    """Build an object of a special class from decoded JSON."""
    import msgspec

    codec = by_class.codec_for(typing.get_origin(annotation) or annotation)
    if codec is not None:
        return through(codec, value)
    read = by_class.form_of(typing.get_origin(annotation) or annotation)
    if read is not None:
        if value is None:
            raise Inside("Expected a value, got `null`")
        try:
            return read(value, annotation)
        except (Unread, DataError) as error:
            raise Inside(str(error)) from None
    shape, fields = _shape(annotation, by_class)
    try:
        found = msgspec.convert(value, shape, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        if error.__cause__ is not None and not isinstance(error.__cause__, Inside):
            raise  # what a hook or validator raised
        # msgspec adds its own path to this, and would not to its own
        raise Inside(str(error)) from None
    arguments: dict[str, Any] = {}
    for place, field in enumerate(fields):
        one = getattr(found, f"f{place}")
        if one is msgspec.UNSET:
            continue
        if field.codec is not None and one is not None:
            one = field.codec.decode(one)
        elif field.codec is not None and not field.hint.optional:
            raise Inside(f"Expected a value, got `null` - at `$.{field.column}`")
        arguments[field.init_name] = one
    return (typing.get_origin(annotation) or annotation)(**arguments)


def through(codec: Codec, value: Any) -> Any:
    """Return what a codec makes of decoded JSON, which is not null."""
    if value is None:
        raise Inside("Expected a value, got `null`")
    return codec.decode(value)


_Shape = tuple[Any, tuple[Field, ...]]


def prove(tp: Any, by_class: ByClass, known: set[Any] | None = None) -> None:
    """Find out that msgspec takes what is inside the classes of ours, before there is a value.

    Raises:
        TypeError: It does not.
    """
    import msgspec

    known = set() if known is None else known
    for arg in typing.get_args(tp):
        prove(arg, by_class, known)
    annotation = stands_for(tp)
    cls = typing.get_origin(annotation) or annotation
    if annotation is None or annotation in known or not is_model(cls):
        return
    if by_class.codec_for(cls) is not None or by_class.form_of(cls) is not None:
        return
    known.add(annotation)
    shape, _ = _shape(annotation, by_class)
    msgspec.json.Decoder(shape)
    for member in msgspec.structs.fields(shape):
        prove(member.type, by_class, known)


def _shape(annotation: Any, by_class: ByClass) -> _Shape:
    if by_class is NO_CLASSES:
        return _plain_shape(annotation)
    found: _Shape | None = by_class.shapes.get(annotation)
    if found is None:
        found = by_class.shapes[annotation] = _made_shape(annotation, by_class)
    return found


@with_class
def _plain_shape(annotation: Any) -> _Shape:
    return _made_shape(annotation, NO_CLASSES)


def _made_shape(annotation: Any, by_class: ByClass) -> _Shape:
    import msgspec

    fields = tuple(model_of(annotation).fields)
    members: list[Any] = []
    for place, field in enumerate(fields):
        type_ = Any if field.codec is not None else marked(field.hint.annotation, by_class)
        if field.required:
            members.append((f"f{place}", type_))
        else:
            members.append((f"f{place}", type_ | msgspec.UnsetType, msgspec.UNSET))
    cls = typing.get_origin(annotation) or annotation
    by_column = is_struct(cls) or is_special(cls, by_class)
    renamed = {
        f"f{place}": field.column if by_column else field.name for place, field in enumerate(fields)
    }
    name = getattr(typing.get_origin(annotation) or annotation, "__name__", "object")
    return msgspec.defstruct(name, members, rename=renamed, kw_only=True), fields
