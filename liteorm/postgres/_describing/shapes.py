"""A statement's columns and parameters as the server sees them: text, names, answers; no I/O."""

from __future__ import annotations

import functools
import re
from collections.abc import Generator, Mapping, Sequence
from typing import Any, Final

import attrs
import psycopg
from psycopg import pq
from psycopg.adapt import AdaptersMap, PyFormat, Transformer

from liteorm._core.scanning.types import PgType
from liteorm._core.sql.placeholders import fault_in, style_of
from liteorm._core.sql.text import is_template, rendered, values_in
from liteorm.errors import StatementError
from liteorm.postgres._describing import nulls
from liteorm.postgres._types.custom import CustomType, CustomTypes
from liteorm.postgres._types.dumpers import register_dumpers
from liteorm.postgres._types.registry import KnownTypes

__all__ = [
    "ColumnShape",
    "Described",
    "InsideShape",
    "Null",
    "PartShape",
    "StatementShape",
    "catalog_questions",
    "numbered",
    "plain_adapters",
    "sent_oid",
]

Null = bool | None

Answers = Generator[tuple[str, tuple[Any, ...]], list[tuple[Any, ...]], None]


@attrs.frozen
class ColumnShape:
    """A column of a statement's result.

    Attributes:
        name: Its name in the result.
        type: Its PostgreSQL type, as `format_type` shows it.
        oid: The type's oid.
        table: The table it comes from, if it is a table's column as it is; `schema.name` where the
            search path does not find it by its name alone.
        column: Its name there.
        nullable: False if it is proven that it is never NULL, True if it is NULL for some data,
            None if it is not known.
        nullable_within: The same for the rows in which every outer join found a partner.
        joins: Numbers of the outer joins without whose partner it is NULL. Columns with the same
            numbers are NULL in the same rows, but for what `nullable_within` says.
        reason: Why it is not known whether it can be NULL.
    """

    name: str
    type: str
    oid: int
    table: str | None = None
    column: str | None = None
    nullable: bool | None = None
    nullable_within: bool | None = None
    joins: tuple[int, ...] = ()
    reason: str = ""


@attrs.frozen
class PartShape:
    """A field of a row or of an object in JSON, or an element of an array or list."""

    column: ColumnShape
    """Its name (none for an element), and whether it can be NULL."""
    type: PgType | None
    inside: InsideShape | None = None


@attrs.frozen
class InsideShape:
    """What is inside a column that the statement puts together.

    `form` is "array" or "row", "list", "items" or "object" in JSON, "unknown" where it is not
    followed. Items are a list's elements in their order.
    """

    form: str
    parts: tuple[PartShape, ...] = ()
    named: bool = False


@attrs.frozen
class StatementShape:
    """What the server says of a statement without running it.

    Attributes:
        columns: The columns of its result; empty where it gives no rows.
        parameters: The types of its parameters, in the order of their first use.
        names: The names of `%(name)s` parameters in that order; empty for `%s`.
    """

    columns: tuple[ColumnShape, ...]
    parameters: tuple[str, ...]
    names: tuple[str, ...] = ()


@attrs.define
class Described:
    """One statement on its way to a `StatementShape`."""

    text: str
    names: tuple[str, ...]
    shifts: tuple[tuple[int, int], ...] = ()
    """Where each replaced piece ends: in `text`, and in the SQL as it was written."""
    places: tuple[tuple[int, int, int], ...] = ()
    """The placeholders: the number of each, and where in the SQL it begins and ends."""
    analysed: bool = True
    """What can be NULL in its columns is to be found out."""
    sent: tuple[int, ...] = ()
    """The types of its parameters as they are sent; 0 and what is left out are the server's."""
    columns: tuple[tuple[str, int, int, int], ...] = ()
    """Name, type oid, table oid and column number of each column."""
    parameters: tuple[int, ...] = ()
    nulls: tuple[nulls.Out, ...] = ()
    origins: Mapping[tuple[int, int], tuple[str, str]] = attrs.Factory(
        dict[tuple[int, int], tuple[str, str]]
    )

    def read(self, result: pq.abc.PGresult) -> None:
        """Take the server's answer in."""
        self.columns = tuple(
            (
                (result.fname(i) or b"").decode(),
                result.ftype(i),
                result.ftable(i),
                result.ftablecol(i),
            )
            for i in range(result.nfields)
        )
        self.parameters = tuple(result.param_type(i) for i in range(result.nparams))

    def written(self, offset: int) -> int:
        """Return where in the SQL as it was written a place in `text` is."""
        before, after = 0, 0
        for ours, theirs in self.shifts:
            if ours > offset:
                break
            before, after = ours, theirs
        return after + offset - before

    @property
    def oids(self) -> set[int]:
        """The oids of all types in it."""
        return {oid for _, oid, _, _ in self.columns} | set(self.parameters)

    @property
    def inner_oids(self) -> set[int]:
        """The oids of the types of what is inside its columns."""
        return {part.type for out in self.nulls for part in nulls.parts_in(out.inside)} - {0}

    def insides(self, known: KnownTypes) -> tuple[InsideShape | None, ...]:
        """Return what is inside each column, where the statement puts it together."""
        outs = self.nulls or (nulls.Out(nulls.UNKNOWN),) * len(self.columns)
        return tuple(_inside_shape(out.inside, known) for out in outs)

    def types(self, known: KnownTypes) -> tuple[tuple[PgType, ...], tuple[PgType, ...]]:
        """Return the types of columns and parameters, which are known by now."""
        columns = known.get_all(oid for _, oid, _, _ in self.columns)
        return columns, known.get_all(self.parameters)

    def shape(self, known: KnownTypes) -> StatementShape:
        """Return what was found out."""
        types, parameters = self.types(known)
        outs = self.nulls or (nulls.Out(nulls.UNKNOWN),) * len(self.columns)
        columns: list[ColumnShape] = []
        for (name, oid, table, number), type_, out in zip(self.columns, types, outs, strict=True):
            origin = self.origins.get((table, number), (None, None))
            columns.append(_column_shape(name, type_, oid, out, origin))
        return StatementShape(tuple(columns), tuple(type_.name for type_ in parameters), self.names)


def _column_shape(
    name: str,
    type_: PgType,
    oid: int,
    out: nulls.Out,
    origin: tuple[str | None, str | None] = (None, None),
) -> ColumnShape:
    return ColumnShape(
        name,
        type_.name,
        oid,
        *origin,
        out.nullable,
        out.nullable_within,
        tuple(sorted(out.joins)),
        out.why if out.nullable is None else "",
    )


def _inside_shape(inside: nulls.Inside | None, known: KnownTypes) -> InsideShape | None:
    if inside is None:
        return None
    parts: list[PartShape] = []
    for part in inside.parts:
        type_ = known.types[part.type] if part.type else None
        name = type_.name if type_ is not None else ""
        column = _column_shape(part.name, attrs.evolve(_UNTYPED, name=name), part.type, part.out)
        parts.append(PartShape(column, type_, _inside_shape(part.out.inside, known)))
    return InsideShape(inside.form, tuple(parts), inside.named)


_UNTYPED: Final = PgType(0, "", "unreadable")
_PLACEHOLDER: Final = re.compile(r"%(?:(%)|\((?P<name>[^()%]+)\)(?P<kind>.?)|(?P<plain>.?))", re.S)


def numbered(sql: object) -> Described:
    """Return the text with `$1`, `$2` … for its placeholders, as the driver will send it.

    Raises:
        StatementError: The placeholders are wrong, or of both kinds.
    """
    # In a `Sql`, a % in an identifier is doubled only if there are parameters.
    text, values = rendered(sql, None if is_template(sql) or values_in(sql) else ())
    read = _read_placeholders(text, bool(values))
    return Described(rendered(sql)[0], ()) if read is None else Described(*read)


_Read = tuple[str, tuple[str, ...], tuple[tuple[int, int], ...], tuple[tuple[int, int, int], ...]]


@functools.lru_cache(maxsize=1000)
def _read_placeholders(text: str, has_values: bool) -> _Read | None:
    """Return text, names, shifts and places as of `Described`; None without a placeholder.

    A check asks for each text several times.
    """
    if not has_values and style_of(text) == "none":
        return None
    names: dict[str, int] = {}
    count = 0
    shifts: list[tuple[int, int]] = []
    places: list[tuple[int, int, int]] = []
    grown = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal grown
        piece = replacement(match)
        grown += len(piece) - len(match[0])
        shifts.append((match.end() + grown, match.end()))
        if piece != "%":
            places.append((int(piece[1:]), *match.span()))
        return piece

    def replacement(match: re.Match[str]) -> str:
        nonlocal count
        if match[1]:
            return "%"
        kind = match["kind"] if match["name"] is not None else match["plain"]
        if kind not in ("s", "b", "t") or not kind:
            raise fault_in(text) or StatementError("a lone %", sql=text)
        if match["name"] is None:
            count += 1
            return f"${count}"
        return f"${names.setdefault(match['name'], len(names) + 1)}"

    result = _PLACEHOLDER.sub(replaced, text)
    if names and count:
        raise fault_in(text) or StatementError("mixed placeholders", sql=text)
    return result, tuple(names), tuple(shifts), tuple(places)


def sent_oid(value: Any, adapters: AdaptersMap | None = None) -> int:
    """Return the type that a parameter is sent with, 0 where the server is to decide.

    It is found out by the code that sends parameters.

    Args:
        value: A parameter.
        adapters: A pool's map; by default that of a pool without codecs.

    Raises:
        DataError: Such a value is not sent.
    """
    if value is None:
        return 0
    dumper = Transformer(adapters or plain_adapters()).get_dumper(value, PyFormat.AUTO)
    return dumper.oid


def plain_adapters(types: Sequence[CustomType] = ()) -> AdaptersMap:
    """Return a pool's map without codecs, for what is asked without a pool."""
    return _plain_adapters(tuple(types))


@functools.cache
def _plain_adapters(types: tuple[CustomType, ...]) -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    register_dumpers(adapters, None, CustomTypes(types))
    return adapters


def catalog_questions(
    items: Sequence[Described],
    params: Sequence[Mapping[int, Null]] | None = None,
    *,
    inside: bool = False,
) -> Answers:
    """Ask the catalog for origins, and the server for all that proves NOT NULL.

    Args:
        items: What the server has described.
        params: For each, which of its parameters are known to be NULL or not.
        inside: A transaction is open, and stays so.
    """
    yield from _ask_origins(items)
    showing = [
        (number, item) for number, item in enumerate(items) if item.columns and item.analysed
    ]
    if not showing:
        return
    trees = yield from nulls.read_trees(
        [(item.text, item.parameters) for _, item in showing], inside=inside
    )
    catalog = nulls.Catalog()
    read = [tree for tree in trees if not isinstance(tree, nulls.Unread)]
    yield from nulls.load_catalog(catalog, read)
    for (number, item), tree in zip(showing, trees, strict=True):
        if isinstance(tree, nulls.Unread):
            item.nulls = (nulls.unread_column(tree),) * len(item.columns)
            continue
        known = params[number] if params is not None else None
        item.nulls = tuple(nulls.result_columns(tree, catalog, len(item.columns), known))


_ORIGINS: Final = """
SELECT a.attrelid::int8, a.attnum::int4,
       CASE WHEN pg_table_is_visible(c.oid) THEN c.relname
            ELSE n.nspname || '.' || c.relname END::text,
       a.attname::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n
     ON n.oid = c.relnamespace
WHERE a.attrelid = ANY(%s::oid[]) AND a.attnum > 0
"""


def _ask_origins(items: Sequence[Described]) -> Answers:
    tables = sorted({table for item in items for _, _, table, _ in item.columns if table})
    if not tables:
        return
    rows = yield _ORIGINS, (tables,)
    origins = {(oid, number): (table, column) for oid, number, table, column in rows}
    for item in items:
        item.origins = origins
