"""A class understood: its fields, their columns, and the table of its objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import attrs

from liteorm._core.models.hints import Codec, Hint, encoding
from liteorm.errors import ModelError

TABLE = "__liteorm_table__"
"""The attribute in which a class keeps what `table` said."""


@attrs.frozen
class Table:
    """Where objects of a class are stored, which fields identify one, and which tells its age."""

    schema: str | None
    name: str
    key: tuple[str, ...] = ()
    version: str | None = None
    guard: Field | None = None
    """The version's field in the class whose table it is, where that is not the objects' own."""

    @property
    def text(self) -> str:
        """The name for messages: `app.users`."""
        return f"{self.schema}.{self.name}" if self.schema else self.name


@attrs.frozen
class Field:
    """One constructor argument of a model class and the column that belongs to it."""

    name: str
    """The attribute (`_secret`)."""
    init_name: str
    """The constructor's keyword (`secret`)."""
    column: str
    hint: Hint
    required: bool
    kw_only: bool = False
    generated: bool = False
    codec: Codec | None = None
    inner: Callable[[Any], Any] | None = attrs.field(default=None, eq=False)
    """What encodes a value by the codecs of what is inside it."""

    @property
    def encode(self) -> Callable[[Any], Any] | None:
        """What a value goes through before it is sent: the codec, or those inside."""
        return self.inner if self.codec is None else self.codec.encode

    def encode_beside(self, others: Callable[[Any], Any] | None) -> Callable[[Any], Any] | None:
        """Return the same, with a pool's codecs for the parts that have none of their own."""
        if self.inner is None or others is None:
            return self.encode
        return encoding(self.hint, others)


@attrs.frozen(eq=False, repr=False)
class Model:
    """A class understood: what its constructor takes, in its order."""

    cls: type
    name: str
    kind: Literal["attrs", "dataclass", "namedtuple", "typeddict", "struct", "pydantic"]
    fields: tuple[Field, ...]
    table: Table | None = None
    frozen: bool = False
    plain: bool = False
    """The constructor does nothing but store its arguments: no converter, validator or hook."""
    unsent: tuple[tuple[str, str], ...] = ()
    """Fields that the constructor does not take, and the columns of their names."""
    part: bool = False
    """Some fields of a class, of which a call has the values in a dict."""
    bound: Any = None
    """The class with its arguments, where it is a generic one."""
    memo: dict[str, Any] = attrs.field(init=False, repr=False, factory=dict[str, Any])
    """What was made of it, by subject."""
    by_column: dict[str, Field] = attrs.field(
        init=False,
        repr=False,
        default=attrs.Factory(lambda model: {f.column: f for f in model.fields}, takes_self=True),
    )

    def field(self, name: str) -> Field | None:
        """Return the field with this attribute or constructor name."""
        for field in self.fields:
            if name in (field.init_name, field.name):
                return field
        return None


def table_named(name: str, schema: str | None = None) -> Table:
    """Split a table's name at its one dot, unless the schema is given apart.

    Raises:
        ModelError: an empty part, or more than one dot.
    """
    if schema is None and "." in name:
        first, _, rest = name.partition(".")
        if "." in rest or not first or not rest:
            raise ModelError(
                f"table name {name!r} has {name.count('.')} dots; expected schema.table",
                hint="give schema= apart and the name is taken as it is",
            )
        schema, name = first, rest
    if not name or schema == "":
        raise ModelError("a table needs a name", hint='write table("users") or table("app.users")')
    return Table(schema, name)


def check_names(model: Model) -> None:
    """Hold a model's columns, and its table's key and version, against its fields.

    Raises:
        ModelError: a column comes twice, or a key or version is no field that it could be.
    """
    if len(model.by_column) < len(model.fields):
        seen: dict[str, Field] = {}
        for field in model.fields:
            if field.column in seen:
                raise ModelError(
                    f"{model.name}.{field.name} and {model.name}.{seen[field.column].name}"
                    f" both take column {field.column!r}",
                    model=model.name,
                    field=field.name,
                    hint="give one of them Column(name=...)",
                )
            seen[field.column] = field
    if model.table is not None:
        for key in model.table.key:
            if model.field(key) is None:
                raise ModelError(
                    f"table {model.table.text!r} has key {key!r}, which is no field of"
                    f" {model.name}; its fields are "
                    + ", ".join(field.init_name for field in model.fields),
                    model=model.name,
                    field=key,
                )
        _check_version(model, model.table)


def _check_version(model: Model, table: Table) -> None:
    if table.version is None:
        return
    field = model.field(table.version)
    if field is None:
        raise ModelError(
            f"table {table.text!r} has version {table.version!r}, which is no field of"
            f" {model.name}; its fields are "
            + ", ".join(field.init_name for field in model.fields),
            model=model.name,
            field=table.version,
        )
    if field.init_name in table.key or field.name in table.key:
        raise ModelError(
            f"{model.name}.{field.init_name} is both the key and the version of {table.text}",
            model=model.name,
            field=field.name,
        )
    counted = field.hint.kind == "scalar" and field.hint.type is int and field.codec is None
    if not (field.generated or counted):
        raise ModelError(
            f"{model.name}.{field.init_name} is the version of {table.text}: expected an int, or a"
            f" field that the database fills, got {field.hint.text}",
            model=model.name,
            field=field.name,
            hint="mark it Column(generated=True) if a trigger keeps it",
        )
