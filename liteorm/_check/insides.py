"""Rows, arrays and JSON that a statement puts together, against what they are scanned into."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from liteorm._check.problems import UNTOLD, Problem
from liteorm._core.models.classes import model_of_hint
from liteorm._core.models.hints import Codec, Hint, hint_of
from liteorm._core.models.model import Field
from liteorm._core.scanning.fit import Fitter, Place
from liteorm._core.scanning.plan import Build, Leaf, Node
from liteorm._core.scanning.types import PgType, underlying
from liteorm.errors import ModelError, ScanError
from liteorm.postgres._describing.shapes import InsideShape, PartShape

Found = Iterator[tuple[int, Problem]]

_NUMBERS: Final = (int, float, decimal.Decimal)
_IN_JSON: Final[Mapping[Any, tuple[Any, ...]]] = {
    bool: (bool,),
    int: (int,),
    float: _NUMBERS,
    decimal.Decimal: _NUMBERS,
    datetime.datetime: (datetime.datetime,),
    datetime.date: (datetime.date,),
    datetime.time: (datetime.time,),
    uuid.UUID: (uuid.UUID,),
}
"""What may fill an annotation inside JSON, by the plain Python class of PostgreSQL's type."""
_NOT_TEXT: Final = (bool, *_NUMBERS)
_HOLDERS: Final = {
    "array": ("sequence", "tuple"),
    "list": ("sequence", "tuple"),
    "items": ("sequence", "tuple"),
    "row": ("model", "mapping", "tuple"),
    "object": ("model", "mapping"),
}


def inside_problems(
    model: Any,
    root: Node,
    insides: Sequence[InsideShape | None],
    names: Sequence[str],
    codecs: Mapping[Any, Codec],
) -> Found:
    """Yield what does not fit inside the columns, with the number of the column.

    Args:
        model: What a row becomes.
        root: How the columns fill it.
        insides: What is inside each column.
        names: The names of the columns.
        codecs: Codecs by class.
    """
    if not any(insides):
        return
    try:
        hint = hint_of(model, model=getattr(model, "__name__", str(model)), field=None)
    except ModelError:
        return
    checker = _Checker(codecs)
    for leaf, wanted in _leaves(root, hint):
        inside = insides[leaf.column]
        if inside is not None and not names[leaf.column].endswith("!"):
            where = _Where(f'column "{names[leaf.column]}"', leaf.place.target)
            if leaf.place.field is None:
                where = attrs.evolve(where, target="the statement")
            for problem in checker.held(inside, wanted, where):
                yield leaf.column, problem


def _leaves(node: Node, hint: Hint) -> Iterator[tuple[Leaf, Hint]]:
    if isinstance(node, Leaf):
        yield node, hint
    elif isinstance(node, Build):
        for field, inner in node.arguments:
            if field.codec is None:
                yield from _leaves(inner, field.hint)
    elif hint.args:
        for number, (_, inner) in enumerate(node.items):
            wanted = hint.args[min(number, len(hint.args) - 1)]
            yield from _leaves(inner, hint.args[-1] if node.kind == "dict" else wanted)


@attrs.frozen
class _Where:
    """A value that comes from somewhere, and the place that it goes to."""

    source: str
    target: str

    def element(self) -> _Where:
        return _Where(f"an element of {self.source}", f"{self.target}[]")

    def field(self, name: str, field: str | None) -> _Where:
        return _Where(f'"{name}" in {self.source}', f"{self.target}.{field or name}")


@attrs.frozen
class _Checker:
    codecs: Mapping[Any, Codec]

    def held(self, inside: InsideShape, hint: Hint, where: _Where) -> Iterator[Problem]:
        """Yield what does not fit between what is inside a value and its annotation."""
        wanted = self._wanted(inside, hint)
        if wanted is None:
            return
        if inside.form == "unknown" or (inside.form == "list" and wanted.kind == "tuple"):
            yield Problem(
                "warning",
                "inside-unknown",
                f"what is inside {where.source} is not known: it is put together in a way that is"
                f" not followed; {where.target} is {hint.text}",
                "write it with json_build_object, jsonb_agg, row_to_json, array_agg or ROW alone,"
                " or end the column's name with ! if you know that it fits",
            )
        elif inside.form == "items" and wanted.kind == "tuple":
            yield from self._items(inside, wanted, where)
        elif inside.form in ("array", "list", "items"):
            for arg in wanted.args if wanted.kind == "sequence" else ():
                for part in inside.parts:
                    yield from self._value(part, arg, where.element(), inside)
        elif wanted.kind == "model":
            yield from self._fields(inside, wanted, where, hint.optional)
        elif wanted.kind == "mapping":
            for part in inside.parts:
                inner = where.field(part.column.name, None)
                yield from self._value(part, wanted.args[1], inner, inside)
        else:
            for number, (part, arg) in enumerate(zip(inside.parts, wanted.args, strict=False)):
                yield from self._value(part, arg, where.field(str(number), None), inside)

    def _items(self, inside: InsideShape, hint: Hint, where: _Where) -> Iterator[Problem]:
        """Yield what does not fit between a list's elements in their order and a tuple."""
        if len(inside.parts) != len(hint.args):
            yield Problem(
                "error",
                "inside-names",
                f"{where.source} has {len(inside.parts)} elements; {where.target} is {hint.text}",
                "make a list of as many values as the tuple has",
            )
        for number, (part, arg) in enumerate(zip(inside.parts, hint.args, strict=False)):
            yield from self._value(part, arg, where.field(str(number), None), inside)

    def _wanted(self, inside: InsideShape, hint: Hint) -> Hint | None:
        """Return the annotation that is looked into, None if there is none of that form."""
        holders = _HOLDERS.get(inside.form, ("model", "mapping", "sequence", "tuple"))
        members = hint.args if hint.kind == "union" else (hint,)
        fitting = [member for member in members if member.kind in holders]
        if len(fitting) != 1 or fitting[0].type in self.codecs:
            return None
        found = fitting[0]
        if found.kind != "model" and all(arg.kind == "any" for arg in found.args):
            return None
        return found

    def _fields(
        self, inside: InsideShape, hint: Hint, where: _Where, absent: bool
    ) -> Iterator[Problem]:
        try:
            fields = model_of_hint(hint).fields
        except ModelError:
            return
        names = [part.column.name for part in inside.parts]
        by_place = inside.form == "row" and not inside.named
        if by_place:
            if len(names) != len(fields):
                yield self._names(inside, fields, where, hint)
                return
            pairs = list(zip(fields, inside.parts, strict=True))
        else:
            parts = dict(zip(names, inside.parts, strict=True))
            missing = [field for field in fields if field.required and field.column not in parts]
            if missing:
                yield self._names(inside, fields, where, hint)
            pairs = [(f, parts[f.column]) for f in fields if f.column in parts]
        strict = [part for field, part in pairs if not field.hint.optional]
        for field, part in pairs:
            if field.codec is None:
                inner = where.field(part.column.name, field.name)
                siblings = strict if absent and inside.form == "row" else []
                yield from self._value(part, field.hint, inner, inside, siblings)

    def _names(
        self, inside: InsideShape, fields: Sequence[Field], where: _Where, hint: Hint
    ) -> Problem:
        has = ", ".join(part.column.name for part in inside.parts) or "nothing"
        return Problem(
            "error",
            "inside-names",
            f"{where.source} has {has}; {where.target} is {hint.text}, with fields"
            f" {', '.join(field.column for field in fields)}",
            "put the missing fields in, under the names of the class"
            if inside.form != "row" or inside.named
            else "ROW() fills a class by position: put in as many values as it has fields",
        )

    def _value(
        self,
        part: PartShape,
        hint: Hint,
        where: _Where,
        inside: InsideShape,
        siblings: Sequence[PartShape] = (),
    ) -> Iterator[Problem]:
        if hint.kind == "any" or hint.type in self.codecs:
            return
        if not hint.optional and not part.column.name.endswith("!"):
            yield from _null_problems(part, hint, where, siblings)
        if part.inside is not None:
            yield from self.held(part.inside, hint, where)
        elif part.type is not None and not (
            self._fits(part.type, hint, inside.form) and not _is_text_for_number(part, hint, inside)
        ):
            shown = "" if part.type.shown == part.type.name else f" ({part.type.shown})"
            yield Problem(
                "error",
                "inside-type",
                f"{where.source} is {part.type.name}{shown}; {where.target} is {hint.text}",
                "cast it to what the class says, or say in the class what comes",
            )

    def _fits(self, type_: PgType, hint: Hint, form: str) -> bool:
        base = underlying(type_)
        if base.base in ("json", "jsonb", "unknown"):
            return True
        if form in _IN_JSON_FORMS:
            return _fits_in_json(base, hint)
        try:
            Fitter(self.codecs).fit(type_, hint, Place("", None, ""))
        except (ScanError, ModelError):
            return False
        return True


def _null_problems(
    part: PartShape, hint: Hint, where: _Where, siblings: Sequence[PartShape]
) -> Iterator[Problem]:
    column = part.column
    null = column.nullable
    if siblings and column.nullable_within is False and column.joins:
        # The whole is None where all of them are NULL together.
        together = all(set(column.joins) <= set(other.column.joins) for other in siblings)
        null = False if together else null
    if null is True:
        because = ""
        if column.nullable_within is False:
            because = " where an outer join finds no partner"
        yield Problem(
            "error",
            "inside-null",
            f"{where.source} can be NULL{because}; {where.target} is {hint.text}",
            f"annotate it {hint.text} | None, or keep NULL out: coalesce(...),"
            " FILTER (WHERE ... IS NOT NULL)",
        )
    elif null is None:
        reason = f" ({column.reason or UNTOLD})"
        yield Problem(
            "warning",
            "inside-unknown",
            f"{where.source} is not known to be never NULL{reason}; {where.target} is {hint.text}",
            f"annotate it {hint.text} | None, or use coalesce(...)",
        )


_IN_JSON_FORMS: Final = ("list", "items", "object")


def _is_text_for_number(part: PartShape, hint: Hint, inside: InsideShape) -> bool:
    """Tell whether a literal in quotes, which is a text in JSON, is to fill a number or a bool."""
    literal = part.type is not None and part.type.name == "unknown"
    literal = literal and part.column.nullable is False and inside.form in _IN_JSON_FORMS
    return literal and hint.kind == "scalar" and hint.type in (bool, int, float)


def _fits_in_json(base: PgType, hint: Hint) -> bool:
    """Tell whether JSON made of a PostgreSQL type fills an annotation; True if not known."""
    if hint.kind == "union":
        return any(_fits_in_json(base, member) for member in hint.args)
    if base.kind == "array" and base.element is not None and hint.kind == "sequence":
        while hint.kind == "sequence" and hint.args:
            hint = hint.args[0]
        return _fits_in_json(underlying(base.element), hint)
    if base.kind in ("array", "composite", "record"):
        return hint.kind not in ("scalar", "enum", "literal")
    if hint.kind in ("sequence", "model", "tuple", "mapping"):
        return base.base in ("hstore", "vector") or base.kind in ("range", "multirange")
    if hint.kind != "scalar" or base.kind not in ("base", "enum"):
        return True
    python = str if base.kind == "enum" else base.python
    if hint.type is str:
        return python not in _NOT_TEXT
    return hint.type not in _IN_JSON or python is object or python in _IN_JSON[hint.type]
