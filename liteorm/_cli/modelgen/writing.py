"""Source text: a block for each enum, composite, table and view."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping

import attrs

from liteorm._cli.modelgen.annotations import annotation_of, empty_value, optional
from liteorm._cli.modelgen.catalog import ColumnFacts, DatabaseColumn, Relation, Schema, TypeName
from liteorm._cli.modelgen.lines import comment, docstring, field_lines, string
from liteorm._cli.modelgen.naming import class_name, field_names, member_name
from liteorm._cli.modelgen.styles import STYLES, WIDTH, Style, StyleName
from liteorm._core.scanning.types import PgType

_KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}


@attrs.frozen
class Block:
    """The class of one object of the schema."""

    key: str
    """What it is for: `table app.users`."""
    name: str
    text: str
    digest: str
    """What tells whether the schema is still that of the last run, whatever classes are called."""


def blocks_of(
    schema: Schema,
    *,
    style: StyleName = "attrs",
    names: Mapping[str, str] | None = None,
    taken: Collection[str] = (),
) -> list[Block]:
    """Return the classes of a schema: enums, composites, then tables and views by name.

    Args:
        schema: What there is.
        style: The kind of classes.
        names: Names that classes have already, by the keys of their blocks.
        taken: Further names that are not free.
    """
    chosen = _Names(schema, _class_names(schema, names or {}, taken))
    # By names that do not depend on what else there is, or on what somebody called a class.
    plain = _Names(schema, {key: class_name(key) for key in _keys(schema)})
    written = list(_texts(schema, STYLES[style], chosen))
    digests = [_digest(text) for _, text in _texts(schema, STYLES[style], plain)]
    return [
        Block(key, chosen.by_key[key], text, digest)
        for (key, text), digest in zip(written, digests, strict=True)
    ]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _keys(schema: Schema) -> Iterator[str]:
    yield from (_type_key(name) for name, _ in schema.types)
    for relation in schema.relations:
        yield _table_key(relation)
        yield _insert_key(relation)


def _type_key(name: TypeName) -> str:
    return f"type {name.schema}.{name.name}"


def _table_key(relation: Relation) -> str:
    return f"table {relation.facts.schema}.{relation.facts.name}"


def _insert_key(relation: Relation) -> str:
    return f"insert {relation.facts.schema}.{relation.facts.name}"


@attrs.define
class _Names:
    """The names of classes: by the keys of their blocks, and by the types they are for."""

    schema: Schema
    by_key: Mapping[str, str]
    by_oid: dict[int, str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.by_oid = {name.oid: self.by_key[_type_key(name)] for name, _ in self.schema.types}
        for oid, row in self.schema.names.items():
            key = f"table {row.schema}.{row.name}"
            if row.relation and key in self.by_key:
                self.by_oid[oid] = self.by_key[key]


def _class_names(
    schema: Schema, names: Mapping[str, str], taken: Collection[str]
) -> dict[str, str]:
    """Give every class a name of its own: with its schema's where two would be the same."""
    wanted = [(_table_key(r), r.facts.schema, r.facts.name, "") for r in schema.relations]
    wanted += [(_type_key(name), name.schema, name.name, "") for name, _ in schema.types]
    wanted += [(_insert_key(r), r.facts.schema, r.facts.name, "New") for r in schema.relations]
    keys = [key for key, _, _, _ in wanted]
    given = {key: names[key] for key in keys if key in names}
    used = {*given.values(), *taken}
    simple = [prefix + class_name(name) for _, _, name, prefix in wanted]
    for (key, of, name, prefix), short in zip(wanted, simple, strict=True):
        if key in given:
            continue
        if prefix and f"table {of}.{name}" in given:
            short = prefix + given[f"table {of}.{name}"]
            chosen = short
        else:
            alone = simple.count(short) == 1 and short not in used
            chosen = short if alone else prefix + class_name(f"{of}_{name}")
        if chosen in used and key.startswith("type "):
            chosen += "Type"
        number, stem = 2, chosen
        while chosen in used:
            chosen, number = f"{stem}{number}", number + 1
        used.add(chosen)
        given[key] = chosen
    return given


def _texts(schema: Schema, style: Style, names: _Names) -> Iterator[tuple[str, str]]:
    for name, type_ in schema.types:
        key = _type_key(name)
        lines = (
            _enum(name, type_, names.by_key[key])
            if type_.kind == "enum"
            else _composite(name, type_, names.by_key[key], names.by_oid, style)
        )
        yield key, "\n".join(lines) + "\n"
    for relation in schema.relations:
        key = _table_key(relation)
        table = _Table(relation, schema, names.by_oid, style)
        yield key, "\n".join(table.row(names.by_key[key])) + "\n"
        if table.has_insert:
            key = _insert_key(relation)
            yield key, "\n".join(table.insert(names.by_key[key])) + "\n"


def _enum(name: TypeName, type_: PgType, cls: str) -> Iterator[str]:
    yield f"class {cls}(enum.Enum):"
    yield from docstring(name.comment or f"Enum {name.schema}.{name.name}.")
    if type_.labels:
        yield ""
    members: dict[str, str] = {}
    for label in type_.labels:
        members[member_name(label, members)] = label
    for member, label in members.items():
        yield f"    {member} = {string(label)}"


def _composite(
    name: TypeName, type_: PgType, cls: str, classes: Mapping[int, str], style: Style
) -> Iterator[str]:
    yield from style.begin(cls, frozen=True)
    yield from docstring(name.comment or f"Composite type {name.schema}.{name.name}.")
    fields = field_names([attribute.name for attribute in type_.attributes], style.reserved)
    comments = [*name.attributes, *([None] * len(type_.attributes))]
    lines: list[str] = []
    for attribute, said in zip(type_.attributes, comments, strict=False):
        field = fields[attribute.name]
        if said:
            lines += comment(said)
        annotation = optional(annotation_of(attribute.type, classes))
        marks = [f"name={string(attribute.name)}"] if field != attribute.name else []
        lines += field_lines(field, annotation, marks, "None")
    yield from _body(style, lines, frozen=True)


def _body(style: Style, lines: list[str], *, frozen: bool) -> Iterator[str]:
    """Yield what stands below a class's docstring."""
    yield from style.below_docstring(lines, frozen=frozen)
    if lines:
        yield ""
    yield from lines


@attrs.frozen
class _Table:
    """Writes the classes of one table or view."""

    relation: Relation
    schema: Schema
    classes: Mapping[int, str]
    style: Style

    @property
    def has_insert(self) -> bool:
        """Whether an insert has another shape than the row."""
        return self.relation.writable and any(
            _is_filled(column.facts)
            or column.facts.default
            or (column.nullable and column.facts.refuses_null)
            for column in self.relation.columns
        )

    def _fields(self) -> dict[str, str]:
        names = [column.facts.name for column in self.relation.columns]
        return field_names(names, self.style.reserved)

    def row(self, cls: str) -> Iterator[str]:
        """Yield the class of a row."""
        relation, facts = self.relation, self.relation.facts
        fields = self._fields()
        yield from _table_decorator(relation, fields, facts.key)
        yield from self.style.begin(cls, frozen=not relation.writable)
        kind = _KINDS[facts.kind]
        yield from docstring(facts.comment or f"{kind.capitalize()} {facts.schema}.{facts.name}.")
        lines: list[str] = []
        for column in relation.columns:
            lines += _column(relation, column, fields[column.facts.name], self.schema, self.classes)
        for column in relation.unreadable:
            lines += comment(
                f'column "{column.facts.name}" ({column.type.name}) has no form that liteorm'
                " reads: select it cast to text"
            )
        yield from _body(self.style, lines, frozen=not relation.writable)

    def insert(self, cls: str) -> Iterator[str]:
        """Yield the class of what an insert sends."""
        facts = self.relation.facts
        fields = self._fields()
        sent = [column for column in self.relation.columns if not _is_filled(column.facts)]
        names = {column.facts.name for column in sent}
        key = facts.key if set(facts.key) <= names else []
        yield from _table_decorator(self.relation, fields, key)
        yield from self.style.begin(cls, frozen=False)
        yield from docstring(f"A new row of {facts.schema}.{facts.name}.")
        lines: list[str] = []
        for column in sent:
            lines += self._sent(column, fields[column.facts.name])
        yield from _body(self.style, lines, frozen=False)

    def _sent(self, column: DatabaseColumn, field: str) -> Iterator[str]:
        facts = column.facts
        annotation = annotation_of(
            column.type, self.classes, dimensions=facts.dimensions, null_free=facts.null_free
        )
        value = None
        if column.nullable and not facts.refuses_null:
            annotation, value = optional(annotation), "None"
        if facts.default:
            yield from comment(f"default {' '.join(facts.default.split())}")
            annotation = f"{annotation} | liteorm.Unset"
            value = "liteorm.UNSET"
        marks = [f"name={string(facts.name)}"] if field != facts.name else []
        yield from field_lines(field, annotation, marks, value)


def _table_decorator(
    relation: Relation, fields: Mapping[str, str], key_columns: Collection[str]
) -> Iterator[str]:
    facts = relation.facts
    if "." in facts.name or "." in facts.schema:
        arguments = [string(facts.name)]
        extra = [f"schema={string(facts.schema)}"]
    else:
        arguments, extra = [string(f"{facts.schema}.{facts.name}")], []
    key = [string(fields[name]) for name in key_columns if name in fields]
    if len(key) == 1:
        arguments.append(f"key={key[0]}")
    elif key:
        arguments.append(f"key=({', '.join(key)})")
    line = f"@liteorm.table({', '.join(arguments + extra)})"
    if len(line) <= WIDTH:
        yield line
        return
    inner = f"    {', '.join(arguments + extra)}"
    yield "@liteorm.table("
    if len(inner) <= WIDTH:
        yield inner
    else:
        for argument in arguments + extra:
            if len(argument) + 5 <= WIDTH:
                yield f"    {argument},"
            else:
                yield "    key=("
                yield from (f"        {part}," for part in key)
                yield "    ),"
    yield ")"


def _column(
    relation: Relation,
    column: DatabaseColumn,
    field: str,
    schema: Schema,
    classes: Mapping[int, str],
) -> Iterator[str]:
    facts = column.facts
    if facts.comment:
        yield from comment(facts.comment)
    for key in relation.facts.foreign_keys:
        if facts.name in key.columns:
            others = f" ({', '.join(key.references)})"
            of = "" if len(key.columns) == 1 else f"({', '.join(key.columns)}) "
            yield from comment(f"{of}references {key.schema}.{key.table}{others}")
    if column.type.kind == "domain" and column.type.oid in schema.names:
        domain = schema.names[column.type.oid]
        yield from comment(f"domain {domain.schema}.{domain.name}")
    filled = _is_filled(facts)
    if facts.default and not filled and relation.writable:
        yield from comment(f"default {' '.join(facts.default.split())}")
    annotation = annotation_of(
        column.type, classes, dimensions=facts.dimensions, null_free=facts.null_free
    )
    default = empty_value(annotation) if filled and relation.writable else None
    if column.nullable:
        annotation = optional(annotation)
        default = "None" if relation.writable else None
    marks = [f"name={string(facts.name)}"] if field != facts.name else []
    if filled and relation.writable:
        marks.append("generated=True")
    yield from field_lines(field, annotation, marks, default)


def _is_filled(facts: ColumnFacts) -> bool:
    """Tell whether the database fills a column by itself: nobody sends it."""
    serial = facts.default is not None and facts.default.startswith("nextval(")
    return bool(facts.identity or facts.generated) or serial
