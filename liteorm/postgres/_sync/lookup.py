# Generated from liteorm/postgres/_async/lookup.py by .ci/unasync.py: edit that file, not this one.
"""What has to be known of a table before it is written to; asked of the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, LiteralString, TypeVar, cast

import attrs

from liteorm._core.models.model import Field, Model, Table
from liteorm._core.sql.crud import table_name
from liteorm._core.values.results import Rows
from liteorm.errors import Error, mark_stored
from liteorm.postgres._sync.catalog import ask, load_types
from liteorm.postgres._sync.connection import Wire
from liteorm.postgres._sync.statements import Statements
from liteorm.postgres._session.outcomes import because
from liteorm.postgres._session.primitives import Answer
from liteorm.postgres._session.state import PoolState
from liteorm.postgres._types.coded import Encoded
from liteorm.postgres._types.registry import UnknownTypes
from liteorm.postgres._writing.readable import check_readable, refuse_null
from liteorm.postgres._writing.tables import (
    COLUMNS_SQL,
    DISTRIBUTED_SQL,
    columns_of,
    traits_of,
)
from liteorm.postgres._writing.targets import Target, Writing

T = TypeVar("T")

# No such operator, column or table: the table is another one by now.
_CHANGED: Final = frozenset({"42883", "42703", "42P01"})


def own_text(text: str) -> LiteralString:
    """Vouch for text that was put together here, its identifiers quoted."""
    trusted: LiteralString = cast("Any", text)
    return trusted


def writing_of(state: PoolState) -> Writing:
    """Return what the pool knows about the tables that are written to."""
    writing: Writing | None = state.writing
    if writing is None:
        types = state.types
        money_unit, forms = (lambda: types.known.money_unit), types.custom.forms
        writing = Writing(state.adapters, state.codecs, money_unit, forms)
        state.writing = writing
    return writing


def looked_up(
    session: Statements,
    model: Model,
    table: Table,
    fields: tuple[Field, ...],
    *,
    returned: Model | None = None,
    inserts: bool = False,
    left_out: tuple[Field, ...] = (),
    whole: bool = False,
    stored: Sequence[Field] = (),
) -> tuple[Target, int]:
    """Ask the catalog about a table's columns; return the server's version too.

    Observers are not told: who counts the statements of a call should not count the first one's.

    Args:
        session: Where to ask.
        model: The model.
        table: The table.
        fields: The fields that are sent.
        returned: What the row comes back as, if it does: a class that it cannot fill is refused
            here, before anything is stored.
        inserts: The row is a new one.
        left_out: The fields that many objects leave out.
        whole: All fields are meant: none is to be left out but those named.
        stored: The fields of which None is refused, if it is none of their values and the column
            would have NULL; where the row comes back, it is read before it stays.

    Raises:
        ModelError: One would be left out.
        ScanError: The row cannot be read back.
    """
    wire = session._acquire(None)
    try:
        state = session._state
        target = target_for(
            *(state, wire, model, table, fields),
            returned=returned,
            inserts=inserts,
            left_out=left_out,
            whole=whole,
            stored=stored,
        )
    except BaseException as exc:
        exc = because(session._failed(wire, exc, COLUMNS_SQL), exc)
        raise exc
    version = wire.info.server_version
    session._release(wire)
    return target, version


def remembered(
    session: Statements, of: Any, key: Any, look: Callable[[], Answer[tuple[Target, int]]]
) -> tuple[Target, bool]:
    """Return where objects go, and whether that was known from a call before.

    For statements whose parameters the server holds against the columns: what has changed since
    is an error there (`is_outdated`), and never stored as something else.

    Args:
        session: Where to ask.
        of: The class of the objects.
        key: What else the target depends on.
        look: Asks the catalog.
    """
    writing = writing_of(session._state)
    path = session._path()
    found: Target | None = writing.call(of, (path, key))
    if found is not None:
        return found, True
    target, _ = look()
    writing.keep(of, (path, key), target)
    return target, False


def read_back(session: Statements, read: Callable[[Rows, Any], T], rows: Rows, cls: Any) -> T:
    """Read what a statement that writes gave; an error says if it is stored all the same."""
    try:
        return read(rows, cls)
    except Exception as exc:
        if session._autocommit:
            mark_stored(exc)
        raise


def is_outdated(session: Statements, target: Target, error: Error) -> bool:
    """Return whether to look again and run once more; what was known is forgotten."""
    if not (target.may_be_stale(error) or error.sqlstate in _CHANGED):
        return False
    session._state.forget()
    if not session._autocommit:
        may_go_next_time(error)
    return session._autocommit


def may_go_next_time(error: Error) -> None:
    """Say of what failed by what was known of a table, and has been forgotten now."""
    error.retryable = True
    error.hint = "what was known of the table has changed; run the transaction again"


def target_for(
    state: PoolState,
    wire: Wire,
    model: Model,
    table: Table,
    fields: tuple[Field, ...],
    *,
    returned: Model | None = None,
    inserts: bool = False,
    left_out: tuple[Field, ...] = (),
    whole: bool = False,
    stored: Sequence[Field] = (),
) -> Target:
    """Ask the catalog about the columns of a table.

    COPY asks each time: after a change of a column's type, binary data for another type of the
    same size would be stored without an error.
    """
    name = (Encoded(table_name(table)),)
    # Prepared at once: to parse and to plan it takes the server most of the time.
    rows = ask(wire, COLUMNS_SQL, name, prepare=True, binary=True)
    columns = columns_of(rows)
    wanted = {field.column for field in (*fields, *(returned.fields if returned else ()))}
    oids = [column.oid for column in columns if column.name in wanted]
    known = state.types.known
    try:
        types = known.get_all(oids)
    except UnknownTypes as unknown:
        known = load_types(wire, state.types, unknown.oids)
        types = known.get_all(oids)
    by_oid = dict(zip(oids, types, strict=True))
    traits = traits_of(rows)
    if traits.distributed:
        # Citus is here: which of the tables are its own is for its catalog to say.
        [(distributed,)] = ask(wire, DISTRIBUTED_SQL, name, binary=True)
        traits = attrs.evolve(traits, distributed=distributed)
    target = writing_of(state).target(
        model, table, fields, columns, by_oid, traits, left_out, tuple(stored)
    )
    if whole:
        target.check_whole()
    if returned is not None:
        check_readable(known, target, returned, inserts)
    elif inserts and whole:
        refuse_null(target, model)
    return target
