"""Some fields of a row, by key and version."""

from __future__ import annotations

from typing import Any, TypeVar, cast

import attrs

from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Model
from liteorm._core.scanning.scan import scan_one
from liteorm._core.sql import crud, writable
from liteorm.errors import ModelError
from liteorm.postgres._async.lookup import read_back
from liteorm.postgres._async.one_row import Making, absent, get, outdated, run
from liteorm.postgres._async.statements import AsyncStatements

T = TypeVar("T")


async def patch(
    session: AsyncStatements,
    cls: type[T],
    key: Any,
    changes: Any,
    version: Any,
    *,
    inside: bool = False,
) -> T:
    """Write only the fields in `changes`; return the row as stored."""
    model = model_of(cls)
    table = writable.table_for(model)
    given = writable.changes_of(model, changes)
    changed = writable.written_fields(model, table, tuple(given), "changes")
    if len(changed) < len(given):
        _refuse_twice(model, given)
    guard = writable.version_of(model, table)
    if version is not None and guard is None:
        raise ModelError(
            f"{model.name} has no version",
            model=model.name,
            hint=f'name its field: @liteorm.table("{table.text}", key=…, version="…")',
        )
    if not inside and any(
        given[name] is None and not field.hint.optional for name, field in _named(model, given)
    ):
        # It may be that the row cannot be read back: then it does not stay.
        async with session.transaction() as tx:
            return await patch(tx, cls, key, changes, version, inside=True)
    if not changed and version is None:
        return await get(session, cls, key)
    keys = writable.key_fields(model, table)
    compared = (guard.field,) if guard is not None and version is not None else ()
    values = {field.name: given[name] for name, field in _named(model, given)}
    values |= {
        field.name: part
        for field, part in zip(keys, writable.key_parts(model, keys, key), strict=True)
    }
    values |= {field.name: version for field in compared}
    fields = (*changed, *keys, *compared)

    def parts() -> Model:
        # The values as they are, looked at as those of the model's fields.
        return attrs.evolve(model, cls=dict, kind="typeddict", fields=fields, part=True)

    def making() -> Making:
        statement = crud.changes_statement(model, table, model, changed, compared)
        return Making(parts(), table, statement, model)

    # A generic class with arguments is none by itself.
    given_as = None if model.cls is cls else cls
    rows = await run(session, model.cls, ("patch", given_as, changed, compared), making, values)
    if len(rows):
        return cast("T", read_back(session, scan_one, rows, cls))
    error = None
    if compared:
        asked = attrs.evolve(parts(), fields=(*keys, *compared))
        held = {field.name: values[field.name] for field in asked.fields}
        error = await outdated(session, asked, table, held, model.cls)
    raise error or absent(model, table)


def _refuse_twice(model: Model, given: dict[str, Any]) -> None:
    """Refuse a field that is given by two of its names: which value is meant is not guessed."""
    names: dict[Any, str] = {}
    for name, field in _named(model, given):
        other = names.setdefault(field, name)
        if other != name:
            raise ModelError(
                f"changes: {other!r} and {name!r} are one field, {model.name}.{field.name}",
                model=model.name,
                field=field.name,
            )


def _named(model: Model, given: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, model.field(name)) for name in given]
