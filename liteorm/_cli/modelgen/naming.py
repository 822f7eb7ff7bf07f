"""Python names for PostgreSQL's: any name is allowed there, few are here."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Collection

# Used in annotations: a field of that name would hide it from the fields after it.
_USED_IN_ANNOTATIONS = frozenset(
    {
        *("annotated", "any", "attrs", "bool", "bytes", "column", "datetime", "decimal", "dict"),
        *("enum", "float", "int", "ipaddress", "list", "liteorm", "object", "self", "str", "tuple"),
        *("typing", "uuid", "dataclasses", "msgspec", "pydantic"),
    }
)


def class_name(name: str) -> str:
    """Return a name in CamelCase."""
    words = re.split(r"[\W_]+", _plain(name))
    camel = "".join(word[:1].upper() + word[1:] for word in words if word)
    # An upper-case letter first, so that no field can have the name of a class.
    if not camel or not camel[0].isupper():
        camel = f"T{camel}"
    return f"{camel}_" if keyword.iskeyword(camel) else camel


def field_name(column: str, taken: Collection[str] = (), reserved: Collection[str] = ()) -> str:
    """Return a column's name as a field: itself if it can be, else something like it."""
    name = column if _is_usual(column) else _snake(column)
    if keyword.iskeyword(name) or name in _USED_IN_ANNOTATIONS or name in reserved:
        name += "_"
    return _free(name, taken)


def field_names(columns: Collection[str], reserved: Collection[str] = ()) -> dict[str, str]:
    """Return the field of each column; one that can keep its name does."""
    given: dict[str, str] = {}
    for column in sorted(columns, key=lambda name: not _is_usual(name)):
        given[column] = field_name(column, given.values(), reserved)
    return given


def _is_usual(name: str) -> bool:
    return (
        name.isidentifier()
        and name == name.lower() == unicodedata.normalize("NFKC", name)
        and not name.startswith("_")
    )


def member_name(label: str, taken: Collection[str] = ()) -> str:
    """Return an enum label as the name of a member."""
    words = re.sub(r"\W+", "_", _plain(label)).strip("_").upper()
    if not words:
        words = "EMPTY" if not label.strip() else "VALUE"
    if not words.isidentifier():
        words = f"VALUE_{words}"
    return _free(words, taken)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name)


def _snake(name: str) -> str:
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", _plain(name))
    name = re.sub(r"\W+", "_", name).strip("_").lower()
    if not name:
        return "column_"
    return name if name.isidentifier() else f"column_{name}"


def _free(name: str, taken: Collection[str]) -> str:
    if name not in taken:
        return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"
