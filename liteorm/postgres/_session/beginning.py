"""How a transaction begins: its options, its settings and its role, in one message."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, cast

import attrs

from liteorm._core.patterns import pattern
from liteorm._core.sql.text import quoted
from liteorm.errors import DataError

__all__ = ["Begin", "begin_of"]

_ISOLATION: Final = ("read uncommitted", "read committed", "repeatable read", "serializable")
_PATH: Final = "SELECT pg_catalog.current_schemas(true)::text"
LIMIT: Final = (
    "SELECT (1000 * extract(epoch FROM pg_catalog.current_setting('statement_timeout')"
    "::pg_catalog.interval))::pg_catalog.int8::pg_catalog.text"
)
# What SET takes as one name, and set_config as a list of them; extensions cannot add to these.
_LISTS: Final = frozenset(
    {
        *("search_path", "temp_tablespaces", "local_preload_libraries"),
        *("session_preload_libraries", "shared_preload_libraries", "unix_socket_directories"),
    }
)
_LONGEST: Final = 63
_PLAIN_PATH: Final = pattern(r"[a-z_][a-z0-9_]{0,62}(?:, [a-z_][a-z0-9_]{0,62})*")
"""A path that SET, given its names one by one, shows as it was given."""
_QUOTED: Final = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary
    bit boolean both case cast char character check coalesce collate collation column
    concurrently constraint create cross current_catalog current_date current_role
    current_schema current_time current_timestamp current_user dec decimal default deferrable
    desc distinct do else end except exists extract false fetch float for foreign freeze from
    full grant greatest group grouping having ilike in initially inner inout int integer
    intersect interval into is isnull join json json_array json_arrayagg json_exists
    json_object json_objectagg json_query json_scalar json_serialize json_table json_value
    lateral leading least left like limit localtime localtimestamp merge_action national
    natural nchar none normalize not notnull null nullif numeric offset on only or order out
    outer overlaps overlay placing position precision primary real references returning right
    row select session_user setof similar smallint some substring symmetric system_user table
    tablesample then time timestamp to trailing treat trim true union unique user using values
    varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
"""Those of pg_get_keywords() that are quoted when a path is shown."""
_KEYWORDS: Final = frozenset(_QUOTED.split())


# Not frozen, which costs half of making one.
@attrs.define(eq=False, repr=False)
class Begin:
    """The beginning of a transaction.

    Args:
        sent: What is sent, several statements at once, with the questions.
        shown: The same for observers and errors, with placeholders: a setting may be a secret.
        params: What stands behind the placeholders, None if there are none.
        read_only: Whether writes are refused.
        moves: The values that may change where names are looked for, None if none does; if one
            does the path is told after it.
        limit: The statement_timeout that it sets, as given; asked for at last, in milliseconds.
        unasked: What is sent where it is known what all that means; None where nothing is asked.
    """

    sent: str
    shown: str
    params: tuple[str, ...] | None
    read_only: bool | None
    moves: tuple[str, ...] | None = None
    limit: str | None = None
    unasked: str | None = None


def begin_of(
    isolation: str | None,
    read_only: bool | None,
    deferrable: bool | None,
    settings: Mapping[str, Any] | None,
    role: str | None,
) -> Begin:
    """Return the beginning of a transaction with these options.

    Raises:
        ValueError: The isolation is none of PostgreSQL's, a setting has no name.
        TypeError: A setting is None, or of a class that no setting has.
        DataError: One contains NUL.
    """
    begin = _words(isolation, read_only, deferrable)
    if settings is None and role is None:
        return Begin(begin, begin, None, read_only)
    pairs = _pairs(settings)
    if role is not None:
        # As SET LOCAL ROLE does, and last: the role may not be allowed to set the others.
        pairs.append(("role", _role(role)))
    if not pairs:
        return Begin(begin, begin, None, read_only)
    names = tuple([name for name, _ in pairs])
    values = tuple([value for _, value in pairs])
    form = _form(begin, names)
    literals = [_literal(value) for value in values]
    if form.path is not None and (path := _path_names(values[form.path])) is not None:
        literals[form.path] = path
        form = _form(begin, names, True)
    sent = form.sent.format(*literals)
    if form.unasked is None:
        return Begin(sent, form.shown, values, read_only)
    moves = tuple([values[at] for at in form.moves]) if form.moves else None
    limit = None if form.limit is None else values[form.limit]
    return Begin(sent, form.shown, values, read_only, moves, limit, form.unasked.format(*literals))


@lru_cache(256)
def _words(isolation: str | None, read_only: bool | None, deferrable: bool | None) -> str:
    words = ["BEGIN"]
    if isolation is not None:
        if isolation not in _ISOLATION:
            raise ValueError(f"isolation must be one of {', '.join(_ISOLATION)}, not {isolation!r}")
        words.append(f"ISOLATION LEVEL {isolation.upper()}")
    if read_only is not None:
        words.append("READ ONLY" if read_only else "READ WRITE")
    if deferrable is not None:
        words.append("DEFERRABLE" if deferrable else "NOT DEFERRABLE")
    return " ".join(words)


@attrs.frozen
class _Form:
    """What beginnings with the same names have in common."""

    sent: str
    """The text, with {} for the values."""
    shown: str
    moves: tuple[int, ...]
    """Where those stand that may change where names are looked for."""
    limit: int | None
    """Where the statement_timeout stands that counts, the last one."""
    unasked: str | None
    """The text without its questions, if it has any."""
    path: int | None
    """Where the search_path stands."""


@lru_cache(256)
def _form(begin: str, names: tuple[str, ...], plain_path: bool = False) -> _Form:
    lower = [name.lower() for name in names]
    moving = ("search_path", "role", "session_authorization")
    moves = tuple([at for at, name in enumerate(lower) if name in moving])
    limits = [at for at, name in enumerate(lower) if name == "statement_timeout"]
    settings = [_setting(name, plain_path) for name in names]
    asked = [*([_PATH] if moves else []), *([LIMIT] if limits else [])]
    return _Form(
        sent="; ".join([begin, *settings, *asked]),
        shown="; ".join([begin, *(text.format("%s") for text in settings)]),
        moves=moves,
        limit=limits[-1] if limits else None,
        unasked="; ".join([begin, *settings]) if asked else None,
        # Given twice, in other letters, it is not worth a thought.
        path=lower.index("search_path") if lower.count("search_path") == 1 else None,
    )


def _setting(name: str, plain_path: bool) -> str:
    """Return what sets it, to {}, until the end; SET costs a fourth of what a SELECT does."""
    parts = name.split(".")
    listed = name.lower() in _LISTS and not (plain_path and name.lower() == "search_path")
    if listed or not all(0 < len(part.encode()) <= _LONGEST for part in parts):
        # Without a column: see `AsyncWire.begin`.
        return f"SELECT FROM pg_catalog.set_config({_braced(_literal(name))}, {{}}, true)"
    return f"SET LOCAL {_braced(quoted(*parts))} = {{}}"


@lru_cache(256)
def _path_names(path: str) -> str | None:
    """Return the names of a path one by one, as SET takes them, if that shows no other path."""
    if not _PLAIN_PATH.fullmatch(path):
        return None
    names = path.split(", ")
    if any(name in _KEYWORDS for name in names):
        return None
    return ", ".join([f"'{name}'" for name in names])


def _braced(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _pairs(settings: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if settings is None:
        return []
    # An abstract class is asked only about what is not a dict: this is most of a call's time.
    if settings.__class__ is not dict and not isinstance(settings, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"settings is a mapping of names to values, not {type(settings).__name__}")
    return [(_name(name), _value(name, value)) for name, value in settings.items()]


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"the name of a setting is a str, not {type(name).__name__}")
    if not name:
        raise ValueError("a setting needs a name")
    return _without_nul(name, "the name of a setting")


def _value(name: str, value: Any) -> str:
    if value.__class__ is str and "\0" not in value:
        return cast("str", value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _without_nul(str.__str__(value), f"settings[{name!r}]")
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return float.__repr__(value)
    if isinstance(value, Decimal):
        return str(value)
    if value is None:
        raise TypeError(
            f"settings[{name!r}] is None, and a setting is never NULL: leave it out, or give ''"
        )
    raise TypeError(
        f"settings[{name!r}] is a str, a number or a bool, not {type(value).__name__}: "
        "give it as a str"
    )


def _role(role: Any) -> str:
    if not isinstance(role, str):
        raise TypeError(f"role is a str, not {type(role).__name__}")
    if not role:
        raise ValueError("role is the name of a role, got an empty one")
    return _without_nul(role, "role")


def _without_nul(text: str, what: str) -> str:
    if "\0" in text:
        raise DataError(f"{what} cannot contain the character NUL")
    return text


def _literal(text: str) -> str:
    # With a backslash in the form that means the same whatever standard_conforming_strings is.
    if "\\" in text:
        return " E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    return "'" + text.replace("'", "''") + "'"
