"""An error from building a row into one that says which column and row, and what to do."""

from __future__ import annotations

import linecache
import traceback
from typing import Any

from liteorm._core.patterns import pattern
from liteorm._core.scanning.calls import Misfit
from liteorm._core.scanning.jsontext import is_json_error, misfit_sentence, path_in, raised_inside
from liteorm._core.scanning.plan import Build, Leaf, Node, ScanPlan
from liteorm._core.scanning.steps import Place
from liteorm.errors import DataError, Error, ModelError, ScanError

PLACES = "__liteorm_places__"
"""The name in a generated function's globals under which its lines' places are found."""


def failure(plan: ScanPlan, error: Exception, row: int) -> Exception:
    """Return the error to raise for what building one row raised."""
    place = place_of(error)
    if isinstance(error, Misfit) and place is not None:
        return _misfit(error, place, row)
    if isinstance(error, ScanError) and error.row is None and error.column is not None:
        error.row = row
        return error
    if isinstance(error, ModelError) and error.model is None and place is not None:
        error.model, error.field = place.model, place.field
    if place is not None and is_json_error(error):
        inner = raised_inside(error)
        if inner is None:
            return _json_misfit(error, place, row)
        where = f'column "{place.column}", row {row}, at {path_in(error)}'
        inner.add_note(f"while scanning {plan.target}: {where}")
        return inner
    if place is not None and "unhashable type" in str(error) and raised_by_generated(error):
        # The values of Any are not known before: some cannot be in a set.
        return _misfit(_NO_HASH, place, row)
    column = place.column if place is not None else _column_of_constructor(error, plan.root)
    where = f'column "{column}", row {row}' if column else f"row {row}"
    error.add_note(f"while scanning {plan.target}: {where}")
    return error


_NO_HASH = Misfit("holds an element without a hash, which no set can hold", "annotate it as a list")


def cause_of(error: Exception, failure: Exception) -> BaseException | None:
    """Return what an error came from: nothing of ours, and of msgspec's what it found."""
    if isinstance(failure, ScanError) and is_json_error(error):
        error.args = (misfit_sentence(error),)  # a log prints it too
        return error
    return failure.__cause__


_LISTS = ("list[", "set[", "frozenset[", "Sequence[")


def _misfit(error: Misfit, place: Place, row: int) -> Error:
    remedy = error.remedy
    if error.sentence == "is NULL":
        what = "it" if place.whole else place.part
        remedy = f"make {what} optional: {place.annotation} | None, or keep NULL out of the query"
        if place.annotation.startswith(_LISTS):
            # Most often an aggregate over no rows.
            remedy = (
                f"make {what} optional: {place.annotation} | None, or give an empty one:"
                " coalesce(…, '{}'), '[]' for JSON"
            )
    message = f"{place.source}, row {row}, {error.sentence}; {place.wanted}"
    if error.data:
        return DataError(message, row=row, column=place.column, field=place.field, hint=remedy)
    return ScanError(
        message,
        model=place.model,
        field=place.field,
        column=place.column,
        row=row,
        expected=place.annotation,
        got=error.sentence,
        remedy=remedy,
    )


def _json_misfit(error: Exception, place: Place, row: int) -> ScanError:
    sentence = misfit_sentence(error)
    return ScanError(
        f"{place.source}, row {row}, does not decode into {place.annotation}: {sentence}",
        model=place.model,
        field=place.field,
        column=place.column,
        row=row,
        expected=place.annotation,
        got=sentence,
        remedy="change what is stored, or what the type allows at that path",
    )


_ATTRIBUTE = pattern(r"__attr_(?:converter|validator)_(\w+)")


def _column_of_constructor(error: Exception, root: Node) -> str | None:
    """Return the column whose converter or validator raised, from attrs' generated line."""
    if type(error).__module__.startswith("pydantic"):
        return _column_of_validation(error, root)
    for frame, number in traceback.walk_tb(error.__traceback__):
        if not frame.f_code.co_filename.startswith("<attrs generated"):
            continue
        line = linecache.getline(frame.f_code.co_filename, number)
        found = _ATTRIBUTE.search(line)
        if found is None:
            return None
        names = {found[1], found[1].lstrip("_")}
        built: object = frame.f_locals.get("self")
        return _column_of_field(root, type(built), names)
    return None


def _column_of_validation(error: Any, root: Node) -> str | None:
    """Return the column that Pydantic's error is about, if it is one of the outermost model."""
    place = error.errors(include_input=False)[0]["loc"]
    if isinstance(root, Build) and place and error.title == root.model.cls.__name__:
        for field, inner in root.arguments:
            if field.init_name == place[0] and isinstance(inner, Leaf):
                return inner.place.column
    return None


def _column_of_field(node: Node, cls: type, names: set[str]) -> str | None:
    if isinstance(node, Build):
        for field, inner in node.arguments:
            if (
                issubclass(cls, node.model.cls)
                and {field.name, field.init_name} & names
                and isinstance(inner, Leaf)
            ):
                return inner.place.column
            found = _column_of_field(inner, cls, names)
            if found is not None:
                return found
    return None


def place_of(error: BaseException) -> Place | None:
    """Return the place whose line of generated code raised an error, the innermost one."""
    found: Place | None = None
    traceback = error.__traceback__
    while traceback is not None:
        places = traceback.tb_frame.f_globals.get(PLACES)
        if places is not None:
            found = places.get(traceback.tb_lineno, found)
        traceback = traceback.tb_next
    return found


def raised_by_generated(error: BaseException) -> bool:
    """Tell whether a line of generated code itself raised an error, and nothing that it called."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return traceback is not None and PLACES in traceback.tb_frame.f_globals
