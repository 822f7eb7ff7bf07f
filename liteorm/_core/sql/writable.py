"""What of an object is written, and where: tables, keys, versions, the fields that are sent.

Pure: nothing here runs SQL or knows a driver. Field names come in, fields go out.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeAlias, cast, get_args, get_origin

import attrs
from msgspec import UNSET

from liteorm._core.models.annotations import is_model
from liteorm._core.models.classes import model_of, with_anything
from liteorm._core.models.hints import Hint
from liteorm._core.models.model import Field, Model, Table, table_named
from liteorm._core.sql.conflict import Constraint
from liteorm._core.sql.near import near_name
from liteorm._core.sql.text import Sql, values_in
from liteorm.errors import DataError, ModelError

Conflict: TypeAlias = str | Iterable[str] | Sql | Constraint | None


def model_of_object(obj: Any) -> Model:
    """Return the model of an object to be written; a plain dict is its own model.

    Raises:
        ModelError: Its class has no fields.
    """
    cls: Any = obj.__class__
    return _dict_model(tuple(obj)) if cls is dict else model_of(class_of(obj))


def class_of(obj: Any) -> Any:
    """Return the class of an object, a generic one with its arguments.

    Where the object does not know them (one with slots does not), they may be anything.
    """
    cls: Any = obj.__class__
    if not getattr(cls, "__parameters__", ()):
        return cls
    made_by: Any = getattr(obj, "__orig_class__", None)
    if get_origin(made_by) is cls and not made_by.__parameters__:
        return made_by
    return with_anything(cls)


@functools.lru_cache(maxsize=512)
def _dict_model(keys: tuple[Any, ...]) -> Model:
    if not keys or not all(isinstance(key, str) for key in keys):
        raise ModelError(
            "a dict to be written needs column names as its keys",
            model="dict",
            hint="expected at least one key, and strings only",
        )
    anything = Hint("any", object, optional=True, annotation=Any)
    fields = tuple(Field(key, key, key, anything, required=True) for key in keys)
    return Model(cls=dict, name="dict", kind="typeddict", fields=fields)


def table_for(model: Model, given: object = None) -> Table:
    """Return the table of a model's objects: the one given, else the class's own.

    Args:
        model: The model of the objects.
        given: The table's name, or the class whose table it is and which lends its key.

    Raises:
        ModelError: There is neither.
    """
    if isinstance(given, str):
        own = model.table or Table(None, "")
        return attrs.evolve(table_named(given), key=own.key, version=own.version)
    if given is not None:
        return _lent(model, given)
    if model.table is None:
        raise ModelError(
            f"{model.name} has no table",
            model=model.name,
            hint="give table= where it is taken; a dict does not know its TypedDict, nor its table"
            if model.cls is dict
            else f'put @liteorm.table("...") on {model.name}, or give table= where it is taken',
        )
    return model.table


def refuse_unbound(model: Model, obj: Any) -> None:
    """Refuse an object whose class does not say as what its values are to be read back.

    Raises:
        ModelError: A field of a type variable has an object or a member of an enum.
    """
    if Any not in get_args(model.bound):
        return
    for field in model.fields:
        value = value_of(model, field, obj)
        parts: Iterable[Any] = (value,)
        if isinstance(value, list | tuple | set | frozenset):
            parts = cast("Iterable[Any]", value)
        for part in parts:
            if "any" in _kinds(field.hint) and (isinstance(part, Enum) or is_model(type(part))):
                raise ModelError(
                    f"{model.cls.__name__}.{field.init_name} is of a type variable: nothing says "
                    f"that {type(part).__qualname__} is what it is to be read back as",
                    model=model.cls.__name__,
                    field=field.name,
                    hint=f"give returning={model.cls.__name__}[…], with its type arguments",
                )


def _kinds(hint: Hint) -> set[str]:
    return {hint.kind}.union(*(_kinds(arg) for arg in hint.args))


def is_class(given: object) -> bool:
    """Tell whether it is a class, or a generic one with arguments."""
    return isinstance(given, type) or isinstance(get_origin(given), type)


def _lent(model: Model, given: object) -> Table:
    """Return the table of another class, its key in the words of this one."""
    if not is_class(given):
        raise TypeError(
            f"table= takes a name or the class whose table it is, not {type(given).__name__}"
        )
    lender = model_of(given)
    table = table_for(lender)
    if lender is model:
        return table

    def here(name: str) -> str:
        field = lender.field(name)
        found = model.by_column.get(field.column) if field is not None else None
        return name if found is None else found.init_name

    version = here(table.version) if table.version is not None else None
    return attrs.evolve(
        table,
        key=tuple(here(name) for name in table.key),
        version=version,
        guard=lender.field(table.version) if table.version is not None else None,
    )


def fields_named(model: Model, names: str | Iterable[str], argument: str) -> tuple[Field, ...]:
    """Return the fields with these names.

    Raises:
        ModelError: There is no such field.
    """
    found: list[Field] = []
    for name in (names,) if isinstance(names, str) else names:
        field = model.field(name)
        if field is None:
            known = [field.init_name for field in model.fields]
            near = near_name(str(name), known)
            raise ModelError(
                f"{argument}: {model.name} has no field {name!r}, it has {', '.join(known)}",
                model=model.name,
                field=str(name),
                hint=f"did you mean {near!r}?" if near else None,
            )
        if field not in found:
            found.append(field)
    return tuple(found)


def sent_fields(model: Model, columns: str | Iterable[str] | None = None) -> tuple[Field, ...]:
    """Return the fields that are sent: those asked for, else all that the database does not fill.

    Raises:
        ModelError: One asked for is filled by the database, or there is none at all.
    """
    if columns is None:
        fields = tuple(field for field in model.fields if not field.generated)
    else:
        fields = fields_named(model, columns, "columns")
        for field in fields:
            if field.generated:
                raise ModelError(
                    f"columns: {model.name}.{field.init_name} is generated, it is never sent",
                    model=model.name,
                    field=field.name,
                )
    return some_fields(model, fields)


def some_fields(model: Model, fields: tuple[Field, ...]) -> tuple[Field, ...]:
    """Return the fields, of which there has to be one.

    Raises:
        ModelError: There is none.
    """
    if not fields:
        raise ModelError(
            f"{model.name} has no field to send",
            model=model.name,
            hint="every field is generated, a key or UNSET, or columns= is empty",
        )
    return fields


def unset_fields(model: Model, obj: Any) -> tuple[Field, ...]:
    """Return the fields whose value is UNSET."""
    if model.kind == "typeddict":
        return tuple(field for field in model.fields if obj.get(field.name) is UNSET)
    return tuple(field for field in model.fields if getattr(obj, field.name, None) is UNSET)


def without(fields: Iterable[Field], left_out: Sequence[Field]) -> tuple[Field, ...]:
    """Return the fields but for those left out."""
    return tuple(field for field in fields if field not in left_out)


def key_fields(model: Model, table: Table) -> tuple[Field, ...]:
    """Return the fields of the primary key.

    Raises:
        ModelError: The class does not say which they are.
    """
    if not table.key:
        raise ModelError(
            f"{model.name} has no key",
            model=model.name,
            hint="give conflict= the fields that say which row is in the place"
            if model.cls is dict
            else f'put @liteorm.table("{table.text}", key="...") on {model.name}, or give conflict='
            " where it is taken",
        )
    return fields_named(model, table.key, "key")


@attrs.frozen
class Version:
    """The column that tells whether a row has been written since it was read.

    Args:
        field: The field; of the class that lends the table if the objects' own has none.
        raised: Each update raises it; else the database changes it.
        known: The objects have it.
    """

    field: Field
    raised: bool
    known: bool


def version_of(model: Model, table: Table) -> Version | None:
    """Return what guards the rows of a table against lost updates, if anything does."""
    if table.version is None:
        return None
    field = model.field(table.version)
    if field is not None:
        return Version(field, not field.generated, True)
    lent = table.guard
    return Version(lent, not lent.generated, False) if lent is not None else None


def conflict_fields(
    model: Model, table: Table, conflict: str | Iterable[str] | None, sent: Sequence[Field]
) -> tuple[Field, ...]:
    """Return the fields whose unique constraint decides between INSERT and UPDATE.

    What the database fills may be among them if it is asked for: it may compute it of what is sent.

    Raises:
        ModelError: One of them is not sent, so that it could never be in conflict.
    """
    fields = (
        key_fields(model, table) if conflict is None else fields_named(model, conflict, "conflict")
    )
    if not fields:
        raise ModelError("conflict: expected at least one field", model=model.name)
    for field in fields:
        if field not in sent and not (field.generated and conflict is not None):
            raise never_in_conflict(
                model, field, "generated, never sent" if field.generated else "UNSET, not sent"
            )
    return fields


def never_in_conflict(model: Model, field: Field, how: str) -> ModelError:
    """Return the error for a field of a conflict which no row can have the value of."""
    return ModelError(
        f"{model.name}.{field.init_name} is {how}, and so never in conflict with a row",
        model=model.name,
        field=field.name,
        hint="give conflict= the fields of another unique constraint",
    )


def written_fields(
    model: Model, table: Table, names: str | Iterable[str] | None, argument: str = "columns"
) -> tuple[Field, ...]:
    """Return the fields that an update by key writes: those asked for, else all it may write.

    Raises:
        ModelError: One asked for is no field, or one that an update does not write.
    """
    keys = key_fields(model, table)
    version = version_of(model, table)
    guard = version.field if version is not None else None
    if names is None:
        return tuple(
            f for f in model.fields if not f.generated and f not in keys and f is not guard
        )
    fields = fields_named(model, names, argument)
    for field in fields:
        reason: tuple[str, str | None] | None = None
        if field in keys:
            reason = "the key, which says which row it is", "delete the row and insert another"
        elif field.generated:
            reason = "generated, it is never sent", None
        elif field is guard:
            reason = "the version, which is raised by itself", "leave it out"
        if reason is not None:
            raise ModelError(
                f"{argument}: {model.name}.{field.init_name} is {reason[0]}",
                model=model.name,
                field=field.name,
                hint=reason[1],
            )
    return fields


def update_fields(
    model: Model, names: str | Iterable[str] | None, sent: Sequence[Field], others: Sequence[Field]
) -> tuple[Field, ...]:
    """Return the fields that an upsert writes to a row that is there.

    Args:
        model: The model of the objects.
        names: Those asked for; none of them is UNSET here.
        sent: The fields that are sent.
        others: What is written if none were asked for.

    Raises:
        ModelError: One asked for is no field, or filled by the database.
    """
    if names is None:
        return tuple(others)
    fields = fields_named(model, names, "update")
    for field in fields:
        if field.generated:
            raise ModelError(
                f"update: {model.name}.{field.init_name} is generated, it is never sent",
                model=model.name,
                field=field.name,
            )
    return tuple(field for field in fields if field in sent)


def names_tuple(names: object, argument: str) -> tuple[str, ...] | None:
    """Return names as they are kept: one or several become a tuple.

    Raises:
        TypeError: It is neither a name nor several.
    """
    if names is None:
        return None
    if isinstance(names, str):
        return (names,)
    given: Any = names
    found: tuple[Any, ...] | None = tuple(given) if isinstance(names, Iterable) else None
    if found is None or not all(isinstance(name, str) for name in found):
        raise TypeError(f"{argument} takes field names, one or several")
    return found


def conflict_of(conflict: object) -> tuple[str, ...] | Sql | Constraint | None:
    """Return what an upsert may run into, as it is kept.

    Raises:
        TypeError: It is none of the things that it may be.
        ValueError: It is SQL with values in it.
    """
    if isinstance(conflict, Sql) and values_in(conflict):
        raise ValueError(
            "conflict= names an index, which holds no values: write them into the text"
        )
    if isinstance(conflict, Sql | Constraint):
        return conflict
    return names_tuple(conflict, "conflict")


def changes_of(model: Model, changes: Any) -> dict[str, Any]:
    """Return what is to be changed, by the names that were given.

    Args:
        model: The model whose fields are changed, for messages.
        changes: A mapping, or an object of any class of which the fields that are set count.

    Raises:
        TypeError: It is neither.
    """
    given: Mapping[Any, Any]
    cls: Any = changes.__class__
    if issubclass(cls, Mapping):
        given = changes
    elif hasattr(cls, "model_fields") and hasattr(changes, "model_fields_set"):
        given = {name: getattr(changes, name) for name in changes.model_fields_set}
    elif hasattr(cls, "__struct_fields__"):
        given = {name: getattr(changes, name) for name in cls.__struct_fields__}
    elif is_model(cls):
        own = model_of(cls)
        given = {field.init_name: value_of(own, field, changes) for field in own.fields}
    else:
        raise TypeError(
            f"the changes of {model.name} are a mapping of field names or an object with fields, "
            f"not {cls.__name__}"
        )
    return {name: value for name, value in given.items() if value is not UNSET}


def refuse_unset(model: Model, fields: Iterable[Field], obj: Any, why: str) -> None:
    """Refuse an object that does not say which row it is, or how old it is.

    Raises:
        DataError: One of the fields is UNSET.
    """
    for field in fields:
        if value_of(model, field, obj) is UNSET:
            raise DataError(
                f"{model.name}.{field.init_name} is UNSET: {why}",
                field=field.init_name,
                column=field.column,
            )


def value_of(model: Model, field: Field, obj: Any) -> Any:
    """Return what an object has for a field, its codec not yet applied."""
    return obj[field.name] if model.kind == "typeddict" else getattr(obj, field.name)


_ONE_VALUE = frozenset({"scalar", "enum", "literal"})
"""Kinds of annotations that no tuple is a value of."""


def key_parts(model: Model, keys: Sequence[Field], key: Any) -> list[Any]:
    """Return the value of each field of a key: one value, or a tuple (or list) for several.

    A tuple will do for one field too, unless the field itself may hold one.

    Raises:
        ModelError: It has another number of values than the key has fields.
    """
    one = len(keys) == 1 and not (isinstance(key, tuple) and keys[0].hint.kind in _ONE_VALUE)
    values: list[Any] = [*key] if not one and isinstance(key, tuple | list) else [key]
    if len(values) != len(keys):
        wanted = "one value" if len(keys) == 1 else f"a tuple of {len(keys)} values"
        raise ModelError(
            f"the key of {model.name} is ({', '.join(f.init_name for f in keys)}): expected "
            f"{wanted}, got {len(values)}",
            model=model.name,
        )
    return values


def key_values(model: Model, keys: Sequence[Field], key: Any) -> list[Any]:
    """Return the parameters for a key, codecs applied.

    Raises:
        ModelError: It has another number of values than the key has fields.
    """
    return [
        field.encode(value) if field.encode is not None and value is not None else value
        for field, value in zip(keys, key_parts(model, keys, key), strict=True)
    ]
