"""Source text: a block for each enum, composite, table and view."""

from __future__ import annotations

import hashlib
import json
import re
import textwrap
from collections.abc import Iterator, Mapping

import attrs

from liteorm._cli.modelgen.annotations import annotation_of, empty_value, optional
from liteorm._cli.modelgen.catalog import Column, Relation, Schema, TypeName
from liteorm._cli.modelgen.naming import class_name, field_names, member_name
from liteorm._core.scanning.types import PgType

WIDTH = 88

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
    text: str

    @property
    def digest(self) -> str:
        """What tells whether the text is still that of the last run."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]


def blocks_of(schema: Schema) -> list[Block]:
    """Return the classes of a schema: enums, composites, then tables and views by name."""
    classes, relations = _class_names(schema)
    blocks: list[Block] = []
    for name, type_ in schema.types:
        write = _enum if type_.kind == "enum" else _composite
        text = "\n".join(write(name, type_, classes))
        blocks.append(Block(f"type {name.schema}.{name.name}", f"{text}\n"))
    for relation in schema.relations:
        facts = relation.facts
        text = "\n".join(_relation(relation, relations[facts.schema, facts.name], schema, classes))
        blocks.append(Block(f"table {facts.schema}.{facts.name}", f"{text}\n"))
    return blocks


def _class_names(schema: Schema) -> tuple[dict[int, str], dict[tuple[str, str], str]]:
    """Give every class a name of its own: with its schema's where two would be the same."""
    wanted: list[tuple[str, str, str]] = [
        ("relation", r.facts.schema, r.facts.name) for r in schema.relations
    ]
    wanted += [("type", name.schema, name.name) for name, _ in schema.types]
    simple = [class_name(name) for _, _, name in wanted]
    taken: set[str] = set()
    given: dict[tuple[str, str, str], str] = {}
    for (kind, of, name), short in zip(wanted, simple, strict=True):
        chosen = short if simple.count(short) == 1 else class_name(f"{of}_{name}")
        if chosen in taken and kind == "type":
            chosen += "Type"
        number, stem = 2, chosen
        while chosen in taken:
            chosen, number = f"{stem}{number}", number + 1
        taken.add(chosen)
        given[kind, of, name] = chosen
    relations = {(of, name): cls for (kind, of, name), cls in given.items() if kind == "relation"}
    classes = {name.oid: given["type", name.schema, name.name] for name, _ in schema.types}
    for oid, row in schema.names.items():
        if row.relation and (row.schema, row.name) in relations:
            classes[oid] = relations[row.schema, row.name]
    return classes, relations


def _enum(name: TypeName, type_: PgType, classes: Mapping[int, str]) -> Iterator[str]:
    yield f"class {classes[name.oid]}(enum.Enum):"
    yield from _docstring(name.comment or f"Enum {name.schema}.{name.name}.")
    if type_.labels:
        yield ""
    members: dict[str, str] = {}
    for label in type_.labels:
        members[member_name(label, members)] = label
    for member, label in members.items():
        yield f"    {member} = {_string(label)}"


def _composite(name: TypeName, type_: PgType, classes: Mapping[int, str]) -> Iterator[str]:
    yield "@attrs.frozen(kw_only=True)"
    yield f"class {classes[name.oid]}:"
    yield from _docstring(name.comment or f"Composite type {name.schema}.{name.name}.")
    if type_.attributes:
        yield ""
    fields = field_names([attribute.name for attribute in type_.attributes])
    comments = [*name.attributes, *([None] * len(type_.attributes))]
    for attribute, comment in zip(type_.attributes, comments, strict=False):
        field = fields[attribute.name]
        if comment:
            yield from _comment(comment)
        annotation = optional(annotation_of(attribute.type, classes))
        marks = [f"name={_string(attribute.name)}"] if field != attribute.name else []
        yield from _field(field, annotation, marks, "None")


def _relation(
    relation: Relation, cls: str, schema: Schema, classes: Mapping[int, str]
) -> Iterator[str]:
    facts = relation.facts
    fields = field_names([column.facts.name for column in relation.columns])
    yield from _table_decorator(relation, fields)
    yield "@attrs.define(kw_only=True)" if relation.writable else "@attrs.frozen(kw_only=True)"
    yield f"class {cls}:"
    kind = _KINDS[facts.kind]
    yield from _docstring(facts.comment or f"{kind.capitalize()} {facts.schema}.{facts.name}.")
    if relation.columns or relation.unreadable:
        yield ""
    for column in relation.columns:
        yield from _column(relation, column, fields[column.facts.name], schema, classes)
    for column in relation.unreadable:
        yield from _comment(
            f'column "{column.facts.name}" ({column.type.name}) has no form that liteorm reads:'
            " select it cast to text"
        )


def _table_decorator(relation: Relation, fields: Mapping[str, str]) -> Iterator[str]:
    facts = relation.facts
    if "." in facts.name or "." in facts.schema:
        arguments = [_string(facts.name)]
        extra = [f"schema={_string(facts.schema)}"]
    else:
        arguments, extra = [_string(f"{facts.schema}.{facts.name}")], []
    key = [_string(fields[name]) for name in facts.key if name in fields]
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
    column: Column,
    field: str,
    schema: Schema,
    classes: Mapping[int, str],
) -> Iterator[str]:
    facts = column.facts
    if facts.comment:
        yield from _comment(facts.comment)
    for key in relation.facts.foreign_keys:
        if facts.name in key.columns:
            others = f" ({', '.join(key.references)})"
            of = "" if len(key.columns) == 1 else f"({', '.join(key.columns)}) "
            yield from _comment(f"{of}references {key.schema}.{key.table}{others}")
    if column.type.kind == "domain" and column.type.oid in schema.names:
        domain = schema.names[column.type.oid]
        yield from _comment(f"domain {domain.schema}.{domain.name}")
    filled = bool(facts.identity or facts.generated) or _is_serial(facts.default)
    if facts.default and not filled and relation.writable:
        yield from _comment(f"default {' '.join(facts.default.split())}")
    annotation = annotation_of(
        column.type, classes, dimensions=facts.dimensions, null_free=facts.null_free
    )
    default = empty_value(annotation) if filled and relation.writable else None
    if column.nullable:
        annotation = optional(annotation)
        default = "None" if relation.writable else None
    marks = [f"name={_string(facts.name)}"] if field != facts.name else []
    if filled and relation.writable:
        marks.append("generated=True")
    yield from _field(field, annotation, marks, default)


def _is_serial(default: str | None) -> bool:
    return default is not None and default.startswith("nextval(")


def _field(field: str, annotation: str, marks: list[str], default: str | None) -> Iterator[str]:
    value = f" = {default}" if default is not None else ""
    if not marks:
        line = f"    {field}: {annotation}{value}"
        if len(line) <= WIDTH:
            yield line
            return
        yield f"    {field}: ("
        yield from _split_union(annotation, " " * 8)
        yield f"    ){value}"
        return
    column = f"liteorm.Column({', '.join(marks)})"
    line = f"    {field}: typing.Annotated[{annotation}, {column}]{value}"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"    {field}: typing.Annotated["
    inner = f"{annotation}, {column}"
    if len(inner) + 8 <= WIDTH:
        yield f"        {inner}"
    else:
        if len(annotation) + 9 <= WIDTH:
            yield f"        {annotation},"
        else:
            *parts, last = _split_union(annotation, " " * 8)
            yield from parts
            yield f"{last},"
        yield f"        {column},"
    yield f"    ]{value}"


def _split_union(annotation: str, indent: str) -> Iterator[str]:
    first, *rest = annotation.split(" | ")
    yield f"{indent}{first}"
    yield from (f"{indent}| {part}" for part in rest)


def _docstring(text: str) -> Iterator[str]:
    text = " ".join(text.split()) if "\n" not in text.strip() else text.strip()
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    text = re.sub(r"[\x00-\x09\x0b-\x1f\x7f]", " ", text)
    if text.endswith('"'):
        text = f'{text[:-1]}\\"'
    if "\n" not in text and len(text) + 10 <= WIDTH:
        yield f'    """{text}"""'
        return
    lines = [
        wrapped
        for line in text.splitlines()
        for wrapped in (textwrap.wrap(line.strip(), WIDTH - 7) or [""])
    ]
    yield f'    """{lines[0]}'
    yield from (f"    {line}".rstrip() for line in lines[1:])
    yield '    """'


def _comment(text: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), WIDTH - 6):
        yield f"    # {line}"


def _string(text: str) -> str:
    """Return a literal in double quotes, as formatters leave it."""
    if '"' in text and "'" not in text and text.isprintable() and "\\" not in text:
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=not text.isprintable())
