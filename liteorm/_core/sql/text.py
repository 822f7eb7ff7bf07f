"""SQL text that is not a plain string: names and values put in at run time, and t-strings.

psycopg replaces `%s` and turns `%%` into `%` only when parameters come with the statement. So a
`Sql` keeps its parts apart until that is known, and doubles the `%` that is meant as one only then.
"""

from __future__ import annotations

import functools
import string
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, LiteralString, Never, TypeAlias

from attrs import frozen

from liteorm._core.patterns import pattern
from liteorm._core.sql.lexer import TEXTS, place, tokens
from liteorm.errors import DataError, StatementError

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


@frozen
class _Value:
    """A value, for which a placeholder stands in the text."""

    value: Any

    def __hash__(self) -> int:
        # A list or a dict may be equal to another, and has no hash.
        return hash(_Value)


@frozen
class _Verbatim:
    """Text in which a % is a %, as in t-strings."""

    text: str


_Part: TypeAlias = str | Ident | _Value | _Verbatim


@frozen(init=False, repr=False)
class Sql:
    """Hold SQL text with quoted names and with values in it; what `sql` and `columns` return.

    Sessions and `statement` take it wherever they take SQL, and `sql` takes it in braces. Its
    values are sent as parameters; with none in it, it may have placeholders like any other text.
    """

    _parts: tuple[_Part, ...]

    def __init__(self, *made_by_sql: Never) -> None:
        raise TypeError(
            "Sql is not made of text: write liteorm.sql(...), with {} for what is put in"
        )

    def text(self, *, escape: bool = False) -> str:
        """Return the SQL, with `%s` for each value.

        Args:
            escape: Double each `%` in an identifier, as a statement sent with parameters needs it;
                where there are values, it is done in any case.
        """
        return _text(self._parts, escape)

    def join(self, parts: Iterable[object]) -> Sql:
        """Return the parts with this text between them; a part is what may stand in braces.

        Example:
            >>> liteorm.sql(", ").join([liteorm.Ident("id"), liteorm.Ident("name")]).text()
            '"id", "name"'
        """
        joined: list[_Part] = []
        for number, part in enumerate(parts):
            if number:
                joined += self._parts
            joined += _flat(part)
        return made(joined)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        # Without the values: a repr ends up in logs.
        return f"Sql({self.text()!r})"


def made(parts: Iterable[_Part]) -> Sql:
    """Return a `Sql` of these parts."""
    result = object.__new__(Sql)
    object.__setattr__(result, "_parts", tuple(parts))
    return result


if TYPE_CHECKING and sys.version_info >= (3, 14):  # pragma: no cover (for type checkers)
    SqlText: TypeAlias = LiteralString | Sql | Template
else:
    SqlText: TypeAlias = LiteralString | Sql


def sql(text: LiteralString, /, *parts: object, **named: object) -> Sql:
    """Return SQL with what is given put in for `{}`, `{0}` and `{name}`.

    An `Ident` is quoted, a `Sql` is put in as it is, and any other value is sent as a parameter: a
    string is never put into the text. `{:i}` takes a name as a string and quotes it. `{{` and `}}`
    are braces. Where values are put in a `%` is just a `%`.

    Raises:
        ValueError: The braces and the parts do not match.

    Example:
        >>> by = liteorm.Ident("name")
        >>> print(liteorm.sql("SELECT id FROM users WHERE team = {} ORDER BY {by}", 7, by=by))
        SELECT id FROM users WHERE team = %s ORDER BY "name"
    """
    result: list[_Part] = []
    given = _Given(parts, named)
    for literal, name, spec, conversion in _parsed(text):
        if literal:
            result.append(literal)
        if name is None:
            continue
        if conversion or spec not in ("", "i"):
            raise ValueError(f"{{{name}}} takes neither a format nor a conversion")
        part = given.take(name)
        result += [_identifier(part, f"{{{name}}}")] if spec else _flat(part)
    given.check()
    return made(result)


def _parsed(text: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(string.Formatter().parse(text))
    except ValueError:
        raise ValueError(
            "the SQL has a { without its }, or a } without its {: for a brace of the SQL's own "
            "write it twice, {{ or }}"
        ) from None


class _Given:
    """The parts that a text has braces for, and which of them have been put in."""

    def __init__(self, parts: tuple[object, ...], named: Mapping[str, object]) -> None:
        self._parts = parts
        self._named = named
        self._unused = {*range(len(parts)), *named}
        self._next = 0
        self._counted = False

    def take(self, name: str) -> object:
        """Return the part that belongs into `{name}`."""
        if name in self._named:
            self._unused.discard(name)
            return self._named[name]
        if not name:
            place, self._next = self._next, self._next + 1
        elif name.isascii() and name.isdigit():
            place, self._counted = int(name), True
        else:
            raise ValueError(f"the SQL names {{{name}}}, which is not among the parts")
        if self._next and self._counted:
            raise ValueError("the SQL has both {} and {0}; use one of them")
        if place >= len(self._parts):
            if name:
                raise ValueError(
                    f"the SQL has {{{name}}}, and only {len(self._parts)} parts to count"
                )
            raise ValueError("the SQL has more {} than there are parts")
        self._unused.discard(place)
        return self._parts[place]

    def check(self) -> None:
        """Refuse parts that no braces are there for."""
        if self._unused:
            left = [each if isinstance(each, str) else "{}" for each in self._unused]
            raise ValueError(
                f"the SQL has no place for {len(left)} of the parts: {', '.join(sorted(left))}"
            )


def _identifier(value: object, where: str) -> Ident:
    if isinstance(value, str):
        return Ident(value)
    if isinstance(value, Ident):
        return value
    raise TypeError(f"{where} is an identifier: a str or an Ident, not {type(value).__name__}")


def _flat(part: object) -> Iterable[_Part]:
    """Return what a part in braces becomes."""
    if isinstance(part, Sql):
        return part._parts
    if isinstance(part, Ident):
        return (part,)
    if is_template(part):
        return _template_parts(part)
    return (_Value(part),)


def _text(parts: Iterable[_Part], escape: bool) -> str:
    parts = tuple(parts)
    holds_values = any(isinstance(part, _Value) for part in parts)
    return "".join(_part_text(part, escape or holds_values, holds_values) for part in parts)


def _part_text(part: _Part, escape: bool, holds_values: bool) -> str:
    if isinstance(part, _Value):
        return "%s"
    if isinstance(part, str):
        return part.replace("%", "%%") if holds_values else part
    text = part.text if isinstance(part, _Verbatim) else str(part)
    return text.replace("%", "%%") if escape else text


def rendered(text: object, params: Any = None) -> tuple[str, Any]:
    """Return what the driver takes, text and parameters, for a str, a `Sql` or a t-string.

    Raises:
        StatementError: A name or a value stands inside a literal or a comment.
        TypeError: `text` is of another type, or carries its own values and comes with `params`.
    """
    if isinstance(text, str):
        return text, params
    if is_template(text):
        if params is not None:
            raise TypeError(f"a t-string {_NO_PARAMS}")
        text = made(_template_parts(text))
    if not isinstance(text, Sql):
        raise TypeError(f"SQL is a str, a Sql or a t-string, not {type(text).__name__}")
    _check_places(text)
    values = values_in(text)
    if not values:
        return text.text(escape=params is not None), params
    if params is not None:
        raise TypeError(f"a Sql with values in it {_NO_PARAMS}")
    return text.text(), values


_NO_PARAMS = "carries its own values; params must be None: put all values into its braces"


_OPENING: Final = pattern(r"""['"$]|--|/\*""")
_LONGEST_REMEMBERED: Final = 10_000


def _check_places(sql: Sql) -> None:
    """Refuse names and values inside literals and comments.

    There a value would be lost, and a name could end the literal and go on as SQL.
    """
    pieces: list[str] = []
    places: list[tuple[int, str]] = []
    position, opened = 0, False
    for part in sql._parts:
        piece = _part_text(part, False, False)
        if isinstance(part, str | _Verbatim):
            opened = opened or _OPENING.search(piece) is not None
        elif opened:
            kind = "value" if isinstance(part, _Value) else "name$" if "$" in piece else "name"
            places.append((position, kind))
        pieces.append(piece)
        position += len(piece)
    if not places:
        return
    find = _misplaced if position <= _LONGEST_REMEMBERED else _misplaced.__wrapped__
    if (found := find("".join(pieces), tuple(places))) is not None:
        what, inside, line, hint = found
        raise StatementError(
            f"a {what} stands inside {inside} in line {line} of the SQL", hint=hint
        )


@functools.lru_cache(maxsize=256)
def _misplaced(text: str, places: tuple[tuple[int, str], ...]) -> tuple[str, str, int, str] | None:
    """Return the first name or value that is inside a token which is a text, and the remedy."""
    waiting = iter(places)
    position, kind = next(waiting)
    for token, start, end, _ in tokens(text):
        while position < end:
            # The body of a function or a DO block may well have names.
            body = token == "dollar" and kind == "name"
            if token in TEXTS and start < position and not body:
                what = kind.removesuffix("$")
                remedy = _REMEDY_FOR_VALUE if what == "value" else _REMEDY_FOR_NAME
                return what, _INSIDES[token], place(text, position)[0], remedy
            position, kind = next(waiting, (len(text), ""))
            if not kind:
                return None
    return None


_INSIDES: Final = {
    "comment": "a comment",
    "string": "a literal",
    "dollar": "a literal",
    "quoted": "a quoted name",
}
_REMEDY_FOR_VALUE: Final = "put the braces outside, and join texts in SQL: '%' || {} || '%'"
_REMEDY_FOR_NAME: Final = "an Ident brings its quotes along: put the braces outside"


def values_in(text: object) -> list[Any]:
    """Return the values in a `Sql` or a t-string, in the order of their placeholders."""
    if is_template(text):
        text = made(_template_parts(text))
    if not isinstance(text, Sql):
        return []
    return [part.value for part in text._parts if isinstance(part, _Value)]


def is_template(text: object) -> bool:
    """Return whether this is what a t-string of Python 3.14 evaluates to."""
    # Named, not imported: string.templatelib is not there before 3.14 and not needed after.
    kind = type(text)
    return kind.__name__ == "Template" and kind.__module__ == "string.templatelib"


def _template_parts(template: Any) -> Iterator[_Part]:
    for item in template:
        if isinstance(item, str):
            yield _Verbatim(item)
        else:
            yield from _interpolated(item)


def _interpolated(item: Any) -> Iterable[_Part]:
    value, where = item.value, f"{{{item.expression}}}"
    if item.conversion:
        raise ValueError(f"{where} in a t-string takes no conversion (!{item.conversion})")
    if item.format_spec == "i":
        return [_identifier(value, where)]
    if item.format_spec:
        raise ValueError(
            f"{where} in a t-string takes no format but :i (an identifier), got :{item.format_spec}"
        )
    return _flat(value)
