"""What the driver and the server say, without the values that they quote.

A log prints the exception that an error of ours is chained to as well, with its text.
"""

from __future__ import annotations

import re
from typing import Any, Final

import psycopg

from liteorm._core.patterns import pattern

__all__ = ["cut_values", "hush", "quotes_values", "said", "without_quotes", "without_values"]

_QUOTED: Final = pattern(r"'[^']*'|\"[^\"]*\"")
_SYNTAX: Final = "42601"
_VALUES: Final = ("22", "54", "XX")
"""Classes of errors about data, its size, and what an extension says without a class."""
_LINKS: Final = 10
"""So long a chain is looked at; it may go in a circle."""
# What is quoted after one of these words is a name.
_NAMES: Final = pattern(
    r'[^"]*\b(type|parameter|encoding|column|relation|domain|function|constraint|enum|role|index|file)'
    r' "[^"]*"'
)
# Numbers and bytes that stand without quotes: `date out of range: 12345-01-01`, `index 7 out of`.
_NUMBER: Final = r"[-+]?\d[^ ,]*"
_BARE: Final = pattern(
    r"(?<=: )[-+]?\d.*"
    rf"|(?<=index ){_NUMBER}|(?<=value ){_NUMBER}|(?<=parameter ){_NUMBER}"
    r"|\b0x[0-9a-f]{2}(?: 0x[0-9a-f]{2})*",
    re.DOTALL,
)
# A placeholder, as the server sees it.
_PLACEHOLDER: Final = pattern(r"\$\d+")


def without_quotes(text: str) -> str:
    """Cut out what the driver quotes in its own sentence."""
    return _QUOTED.sub("…", text)


def without_values(text: str) -> str:
    """Cut the value out of what the server says of data that it cannot take.

    It stands in quotes, which it may itself contain: all goes from the first that does not
    belong to a name up to the last. In other languages the names go too.
    """
    kept = 0
    while (name := _NAMES.match(text, kept)) is not None:
        kept = name.end()
    first, last = text.find('"', kept), text.rfind('"')
    text = text if first < 0 else f'{text[:first]}"…"{text[last + 1 :]}'
    return _BARE.sub("…", text)


def cut_values(message: str, fields: dict[str, Any]) -> str:
    """Cut values out of what is shown of an error, its hint too; the detail gets the whole."""
    hint = fields["hint"]
    shown, advised = without_values(message), None if hint is None else without_values(hint)
    whole = (
        message if message != shown else None,
        fields["detail"],
        hint if hint != advised else None,
    )
    fields["hint"], fields["detail"] = advised, "; ".join(filter(None, whole)) or None
    return shown


def hush(exc: BaseException, sql: str | None = None) -> None:
    """Let an exception that is about to be chained show no value; its attributes stay."""
    found: BaseException | None = exc
    for _ in range(_LINKS):
        if found is None:
            return
        is_drivers = isinstance(found, psycopg.Error)
        if is_drivers or type(found).__module__ == "builtins":
            _cut(found, sql)
        around = found.__context__
        # What is being handled around the call is the user's.
        found = found.__cause__ or (around if isinstance(around, psycopg.Error) else None)


def quotes_values(exc: psycopg.Error, sql: str | None = None) -> bool:
    """Say whether what the server quotes may be of a value.

    Also in a syntax error that is at no place of the statement: one in words to be searched for,
    or at one that the statement has not as it was written: in a type's name, or in a parameter.
    """
    code = exc.sqlstate or ""
    if code != _SYNTAX:
        return code.startswith(_VALUES)
    if exc.diag.statement_position is None and exc.diag.internal_position is None:
        return True
    _, _, quoted = (exc.diag.message_primary or "").partition('"')
    word = quoted.rpartition('"')[0]
    return sql is not None and word not in sql and _PLACEHOLDER.fullmatch(word) is None


def _cut(exc: BaseException, sql: str | None) -> None:
    if isinstance(exc, psycopg.Error) and exc.diag.message_primary is not None:
        text = exc.diag.message_primary
        exc.args = (without_values(text) if quotes_values(exc, sql) else text,)
    elif isinstance(exc, UnicodeEncodeError):
        # Its words are made of what could not be encoded, of which it holds the whole.
        exc.object = ""
        exc.args = (exc.encoding, "", exc.start, exc.end, exc.reason)
    elif isinstance(exc, UnicodeDecodeError):
        exc.object = b""
        exc.args = (exc.encoding, b"", exc.start, exc.end, exc.reason)
    elif isinstance(exc, psycopg.DataError) or not isinstance(exc, psycopg.Error):
        # Others of the driver's own quote no values but names, of types and hosts.
        exc.args = tuple(without_quotes(arg) if type(arg) is str else arg for arg in exc.args)


def said(exc: BaseException) -> str:
    """Return what an exception says, for a log."""
    hush(exc)
    given: Any = getattr(exc, "sqlstate", None)
    return f"{type(exc).__name__}: {exc}" + (f" ({given})" if given else "")
