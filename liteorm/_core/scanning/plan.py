"""How the columns of a result fill a model: plain data, made once per (model, shape).

Every ScanError about the shape of a result is raised here, before the first object is built.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, Literal

import attrs

from liteorm._core.contracts import Extra
from liteorm._core.models.annotations import shown
from liteorm._core.models.classes import model_of_hint
from liteorm._core.models.hints import Hint, hint_of
from liteorm._core.models.model import Field, Model
from liteorm._core.scanning.fit import Fitter, fills
from liteorm._core.scanning.remedies import unmapped
from liteorm._core.scanning.shape import Shape
from liteorm._core.scanning.steps import Place, Step
from liteorm._core.scanning.types import FILLED, Variant, underlying
from liteorm.errors import ModelError, ScanError


@attrs.frozen
class Leaf:
    """One column into one field."""

    column: int
    step: Step | None
    nullable: bool
    place: Place


@attrs.frozen
class Build:
    """Columns into the constructor of a class."""

    model: Model
    arguments: tuple[tuple[Field, Node], ...]
    absent: tuple[int, ...] | None
    """Columns which are all NULL when the object is absent; None: it never is."""


@attrs.frozen
class Collect:
    """Columns into a dict or a tuple."""

    kind: Literal["dict", "tuple"]
    items: tuple[tuple[str, Node], ...]
    absent: tuple[int, ...] | None = None


Node = Leaf | Build | Collect


@attrs.frozen
class ScanPlan:
    """What `scan` does with each row."""

    target: str
    """The model, as its author would write it."""
    columns: tuple[str, ...]
    types: tuple[str, ...]
    variants: tuple[Variant, ...]
    root: Node


def plan_scan(tp: Any, shape: Shape, extra: Extra = "error") -> ScanPlan:
    """Hold a result's shape against a model.

    Raises:
        ModelError: the model cannot be mapped at all.
        ScanError: the result does not fit it.
    """
    if extra not in ("error", "ignore"):
        raise ValueError(f"extra is {extra!r}; expected 'error' or 'ignore'")
    hint = hint_of(tp, model=shown(tp), field=None)
    return _Planner(hint.text, _unmarked(shape, hint), extra).plan(hint)


def _unmarked(shape: Shape, hint: Hint) -> Shape:
    """Drop the mark of `AS "name!"`, which tells `liteorm check` that a column is never NULL."""
    if not any(name.endswith("!") for name in shape.names):
        return shape
    own = model_of_hint(hint).by_column if hint.kind == "model" else {}
    names = (name if name in own else name.removesuffix("!") for name in shape.names)
    return attrs.evolve(shape, names=tuple(names))


@attrs.define
class _Planner:
    target: str
    shape: Shape
    extra: Extra
    variants: list[Variant] = attrs.field(init=False)
    fitter: Fitter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.variants = ["skip"] * len(self.shape.names)
        self.fitter = Fitter(self.shape.codecs, self.extra)

    def plan(self, hint: Hint) -> ScanPlan:
        root = self._root(hint)
        return ScanPlan(
            target=self.target,
            columns=self.shape.names,
            types=tuple(type_.name for type_ in self.shape.types),
            variants=tuple(self.variants),
            root=root,
        )

    def _is_whole_value(self, hint: Hint) -> bool:
        """Tell whether the only column is of a type of the application's own that is asked for."""
        if len(self.shape.types) != 1 or hint.kind == "any":
            return False
        base = underlying(self.shape.types[0])
        return base.is_custom and fills(base.python, hint)

    def _root(self, hint: Hint) -> Node:
        names = self.shape.names
        codec = self.fitter.codec_for(hint)
        if self._is_whole_value(hint):
            return self._leaf(0, hint, None, names[0])
        if hint.kind == "model" and codec is None:
            self._refuse_twice()
            columns = {name: index for index, name in enumerate(names)}
            node, left = self._build(model_of_hint(hint), columns, "", optional=hint.optional)
            self._refuse_extra(model_of_hint(hint), left)
            return node
        if hint.kind == "mapping" and codec is None:
            self._refuse_twice()
            self._refuse_keys(hint, None)
            value = hint.args[1]
            return Collect(
                "dict",
                tuple((name, self._leaf(i, value, None, name)) for i, name in enumerate(names)),
                tuple(range(len(names))) if hint.optional else None,
            )
        if hint.kind == "tuple" and codec is None:
            if len(hint.args) != len(names):
                raise self._error(
                    f"{_counted(len(names))} ({', '.join(names)}); {self.target} takes"
                    f" {len(hint.args)}",
                    expected=f"{len(hint.args)} columns",
                    got=f"{len(names)} columns",
                    remedy="select as many columns as the tuple has values, in its order",
                )
            return self._tuple(hint, list(enumerate(hint.args)))
        if hint.kind == "sequence" and hint.type is tuple and codec is None:
            return self._tuple(hint, [(index, hint.args[0]) for index in range(len(names))])
        if hint.kind == "scalar" and codec is None and hint.type not in FILLED and len(names) != 1:
            raise unmapped(self.target, hint, self.target, None)
        if len(names) != 1:
            raise self._error(
                f"{_counted(len(names))} ({', '.join(names)}); {self.target} takes exactly one",
                expected="1 column",
                got=f"{len(names)} columns",
                remedy="select one column, or scan into a class, a tuple[...] or a dict",
            )
        return self._leaf(0, hint, None, None)

    def _tuple(self, whole: Hint, items: list[tuple[int, Hint]]) -> Collect:
        absent = None
        if whole.optional:
            strict = tuple(index for index, hint in items if not hint.optional)
            absent = strict or tuple(index for index, _ in items)
        return Collect(
            "tuple",
            tuple(
                (self.shape.names[index], self._leaf(index, hint, None, f"[{index}]"))
                for index, hint in items
            ),
            absent,
        )

    def _leaf(self, index: int, hint: Hint, field: Field | None, path: str | None) -> Leaf:
        place = Place(
            self.target,
            path,
            self.shape.names[index],
            annotation=hint.text,
            nullable=hint.optional,
        )
        type_ = self.shape.types[index]
        fit = self.fitter.fit(type_, hint, place, codec=field.codec if field else None)
        self.variants[index] = fit.variant
        return Leaf(index, fit.step, hint.optional, place)

    def _build(
        self, model: Model, columns: dict[str, int], path: str, *, optional: bool
    ) -> tuple[Build, dict[str, int]]:
        """Fill a model from columns; return what is left of them too."""
        left = dict(columns)
        arguments: list[tuple[Field, Node]] = []
        missing: list[Field] = []
        # A column with exactly a field's name is that field's; only the others may be parts.
        exact = {f.column: left.pop(f.column) for f in model.fields if f.column in left}
        for field in model.fields:
            inner = f"{path}{field.name}"
            if field.column in exact:
                arguments.append((field, self._leaf(exact[field.column], field.hint, field, inner)))
                continue
            prefix = f"{field.column}."
            parts = {n[len(prefix) :]: left.pop(n) for n in list(left) if n.startswith(prefix)}
            if parts:
                node, rest = self._nested(field, parts, inner)
                arguments.append((field, node))
                left.update({prefix + name: index for name, index in rest.items()})
            elif field.required:
                missing.append(field)
        if missing:
            raise self._missing(model, path, missing, columns, left)
        absent = None
        if optional:
            strict = tuple(i for f, node in arguments if not f.hint.optional for i in _strict(node))
            absent = strict or tuple(i for _, node in arguments for i in _all(node))
        return Build(model, tuple(arguments), absent), left

    def _nested(
        self, field: Field, parts: dict[str, int], path: str
    ) -> tuple[Node, dict[str, int]]:
        hint = field.hint
        if hint.kind == "model":
            return self._build(model_of_hint(hint), parts, f"{path}.", optional=hint.optional)
        if hint.kind == "mapping":
            self._refuse_keys(hint, path)
            items = tuple(
                (name, self._leaf(index, hint.args[1], None, f"{path}.{name}"))
                for name, index in parts.items()
            )
            return Collect("dict", items, tuple(parts.values()) if hint.optional else None), {}
        column = self.shape.names[next(iter(parts.values()))]
        raise self._error(
            f'column "{column}" is dotted, for a field inside {self.target}.{path};'
            f" {self.target}.{path} is {hint.text}, which has no fields",
            field=path,
            column=column,
            expected=hint.text,
            got="a dotted column",
            remedy=f'alias the column "{field.column}", or make {path} a class with fields',
        )

    def _refuse_keys(self, hint: Hint, path: str | None) -> None:
        keys = hint.args[0]
        if keys.kind != "any" and keys.type is not str:
            where = f"{self.target}.{path}" if path else self.target
            raise ModelError(
                f"{where}: a dict of columns has their names as keys, not {keys.text}",
                model=self.target,
                field=path,
                hint=f"write dict[str, {hint.args[1].text}]",
            )

    def _refuse_twice(self) -> None:
        names = self.shape.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise self._error(
                f"column {_quoted(twice)} comes twice in ({', '.join(names)})",
                column=twice[0],
                expected="every column once",
                got="the same name twice",
                remedy="give one of them an alias, or select it once",
            )

    def _refuse_extra(self, model: Model, left: dict[str, int]) -> None:
        if not left or self.extra == "ignore":
            return
        raise self._error(
            f"no field of {self.target} for column {_quoted(left)}; its fields are"
            f" {', '.join(_field_columns(model))}",
            column=next(iter(left)),
            expected=", ".join(_field_columns(model)),
            got=", ".join(self.shape.names),
            remedy=_near(left, self._free_names(model))
            or 'leave the column out of the SELECT, or scan with extra="ignore"',
        )

    def _free_names(self, model: Model) -> list[str]:
        """Return the columns that a model takes and this result has not."""
        return [
            name
            for name in _names_in(model)
            if not any(
                column == name or column.startswith(f"{name}.") for column in self.shape.names
            )
        ]

    def _missing(
        self,
        model: Model,
        path: str,
        missing: list[Field],
        columns: dict[str, int],
        left: dict[str, int],
    ) -> ScanError:
        prefix = "".join(f"{part}." for part in path.split(".")[:-1])
        wanted = [f"{prefix}{field.column}" for field in missing]
        have = [f"{prefix}{name}" for name in columns]
        unused = [f"{prefix}{name}" for name in left]
        sentence = (
            f"no column for {_plural('field', missing)}"
            f" {', '.join(f'{self.target}.{path}{field.name}' for field in missing)}:"
            f" expected {_quoted(wanted)}, got {_quoted(have) if have else 'no columns'}"
        )
        if unused and self.extra == "error":
            sentence += f"; no field for {_quoted(unused)}"
        return self._error(
            sentence,
            field=f"{path}{missing[0].name}",
            column=wanted[0],
            expected=", ".join(wanted),
            got=", ".join(have),
            remedy=_near(unused, wanted) or "select the column, or give the field a default",
        )

    def _error(self, message: str, **parts: Any) -> ScanError:
        return ScanError(message, model=self.target, **parts)


def _strict(node: Node) -> tuple[int, ...]:
    """Return the columns that are never NULL while the object of a node is there."""
    if isinstance(node, Leaf):
        return (node.column,)
    if isinstance(node, Collect):
        return tuple(i for _, item in node.items for i in _all(item))
    strict = tuple(i for f, inner in node.arguments if not f.hint.optional for i in _strict(inner))
    return strict or _all(node)


def _all(node: Node) -> tuple[int, ...]:
    if isinstance(node, Leaf):
        return (node.column,)
    inner = (
        [n for _, n in node.arguments] if isinstance(node, Build) else [n for _, n in node.items]
    )
    return tuple(i for n in inner for i in _all(n))


def _field_columns(model: Model) -> list[str]:
    return [field.column for field in model.fields]


def _names_in(model: Model, depth: int = 3) -> Iterator[str]:
    """Yield the columns that a model takes, dotted ones for what is inside it."""
    for field in model.fields:
        yield field.column
        if field.hint.kind == "model" and depth:
            for name in _names_in(model_of_hint(field.hint), depth - 1):
                yield f"{field.column}.{name}"


def _quoted(names: Any) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _plural(word: str, things: list[Any]) -> str:
    return word if len(things) == 1 else f"{word}s"


def _counted(columns: int) -> str:
    return "1 column" if columns == 1 else f"{columns} columns"


def _near(names: Any, wanted: list[str]) -> str | None:
    """Return the sentence for names that were probably meant, if there are any."""
    lowered = {name.lower(): name for name in wanted}
    for name in names:
        close = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
        if close:
            meant = lowered[close[0]]
            return f'column "{name}": did you mean "{meant}"? Alias it: AS "{meant}"'
    return None
