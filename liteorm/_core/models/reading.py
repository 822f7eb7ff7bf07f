"""How a class of each kind is read: its fields in the order in which its constructor takes them."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Iterable
from typing import Any, TypeVar, get_args, get_origin

import attrs

from liteorm._core.models.annotations import (
    annotations_of,
    is_model,
    is_namedtuple,
    is_pydantic,
    is_struct,
    is_typeddict,
    shown,
    written_annotations,
)
from liteorm._core.models.foreign import pydantic_fields, struct_fields
from liteorm._core.models.hints import Column, column_in, encoding, hint_of
from liteorm._core.models.model import TABLE, Field, Model, check_names
from liteorm.errors import ModelError


def read_model(tp: Any) -> Model:
    """Understand a class, or a generic one with its arguments, without looking at what is known.

    Raises:
        ModelError: it has no fields, or one of them cannot be filled from a column.
    """
    cls = get_origin(tp) or tp
    if get_origin(tp) is typing.Annotated:
        return read_model(get_args(tp)[0])
    if not is_model(cls):
        raise ModelError(
            f"{shown(tp)} has no fields that columns could fill",
            model=shown(tp),
            hint="expected an attrs class, a dataclass, a NamedTuple, a TypedDict, a msgspec Struct"
            " or a Pydantic model",
        )
    reader = _ClassReader(cls, shown(tp), _environments(cls, get_args(tp)))
    if attrs.has(cls):
        model = reader.attrs_model()
    elif is_namedtuple(cls):
        model = reader.namedtuple_model()
    elif is_typeddict(cls):
        model = reader.typeddict_model()
    elif is_struct(cls) or is_pydantic(cls):
        model = reader.foreign_model()
    else:
        model = reader.dataclass_model()
    check_names(model)
    return attrs.evolve(model, bound=tp) if get_args(tp) else model


def _environments(cls: type, args: tuple[Any, ...]) -> dict[type, dict[Any, Any]]:
    """Return what each type variable stands for, in the class and in each of its bases.

    One for each class: `class C(A[int], B[str])` gives the same T two meanings.
    """
    found: dict[type, dict[Any, Any]] = {}

    def visit(base: type, bound: dict[Any, Any]) -> None:
        found.setdefault(base, bound)
        for written in vars(base).get("__orig_bases__", base.__bases__):
            origin = get_origin(written) or written
            if origin in (typing.Generic, typing.Protocol) or not isinstance(origin, type):
                continue
            values = [_put_in(arg, bound) for arg in get_args(written)]
            visit(origin, dict(zip(getattr(origin, "__parameters__", ()), values, strict=False)))

    visit(cls, dict(zip(getattr(cls, "__parameters__", ()), args, strict=False)))
    return found


def _put_in(annotation: Any, bound: dict[Any, Any]) -> Any:
    """Put what is known of type variables into an annotation; others stay."""
    if isinstance(annotation, TypeVar):
        return bound.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    if not parameters or get_origin(annotation) is None:
        return annotation
    return annotation[tuple(bound.get(parameter, parameter) for parameter in parameters)]


@attrs.define(eq=False, repr=False)
class _ClassReader:
    cls: Any
    name: str
    environments: dict[type, dict[Any, Any]]
    hints: dict[str, Any] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        # Pydantic has resolved its annotations itself, type variables too.
        self.hints = {} if is_pydantic(self.cls) else annotations_of(self.cls)

    def bindings(self, name: str) -> dict[Any, Any]:
        """Return what type variables stand for in the class which annotates a field."""
        # A TypedDict repeats the annotations of its bases: the innermost one wrote them.
        order = list(self.environments)
        classes = reversed(order) if is_typeddict(self.cls) else self.cls.__mro__
        for base in classes:
            if name in written_annotations(base):
                return self.environments.get(base, {})
        return self.environments[self.cls]

    def field(
        self,
        name: str,
        *,
        init_name: str | None = None,
        declared: Any = None,
        required: bool,
        kw_only: bool = False,
        column_name: str | None = None,
    ) -> Field:
        annotation = self.hints.get(name, declared)
        if annotation is None and name not in self.hints:
            raise ModelError(
                f"{self.name}.{name} has no annotation",
                model=self.name,
                field=name,
                hint="annotate it with the type that its column has",
            )
        hint = hint_of(annotation, self.bindings(name), model=self.name, field=name)
        column = hint.column or Column()
        init_name = init_name or name
        try:
            inner = encoding(hint)
        except LookupError as where:
            raise ModelError(
                f"{self.name}.{name}: a codec inside {where.args[0]} is not reached",
                model=self.name,
                field=name,
                hint="give the field one that takes the whole value",
            ) from None
        return Field(
            name=name,
            init_name=init_name,
            column=(column_name or init_name) if column.name is None else column.name,
            hint=hint,
            required=required,
            kw_only=kw_only,
            generated=column.generated,
            codec=column.codec,
            inner=inner,
        )

    def constructor(self, fields: list[Field]) -> tuple[Field, ...]:
        """Return the fields as a constructor of the class's own takes them: by keyword.

        Raises:
            ModelError: it takes something else too, or none of the fields.
        """
        init = self.cls.__init__
        if fields and init is object.__init__:
            raise ModelError(
                f"{self.name} has fields and no __init__ that takes them",
                model=self.name,
                hint="let attrs or dataclasses write one",
            )
        parameters = list(inspect.signature(init).parameters.values())[1:]
        named = {
            parameter.name: parameter
            for parameter in parameters
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
        }
        others = any(p.kind is p.VAR_KEYWORD for p in parameters)
        known = {field.init_name for field in fields}
        for parameter in parameters:
            if (
                parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
                and parameter.default is parameter.empty
                and (parameter.name not in known or parameter.name not in named)
            ):
                raise ModelError(
                    f"{self.name}.__init__ needs {parameter.name!r}, which is no field of"
                    f" {self.name} that can be given by keyword",
                    model=self.name,
                    field=parameter.name,
                    hint="name the parameters of __init__ after the fields, or give it a default",
                )
        return tuple(
            attrs.evolve(
                field,
                kw_only=True,
                required=field.required
                if field.init_name not in named
                else named[field.init_name].default is inspect.Parameter.empty,
            )
            for field in fields
            if field.init_name in named or others
        )

    def unsent(
        self, known: Iterable[tuple[str, str]], fields: Iterable[Field]
    ) -> tuple[tuple[str, str], ...]:
        """Return the fields that are not among those of the constructor, with their columns."""
        taken = {field.name for field in fields}
        found: list[tuple[str, str]] = []
        for name, init_name in known:
            if name in taken:
                continue
            column = column_in(self.hints.get(name))
            if not column.generated:
                found.append((name, column.name or init_name))
        return tuple(found)

    def attrs_model(self) -> Model:
        # A subclass without a decorator of its own has the fields of the decorated base.
        decorated = next(base for base in self.cls.__mro__ if "__attrs_attrs__" in vars(base))
        attributes: tuple[Any, ...] = decorated.__attrs_attrs__
        fields = tuple(
            self.field(
                a.name,
                init_name=a.alias,
                declared=a.type,
                required=a.default is attrs.NOTHING,
                kw_only=bool(a.kw_only),
            )
            for a in attributes
            if a.init
        )
        code = getattr(self.cls.__init__, "__code__", None)
        own_init = code is None or not code.co_filename.startswith("<attrs generated")
        known = [(a.name, a.alias or a.name) for a in attributes]
        if own_init:
            fields = self.constructor(list(fields))
        hooks = any(
            hasattr(self.cls, hook) for hook in ("__attrs_pre_init__", "__attrs_post_init__")
        )
        behaviour = any(
            a.converter is not None or a.validator is not None or a.on_setattr for a in attributes
        )
        frozen = attrs.inspect(decorated).is_frozen
        # Only the code of the constructor tells: it stores None there.
        cached_hash = code is not None and _CACHED_HASH in (*code.co_consts, *code.co_names)
        return Model(
            cls=self.cls,
            name=self.name,
            kind="attrs",
            fields=fields,
            unsent=self.unsent(known, fields),
            table=getattr(self.cls, TABLE, None),
            frozen=frozen,
            plain=not (own_init or hooks or behaviour or cached_hash)
            and (frozen or self.cls.__setattr__ is object.__setattr__)
            and all(a.init for a in attributes)
            and _built_plainly(self.cls),
        )

    def dataclass_model(self) -> Model:
        for name, marker in self.cls.__dataclass_fields__.items():
            if isinstance(getattr(marker, "type", None), dataclasses.InitVar) or (
                getattr(marker, "_field_type", None) is _INITVAR_MARK
            ):
                raise ModelError(
                    f"{self.name}.{name} is an InitVar, which no object keeps:"
                    " it could be read but never written back",
                    model=self.name,
                    field=name,
                    hint="make it a field, or build the object in your own code",
                )
        fields = tuple(
            self.field(
                f.name,
                declared=f.type,
                required=f.default is dataclasses.MISSING
                and f.default_factory is dataclasses.MISSING,
                kw_only=bool(f.kw_only),
            )
            for f in dataclasses.fields(self.cls)
            if f.init
        )
        code = getattr(self.cls.__init__, "__code__", None)
        own_init = code is None or not code.co_qualname.startswith("__create_fn__")
        if own_init:
            fields = self.constructor(list(fields))
        return Model(
            cls=self.cls,
            name=self.name,
            kind="dataclass",
            fields=fields,
            unsent=self.unsent([(f.name, f.name) for f in dataclasses.fields(self.cls)], fields),
            table=getattr(self.cls, TABLE, None),
            frozen=bool(self.cls.__dataclass_params__.frozen),
            plain=not own_init
            and not hasattr(self.cls, "__post_init__")
            and all(f.init for f in dataclasses.fields(self.cls))
            and _built_plainly(self.cls),
        )

    def namedtuple_model(self) -> Model:
        defaults = self.cls._field_defaults
        return Model(
            cls=self.cls,
            name=self.name,
            kind="namedtuple",
            fields=tuple(
                # collections.namedtuple has no annotations: such a field takes what comes
                self.field(name, declared=Any, required=name not in defaults)
                for name in self.cls._fields
            ),
            table=getattr(self.cls, TABLE, None),
        )

    def foreign_model(self) -> Model:
        struct = is_struct(self.cls)
        found = struct_fields(self.cls) if struct else pydantic_fields(self.cls, self.name)
        return Model(
            cls=self.cls,
            name=self.name,
            kind="struct" if struct else "pydantic",
            fields=tuple(
                self.field(
                    each.name,
                    init_name=each.init_name,
                    declared=each.annotation,
                    required=each.required,
                    kw_only=each.kw_only,
                    column_name=each.column,
                )
                for each in found
            ),
            table=getattr(self.cls, TABLE, None),
        )

    def typeddict_model(self) -> Model:
        required = _required_keys(self.cls, self.hints)
        return Model(
            cls=self.cls,
            name=self.name,
            kind="typeddict",
            fields=tuple(
                self.field(name, required=name in required, kw_only=True) for name in self.hints
            ),
            table=getattr(self.cls, TABLE, None),
        )


def _built_plainly(cls: type) -> bool:
    """Tell whether making an object is a matter of its __init__ alone."""
    return (
        type(cls) is type
        and not issubclass(cls, BaseException)
        and not any(
            "__new__" in vars(base) for base in cls.__mro__ if base not in (object, typing.Generic)
        )
    )


_CACHED_HASH = "_attrs_cached_hash"


_INITVAR_MARK: Any = getattr(dataclasses, "_FIELD_INITVAR", None)


def _required_keys(cls: Any, hints: dict[str, Any]) -> frozenset[str]:
    """Return a TypedDict's required keys.

    In string annotations (`from __future__ import annotations`) the class itself does not see
    Required and NotRequired, so the resolved qualifiers win over `__required_keys__`.
    """
    return frozenset(
        name
        for name, hint in hints.items()
        if get_origin(hint) is typing.Required
        or (name in cls.__required_keys__ and get_origin(hint) is not typing.NotRequired)
    )
