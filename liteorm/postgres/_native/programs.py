"""Scan plans as programs for the compiled executor: nested tuples, see native/README.md.

What a plan needs and the executor cannot do declines the plan as a whole. What single rows hold
that is unusual makes the executor leave their chunk to the generated code.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Iterable
from typing import Any, Final

import attrs
from psycopg import pq
from psycopg.adapt import Transformer

from liteorm._core.models.model import Field, Model
from liteorm._core.scanning import steps
from liteorm._core.scanning.compile import constant_value, record_step
from liteorm._core.scanning.emit import arguments_of
from liteorm._core.scanning.fit import Fitter
from liteorm._core.scanning.jsontext import decode_plain
from liteorm._core.scanning.plan import Build, Collect, Leaf, Node, ScanPlan
from liteorm._core.scanning.shape import Executor, Shape
from liteorm._core.scanning.steps import Step
from liteorm._core.scanning.types import (
    MONEY_OID,
    RECORD_OID,
    Attribute,
    PgType,
    Variant,
    underlying,
)
from liteorm._core.values.ranges import Range, multirange_of, range_of
from liteorm.postgres._native.constructors import filled_up, store_of
from liteorm.postgres._native.library import Unavailable, library, module
from liteorm.postgres._types.geometry import pair
from liteorm.postgres._types.loaders import Adapters, loading_adapters
from liteorm.postgres._types.table import FORMS
from liteorm.postgres._types.times import interval

__all__ = ["executor_for"]

Program = tuple[Any, ...]

_KEPT: Final = 64
"""Kinds of records for which one column keeps a program."""


class _Declined(Exception):
    """The executor cannot carry out a plan; the message says what of it."""


def executor_for(plan: ScanPlan, shape: Shape) -> Executor | str:
    """Return what carries out a plan, or why that is left to the generated code."""
    try:
        native = module()
        program = _Writer(shape).node(plan.root, plan.variants)
    except Unavailable as why:
        return str(why)
    except _Declined as why:
        return f"the compiled executor does not know {why}"
    executor: Executor = native.Rows(library(), len(plan.columns), program)
    return executor


_TEXTS = ("text", "varchar", "bpchar", "name", "cstring", "unknown", "xml", "citext")
_OIDS = ("regproc", "regprocedure", "regoper", "regoperator", "regclass", "regtype", "regrole")
_MORE_OIDS = ("regnamespace", "regconfig", "regdictionary", "regcollation", "oid", "xid", "cid")

_SIMPLE: Final[dict[str, Program]] = {
    **{name: (name,) for name in ("bool", "int2", "int4", "int8", "float4", "float8")},
    **{name: (name,) for name in ("date", "time", "timestamp", "timestamptz")},
    **dict.fromkeys((*_TEXTS, "refcursor"), ("text", 0)),
    **dict.fromkeys(("jsonpath", "ltree", "lquery", "ltxtquery"), ("text", 1)),
    **dict.fromkeys((*_OIDS, *_MORE_OIDS), ("uint4",)),
    "xid8": ("uint8",),
    "bytea": ("bytes",),
    "interval": ("timedelta",),
    "vector": ("vector", list),
    # plain JSON null is None, which stands for NULL
    "json": ("call", decode_plain, 0, True),
    "jsonb": ("call", decode_plain, 1, True),
}
"""Base types by their internal name. A call takes the bytes behind some that are skipped."""


def _point_pair(data: bytes) -> tuple[float, ...]:
    return tuple(pair(data))


@attrs.frozen
class _Writer:
    """Writes the program of a plan, which holds for one shape."""

    shape: Shape

    def node(self, node: Node, variants: tuple[Variant, ...]) -> Program:
        """Return what fills a node of the plan."""
        if isinstance(node, Leaf):
            type_ = self.shape.types[node.column]
            value = self.column(type_, node.step, variants[node.column])
            return ("leaf", node.column, value, node.nullable)
        absent = self.absent(node.absent, {i: self.shape.types[i] for i in node.absent or ()})
        if isinstance(node, Build):
            parts = [(field, self.node(inner, variants)) for field, inner in node.arguments]
            return self.build(node.model, parts, absent)
        return self.collect(
            node, tuple(self.node(inner, variants) for _, inner in node.items), absent
        )

    def collect(self, node: Collect, parts: tuple[Program, ...], absent: Program) -> Program:
        if node.kind == "dict":
            return ("dict", parts, absent, tuple(key for key, _ in node.items))
        return ("tuple", parts, absent)

    def absent(self, columns: Iterable[int] | None, types: dict[int, PgType]) -> Program:
        """Return the cells that tell whether an object is there: all NULL means it is not."""
        if any(underlying(type_).base in ("json", "jsonb") for type_ in types.values()):
            # there JSON's own null counts too, which is seen only when it is read
            raise _Declined("an optional object that a JSON column tells the absence of")
        return tuple(dict.fromkeys(columns or ()))

    def build(self, model: Model, parts: list[tuple[Field, Program]], absent: Program) -> Program:
        """Return what makes an object of a class from its parts."""
        cls: Any = model.cls
        filled = [field for field, _ in parts]
        if model.kind == "typeddict":
            keys = tuple(field.init_name for field in filled)
            return ("dict", tuple(program for _, program in parts), absent, keys)
        by_name = {field.init_name: program for field, program in parts}
        whole = filled_up(model, by_name)
        if whole is not None:
            kind, programs, *rest = whole
            return (kind, programs, absent, *rest)
        given = arguments_of(model, filled)
        keywords = tuple(field.init_name for field, keyword in given if keyword)
        return ("call", tuple(by_name[f.init_name] for f, _ in given), absent, cls, keywords)

    def column(self, type_: PgType, step: Step | None, variant: Variant) -> Program:
        """Return what reads a column in one of the variants of the plan."""
        if variant == "interval":
            return _interval()
        if variant == "moment":
            raise _Declined("infinite moments, which a codec takes")
        if variant == "point":
            return ("call", _point_pair, 0, False)
        return self.value(type_, step, deep=variant == "deep")

    def value(self, type_: PgType, step: Step | None, *, deep: bool) -> Program:
        """Return what reads a value and does a step of the plan with it."""
        base = underlying(type_)
        match step:
            case None:
                # inside another value, only who asks for an Interval takes one as it is
                return _interval() if deep and base.base == "interval" else self.plain(type_)
            case steps.Decode():
                decode = constant_value(step, self.shape)
                return ("call", decode, 1 if base.base == "jsonb" else 0, False)
            case steps.Members():
                return ("member", self.plain(type_), constant_value(step, self.shape))
            case steps.Only() | steps.NoNulls():
                return ("then", self.plain(type_), constant_value(step, self.shape))
            case steps.Use():
                first = self.value(type_, step.first, deep=deep)
                return ("then", first, constant_value(step, self.shape))
            case steps.Call():
                return self.call(type_, step)
            case steps.Each():
                return self.each(type_, step, deep=deep)
            case steps.Positions():
                return self.positions(base, step, deep=deep)
            case steps.Attributes():
                types = {i: base.attributes[i].type for i in step.absent or ()}
                absent = self.absent(step.absent, types)
                parts = [
                    (field, self.part(base.attributes[i].type, i, part, deep=deep))
                    for field, i, part in step.items
                ]
                fill = self.build(step.model, parts, absent)
                used = {i for _, i, _ in step.items}
                return self.composite([a.type for a in base.attributes], fill, used, deep=deep)
            case steps.Named():
                fill = (
                    "dict",
                    tuple(
                        self.part(base.attributes[i].type, i, part, deep=deep)
                        for i, (_, part) in enumerate(step.items)
                    ),
                    (),
                    tuple(key for key, _ in step.items),
                )
                return self.composite(
                    [a.type for a in base.attributes], fill, range(len(step.items)), deep=deep
                )
            case steps.Anonymous():
                return ("record", _Records(self, step))
            case steps.Bounds():
                return self.bounds(base, step, deep=deep)

    def call(self, type_: PgType, step: steps.Call) -> Program:
        if step.name == "point_pair":
            return ("call", _point_pair, 0, False)
        if step.name == "untyped":
            raise _Declined("a literal without a type")
        # the others give what is inside another value its plain form
        return self.plain(type_)

    def each(self, type_: PgType, step: steps.Each, *, deep: bool) -> Program:
        base = underlying(type_)
        if base.base == "vector":
            return ("vector", step.container)
        assert base.element is not None
        element = underlying(base.element)
        containers = [step.container]
        item = step.item
        # further dimensions are nested lists to Python, and one array to PostgreSQL
        if element.kind != "array" and element.base not in ("json", "jsonb", "vector"):
            while isinstance(item.step, steps.Each):
                containers.append(item.step.container)
                item = item.step.item
        # without a word on the elements there may be lists of any depth
        loose = len(containers) == 1 and not step.flat
        exact = not (loose and (item.step is None or isinstance(item.step, steps.Call)))
        inner = self.value(base.element, item.step, deep=deep)
        oid = base.element.oid
        return ("array", oid, tuple(containers), exact, inner, item.place.nullable)

    def positions(self, base: PgType, step: steps.Positions, *, deep: bool) -> Program:
        if base.kind == "array":
            assert base.element is not None
            types = [base.element] * len(step.items)
        else:
            types = [attribute.type for attribute in base.attributes]
        parts = tuple(
            self.part(type_, i, part, deep=deep)
            for i, (type_, part) in enumerate(zip(types, step.items, strict=True))
        )
        fill = ("tuple", parts, ())
        if base.kind == "array" and base.element is not None:
            return ("array_tuple", base.element.oid, len(parts), fill)
        return self.composite(types, fill, range(len(parts)), deep=deep)

    def bounds(self, base: PgType, step: steps.Bounds, *, deep: bool) -> Program:
        assert base.element is not None
        if base.kind == "multirange":
            return ("multirange", self.bounds(base.element, step, deep=deep), multirange_of)
        bound = self.value(base.element, step.bound.step, deep=deep)
        return ("range", range_of, _RANGES, bound)

    def part(self, type_: PgType, index: int, part: steps.Inner, *, deep: bool) -> Program:
        return ("leaf", index, self.value(type_, part.step, deep=deep), part.place.nullable)

    def composite(
        self, types: list[PgType], fill: Program, used: Iterable[int], *, deep: bool
    ) -> Program:
        """Return what reads a composite; attributes that no field takes are read all the same."""
        left = [i for i in range(len(types)) if i not in set(used)]
        if left:
            unused = (("leaf", i, self.value(types[i], None, deep=deep), True) for i in left)
            fill = ("after", (fill, *unused), ())
        return ("composite", tuple(type_.oid for type_ in types), fill)

    def plain(self, type_: PgType) -> Program:
        """Return what reads a value into its plain form."""
        element = type_.element
        match type_.kind:
            case "enum":
                return ("text", 0)
            case "base":
                return self.base(type_)
            case "record":
                return ("record", _Records(self, None))
            case "composite":
                return self.plain_tuple(tuple(a.type for a in type_.attributes))
            case "domain" if element is not None:
                return self.plain(element)
            case "array" if element is not None:
                return ("array", element.oid, None, False, self.plain(element), True)
            case "range" if element is not None:
                return ("range", range_of, _RANGES, self.plain(element))
            case "multirange" if element is not None:
                return ("multirange", self.plain(element), multirange_of)
            case _:
                raise _Declined(type_.name)

    def plain_tuple(self, types: tuple[PgType, ...]) -> Program:
        leaves = tuple(("leaf", i, self.plain(type_), True) for i, type_ in enumerate(types))
        return ("composite", tuple(type_.oid for type_ in types), ("tuple", leaves, ()))

    def base(self, type_: PgType) -> Program:
        known = _SIMPLE.get(type_.base)
        if known is not None:
            return known
        if type_.base == "numeric":
            return ("numeric", type_.python)
        if type_.base == "uuid":
            stores = tuple(store_of(uuid.UUID, name) for name in ("int", "is_safe"))
            return ("uuid", uuid.UUID, stores, uuid.SafeUUID.unknown)
        # money has a unit of its own in every database
        if type_.base not in FORMS or type_.oid == MONEY_OID:
            raise _Declined(type_.name)
        read = FORMS[type_.base].read
        if read is not None:
            return ("call", read, 0, True)
        plain, _ = loading_adapters()
        loader = Transformer(Adapters(plain)).get_loader(type_.oid, pq.Format.BINARY)
        return ("call", loader.load, 0, True)


_RANGES: Final = (Range.empty, "()", "[)", "(]", "[]")


def _interval() -> Program:
    # Not by the executor itself: it would take an infinite one for one of many months.
    return ("call", interval, 0, False)


class _Records:
    """Gives a value's program by the types of its fields, which only the data tells."""

    def __init__(self, writer: _Writer, step: steps.Anonymous | None) -> None:
        # Who has rows to read has the shape; the program must not keep the pool.
        self._shape = weakref.ref(writer.shape)
        self._step = step
        self._values: dict[tuple[int, ...], Any] = {}

    def __call__(self, oids: tuple[int, ...]) -> Any:
        found = self._values.get(oids)
        if found is None:
            if len(self._values) >= _KEPT:
                self._values.clear()
            found = self._values[oids] = module().Value(self._program(oids))
        return found

    def _program(self, oids: tuple[int, ...]) -> Program:
        shape = self._shape()
        assert shape is not None
        writer, types = _Writer(shape), shape.inner_types(oids)
        if self._step is None:
            return writer.plain_tuple(types)
        step = record_step(self._step, types, Fitter(shape.codecs))
        # Fitted by position, so that it reads like a composite with attributes of these types.
        attributes = tuple(Attribute(str(i), type_) for i, type_ in enumerate(types))
        record = PgType(RECORD_OID, "record", "composite", tuple, attributes=attributes)
        return writer.value(record, step, deep=True)
