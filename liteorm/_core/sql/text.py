"""SQL text that is not a plain string: identifiers chosen at run time, and t-strings.

psycopg replaces `%s` and turns `%%` into `%` only when parameters come with the statement. So a
`Sql` keeps its identifiers apart until that is known, and doubles the `%` in a name only then.
"""

import string
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, LiteralString, TypeAlias

from attrs import frozen

from liteorm.errors import DataError

if TYPE_CHECKING and sys.version_info >= (3, 14):  # pragma: no cover (for type checkers)
    from string.templatelib import Template


def quoted(*names: str) -> str:
    """Return an identifier, or several joined by dots, in double quotes: case counts."""
    if not names:
        raise TypeError("an identifier needs at least one name")
    return ".".join('"' + _checked(name).replace('"', '""') + '"' for name in names)


def _checked(name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(f"an identifier is a str, not {type(name).__name__}")
    if not name:
        raise DataError("an identifier has at least one character, got an empty one")
    if "\0" in name:
        raise DataError("an identifier cannot contain the character NUL")
    return name


@frozen(init=False, repr=False)
class Ident:
    """Hold the name of a table, column or other object of the database, to be quoted.

    Several names are a qualified one. Names are always quoted, so case counts and every character
    but NUL is allowed.

    Raises:
        DataError: A name is empty or contains NUL.

    Example:
        >>> liteorm.Ident("app", "Users")
        Ident('app', 'Users')
    """

    names: tuple[str, ...]

    def __init__(self, *names: str) -> None:
        quoted(*names)
        object.__setattr__(self, "names", names)

    def __repr__(self) -> str:
        return f"Ident({', '.join(map(repr, self.names))})"

    def __str__(self) -> str:
        return quoted(*self.names)


@frozen(repr=False)
class Sql:
    """Hold SQL text with quoted identifiers in it; what `sql` returns.

    Sessions and `statement` take it wherever they take SQL. It holds no values: these go through
    placeholders.
    """

    _parts: tuple[str | Ident, ...]

    def text(self, *, escape: bool = False) -> str:
        """Return the SQL.

        Args:
            escape: Double each `%` in an identifier, as a statement sent with parameters needs it.
        """
        return "".join(_part_text(part, escape) for part in self._parts)

    def join(self, parts: "Iterable[Ident | Sql]") -> "Sql":
        """Return the parts with this text between them.

        Example:
            >>> liteorm.sql(", ").join([liteorm.Ident("id"), liteorm.Ident("name")]).text()
            '"id", "name"'
        """
        joined: list[str | Ident] = []
        for number, part in enumerate(parts):
            if number:
                joined += self._parts
            joined += _flat(part)
        return Sql(tuple(joined))

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"Sql({self.text()!r})"


if TYPE_CHECKING and sys.version_info >= (3, 14):  # pragma: no cover (for type checkers)
    SqlText: TypeAlias = LiteralString | Sql | Template
else:
    SqlText: TypeAlias = LiteralString | Sql


def sql(text: LiteralString, *parts: Ident | Sql, **named: Ident | Sql) -> Sql:
    """Return SQL with identifiers, or other pieces of SQL, put in for `{}` and `{name}`.

    Strings are refused: an identifier is an `Ident`, a value goes through a placeholder.
    `{{` and `}}` are plain braces.

    Raises:
        TypeError: A part is neither an `Ident` nor a `Sql`.
        ValueError: The braces and the parts do not match.

    Example:
        >>> liteorm.sql("SELECT id FROM users ORDER BY {}", liteorm.Ident("name")).text()
        'SELECT id FROM users ORDER BY "name"'
    """
    result: list[str | Ident] = []
    waiting = iter(parts)
    unused = set(named)
    for literal, name, spec, conversion in string.Formatter().parse(text):
        if literal:
            result.append(literal)
        if name is None:
            continue
        if spec or conversion:
            raise ValueError(f"{{{name}}} takes neither a format nor a conversion")
        unused.discard(name)
        result += _flat(named[name] if name in named else _next(name, waiting))
    left = [*unused, *("{}" for _ in waiting)]
    if left:
        raise ValueError(f"the SQL has no place for {len(left)} of the parts: {', '.join(left)}")
    return Sql(tuple(result))


def _next(name: str, waiting: Iterator[Ident | Sql]) -> Ident | Sql:
    if name:
        raise ValueError(f"the SQL names {{{name}}}, which is not among the parts")
    for part in waiting:
        return part
    raise ValueError("the SQL has more {} than there are parts")


def _flat(part: object) -> tuple[str | Ident, ...]:
    if isinstance(part, Sql):
        return part._parts
    if isinstance(part, Ident):
        return (part,)
    raise TypeError(
        f"a part of SQL is an Ident or a Sql, not {type(part).__name__}; "
        "a value goes through a placeholder (%s)"
    )


def _part_text(part: str | Ident, escape: bool) -> str:
    if isinstance(part, str):
        return part
    return str(part).replace("%", "%%") if escape else str(part)


def rendered(text: object, params: Any = None) -> tuple[str, Any]:
    """Return what the driver takes, text and parameters, for a str, a `Sql` or a t-string.

    Raises:
        TypeError: `text` is of another type, or a t-string comes with `params` of its own.
    """
    if isinstance(text, str):
        return text, params
    if isinstance(text, Sql):
        return text.text(escape=params is not None), params
    if is_template(text):
        if params is not None:
            raise TypeError("a t-string carries its own values; params must be None")
        return _template_text(text)
    raise TypeError(f"SQL is a str, a Sql or a t-string, not {type(text).__name__}")


def is_template(text: object) -> bool:
    """Return whether this is what a t-string of Python 3.14 evaluates to."""
    # Named, not imported: string.templatelib is not there before 3.14 and not needed after.
    kind = type(text)
    return kind.__name__ == "Template" and kind.__module__ == "string.templatelib"


def _template_text(template: Any) -> tuple[str, list[Any] | None]:
    parts: list[str | Ident] = []
    values: list[Any] = []
    _read_template(template, parts, values)
    if not values:
        return "".join(_part_text(part, False) for part in parts), None
    return "".join(_PLACEHOLDER if part is _VALUE else _escaped(part) for part in parts), values


def _escaped(part: str | Ident) -> str:
    return str(part).replace("%", "%%")


_PLACEHOLDER = "%s"
_VALUE = Ident("value")  # stands for a placeholder until the text around it has been escaped


def _read_template(template: Any, parts: list[str | Ident], values: list[Any]) -> None:
    for item in template:
        if isinstance(item, str):
            parts.append(item)
        else:
            _read_interpolation(item, parts, values)


def _read_interpolation(item: Any, parts: list[str | Ident], values: list[Any]) -> None:
    value, where = item.value, f"{{{item.expression}}}"
    if item.conversion:
        raise ValueError(f"{where} in a t-string takes no conversion (!{item.conversion})")
    if item.format_spec == "i":
        if not isinstance(value, str | Ident):
            raise TypeError(
                f"{where} is an identifier: a str or an Ident, not {type(value).__name__}"
            )
        parts.append(Ident(value) if isinstance(value, str) else value)
    elif item.format_spec:
        raise ValueError(
            f"{where} in a t-string takes no format but :i (an identifier), got :{item.format_spec}"
        )
    elif is_template(value):
        _read_template(value, parts, values)
    elif isinstance(value, Ident | Sql):
        parts += _flat(value)
    else:
        parts.append(_VALUE)
        values.append(value)
