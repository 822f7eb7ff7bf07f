"""One row at a time: inserted, updated, put in its place, deleted, read by key."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, Final, LiteralString, TypeVar

import attrs
from msgspec import UNSET

from liteorm._core.models.classes import model_of
from liteorm._core.models.model import Field, Model, Table
from liteorm._core.scanning.scan import scan_one
from liteorm._core.sql import crud, writable
from liteorm._core.values.results import Rows
from liteorm.errors import DataError, Error, NoRows, StaleRow, UniqueViolation
from liteorm.postgres._async.lookup import (
    looked_up,
    may_go_next_time,
    own_text,
    read_back,
    writing_of,
)
from liteorm.postgres._async.statements import AsyncStatements
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._types.coded import Encoded
from liteorm.postgres._writing.faults import name_field
from liteorm.postgres._writing.tables import explain_conflict
from liteorm.postgres._writing.targets import Target

__all__ = [
    "Making",
    "absent",
    "delete",
    "get",
    "insert",
    "may_misread",
    "outdated",
    "run",
    "table_key",
    "update",
    "upsert",
    "weak",
]

T = TypeVar("T")

_DICT: Final = Model(cls=dict, name="dict", kind="typeddict", fields=())
_ATTEMPTS: Final = 10
"""How often a row that is in the place, and is not seen, is looked for."""


@attrs.frozen(eq=False)
class Making:
    """What a statement on one row is made of, when it is first needed."""

    model: Model
    table: Table
    statement: crud.TableStatement
    returned: Model | None = None
    inserts: bool = False
    whole: bool = False
    computed: tuple[Field, ...] = ()
    """Fields of a conflict that the database computes."""


@attrs.frozen(eq=False)
class _Call:
    """A statement on one row, ready to be run."""

    sql: LiteralString
    target: Target


class _Undo(Exception):
    """Leaves a block whose work is not to stay, with what it found."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows


def returned_model(model: Model, returning: Any) -> Model:
    """Return the model that a row comes back as."""
    if returning is None:
        return model
    return _DICT if returning is dict else model_of(returning)


def may_misread(model: Model, returning: Any, obj: Any) -> bool:
    """Return whether an object has None where what comes back of its row may not.

    A trigger may fill the column. So such a row is written in a transaction, or a savepoint of the
    one that is open, and does not stay if it cannot be read.
    """
    strict: tuple[str, ...] | None = model.memo.get("strict") if returning is None else None
    if strict is None:
        taken = returned_model(model, returning).by_column
        strict = tuple(
            field.name
            for field in model.fields
            if (own := taken.get(field.column)) is not None and not own.hint.optional
        )
        if returning is None:
            model.memo["strict"] = strict
    if model.kind == "typeddict":
        return any(obj.get(name, UNSET) is None for name in strict)
    return any(getattr(obj, name, UNSET) is None for name in strict)


def identity(obj: Any) -> Any:
    """Return what tells objects apart that are written differently: the class, or the model."""
    cls: Any = obj.__class__
    return writable.model_of_object(obj) if cls is dict else writable.class_of(obj)


async def insert(
    session: AsyncStatements, obj: Any, returning: Any, table: Any, *, inside: bool = False
) -> Any:
    """Insert an object's row; return the row as stored."""
    model = writable.model_of_object(obj)
    if returning is None and model.bound is not None:
        writable.refuse_unbound(model, obj)
    if not inside and may_misread(model, returning, obj):
        async with session.transaction() as tx:
            return await insert(tx, obj, returning, table, inside=True)
    unset = writable.unset_fields(model, obj)

    def making() -> Making:
        into, returned = writable.table_for(model, table), returned_model(model, returning)
        return Making(
            model, into, crud.insert_statement(model, into, returned, unset), returned, True, True
        )

    key = ("insert", table_key(table), weak(returning), unset)
    rows = await run(session, identity(obj), key, making, obj)
    if not len(rows):
        raise _suppressed(writable.table_for(model, table))
    return read_back(session, scan_one, rows, returning or writable.class_of(obj))


async def update(
    session: AsyncStatements, obj: Any, columns: Any, returning: Any, *, inside: bool = False
) -> Any:
    """Update the row with the object's key; return the row as stored."""
    model = writable.model_of_object(obj)
    if returning is None and model.bound is not None:
        writable.refuse_unbound(model, obj)
    if not inside and may_misread(model, returning, obj):
        async with session.transaction() as tx:
            return await update(tx, obj, columns, returning, inside=True)
    table = writable.table_for(model)
    names = writable.names_tuple(columns, "columns")
    unset = writable.unset_fields(model, obj)
    if unset:
        _refuse_nameless(model, table, obj)

    def making() -> Making:
        returned = returned_model(model, returning)
        return Making(
            model,
            table,
            crud.update_statement(model, table, returned, names, unset),
            returned,
            whole=names is None,
        )

    key = ("update", names, weak(returning), unset)
    rows = await run(session, identity(obj), key, making, obj)
    if not len(rows):
        raise await outdated(session, model, table, obj) or absent(model, table)
    return read_back(session, scan_one, rows, returning or writable.class_of(obj))


async def upsert(
    session: AsyncStatements,
    obj: Any,
    conflict: Any,
    update: Any,
    returning: Any,
    table: Any,
    *,
    inside: bool = False,
) -> Any:
    """Insert an object's row, or update the one in its place; return the row as stored."""
    model = writable.model_of_object(obj)
    if returning is None and model.bound is not None:
        writable.refuse_unbound(model, obj)
    if not inside and update != () and may_misread(model, returning, obj):
        async with session.transaction() as tx:
            return await upsert(tx, obj, conflict, update, returning, table, inside=True)
    unset = writable.unset_fields(model, obj)
    place = writable.conflict_of(conflict)
    names = writable.names_tuple(update, "update")

    def plan() -> tuple[Table, Model, crud.Upsert]:
        into, returned = writable.table_for(model, table), returned_model(model, returning)
        return into, returned, crud.upsert_statement(model, into, returned, place, names, unset)

    def making() -> Making:
        into, returned, found = plan()
        computed = found.place.computed
        return Making(model, into, found.statement, returned, whole=True, computed=computed)

    of, key = identity(obj), (table_key(table), place, names, weak(returning), unset)
    for attempt in range(_ATTEMPTS):
        try:
            rows = await run(session, of, ("upsert", *key), making, obj)
        except UniqueViolation:
            # Who makes the same row at the same time may be met in another of its unique indexes
            # first, for which ON CONFLICT does not wait; the next time the row is there.
            if names != () or attempt or not session._autocommit:
                raise
            continue
        if not len(rows) and names == ():
            rows = await _in_place(session, of, ("found", *key), plan, obj, model)
            if len(rows):
                # Somebody else's: nothing was stored.
                return scan_one(rows, returning or writable.class_of(obj))
        if len(rows):
            return read_back(session, scan_one, rows, returning or writable.class_of(obj))
        if names != ():
            break
    raise _suppressed(writable.table_for(model, table))


async def _in_place(
    session: AsyncStatements,
    of: Any,
    key: Any,
    plan: Callable[[], tuple[Table, Model, crud.Upsert]],
    obj: Any,
    model: Model,
) -> Rows:
    """Read the row that is in an object's place."""
    into, returned, found = plan()
    select = found.found or found.locked
    making = functools.partial(Making, model, into, select, returned)
    if found.found is not None:
        # It came while the statement ran, which does not see it; a new one does.
        return await run(session, of, key, making, obj)
    # Only the server knows which row that is. To be told it has to write it, which is undone.
    try:
        async with session.transaction() as inner:
            raise _Undo(await run(inner, of, key, making, obj))
    except _Undo as done:
        return done.rows


async def delete(session: AsyncStatements, obj: Any) -> bool:
    """Delete the row with the object's key; return whether there was one."""
    model = writable.model_of_object(obj)
    table = writable.table_for(model)

    def making() -> Making:
        return Making(model, table, crud.delete_statement(model, table))

    if writable.unset_fields(model, obj):
        _refuse_nameless(model, table, obj)
    if len(await run(session, identity(obj), ("delete",), making, obj)):
        return True
    error = await outdated(session, model, table, obj)
    if error is not None:
        try:
            raise error
        finally:
            del error  # see `because`
    return False


async def get(session: AsyncStatements, cls: type[T], key: Any) -> T:
    """Return the object with that key."""
    model: Any = cls
    sql, keys, plain = _get_text(model_of(model))
    # The one case worth a short cut: a key of one field, sent as it is.
    short = plain and not issubclass(type(key), tuple)
    values = (key,) if short else _key_values(session, model_of(cls), keys, key)
    rows = await session.query(sql, values)
    if not len(rows):
        found = model_of(cls)
        raise absent(found, writable.table_for(found))
    return scan_one(rows, cls)


def _key_values(
    session: AsyncStatements, model: Model, keys: tuple[Field, ...], key: Any
) -> list[Any]:
    values = writable.key_values(model, keys, key)
    if not session._state.codecs:
        return values
    # What the field's own codec has made is not for one of the pool.
    return [
        value if value is None or field.encode is None else Encoded(value)
        for field, value in zip(keys, values, strict=True)
    ]


def _get_text(model: Model) -> tuple[LiteralString, tuple[Field, ...], bool]:
    found: tuple[LiteralString, tuple[Field, ...], bool] | None = model.memo.get("get")
    if found is None:
        statement = crud.get_statement(model, writable.table_for(model))
        plain = len(statement.fields) == 1 and statement.fields[0].encode is None
        found = model.memo["get"] = own_text(statement.sql), statement.fields, plain
    return found


def table_key(table: Any) -> Any:
    """Return the table given to a call, as a part of a key."""
    if table is not None and not (isinstance(table, str) or writable.is_class(table)):
        raise TypeError(
            f"table= takes a name or the class whose table it is, not {type(table).__name__}"
        )
    return weak(table)


def weak(given: Any) -> Any:
    """Return what stands for a class in a key: it is not to be held by another one."""
    return weakref.ref(given) if isinstance(given, type) else given


def _refuse_nameless(model: Model, table: Table, obj: Any) -> None:
    keys = writable.key_fields(model, table)
    writable.refuse_unset(model, keys, obj, "the key says which row is meant")
    version = writable.version_of(model, table)
    if version is not None and version.known:
        writable.refuse_unset(
            model, (version.field,), obj, "it is compared with that of the row; patch need not"
        )


def absent(model: Model, table: Table) -> NoRows:
    """Return the error for a key that no row has."""
    return NoRows(
        f'table "{table.text}" has no row with that key ({", ".join(table.key)}), '
        f"asked for as {model.name}",
        table=table.name,
        schema=table.schema,
    )


def _suppressed(table: Table) -> NoRows:
    return NoRows(
        f"no row came back: a trigger or rule of {table.text} suppressed it or stored it elsewhere,"
        " or a policy hides the one in its place",
        table=table.name,
        schema=table.schema,
        hint="use insert_many, which returns no rows",
    )


async def outdated(
    session: AsyncStatements, model: Model, table: Table, obj: Any, of: Any = None
) -> Error | None:
    """Find out why a row was not written: return an error if one with that key is there."""
    version = writable.version_of(model, table)
    if version is None or not version.known:
        return None

    def making() -> Making:
        return Making(model, table, crud.age_statement(model, table))

    rows = list(await run(session, of or identity(obj), ("age", of), making, obj))
    if not rows:
        return None
    if rows[0][0]:
        return _suppressed(table)
    return StaleRow(
        f'the row in table "{table.text}" has another {version.field.init_name} than the '
        f"{model.name}: it was written since that was read",
        table=table.name,
        schema=table.schema,
        column=version.field.column,
        hint="read it again, and decide anew",
    )


async def run(
    session: AsyncStatements, of: Any, key: Any, making: Callable[[], Making], obj: Any
) -> Rows:
    """Run a statement on an object, once more if types had changed since they were looked up.

    Args:
        session: Where to run it.
        of: The object's class, with which the statement is kept.
        key: The kind of statement.
        making: What it is made of.
        obj: The object.
    """
    kept: _Call | None = writing_of(session._state).call(of, (await session._path(), key))
    call = kept or await _made(session, of, key, making)
    try:
        return await _rows(session, call, obj)
    except Error as exc:
        explain_conflict(exc, call.target.traits, call.target.table)
        if not call.target.may_be_stale(exc):
            raise
        again = await _called_again(session, of, key, making)
        if again is None and kept is not None and not session._autocommit:
            may_go_next_time(exc)
        if again is None or again.target.same_place(call.target):
            raise
        return await _rows(session, again, obj)


async def _rows(session: AsyncStatements, call: _Call, obj: Any) -> Rows:
    try:
        values = call.target.parameters(obj)
    except Exception as exc:
        call.target.blame((obj,), None, exc)
        raise
    try:
        return await session.query(call.sql, values)
    except Error as exc:
        # The server and the driver know no fields.
        error = call.target.unsendable(obj, None) if isinstance(exc, DataError) else None
        if error is None:
            name_field(exc, call.target, (obj,))
            raise
        error.sqlstate = exc.sqlstate
        exc = because(error, exc.__cause__)
        del error
        raise exc


async def _called_again(
    session: AsyncStatements, of: Any, key: Any, making: Callable[[], Making]
) -> _Call | None:
    """Look up the columns again: their types may have been changed, or dropped and created."""
    session._state.forget()
    try:
        return await _made(session, of, key, making)
    except Error:
        # In a transaction, which the first error has ended.
        return None


async def _made(session: AsyncStatements, of: Any, key: Any, making: Callable[[], Making]) -> _Call:
    made = making()
    fields = made.statement.fields
    target, _ = await looked_up(
        session,
        made.model,
        made.table,
        fields,
        returned=made.returned,
        inserts=made.inserts,
        whole=made.whole,
    )
    target.check_place(made.computed)
    call = _Call(own_text(made.statement.sql), target)
    writing_of(session._state).keep(of, (await session._path(), key), call)
    return call
