"""Commands that the server describes without looking at the names in them.

It analyses queries, changes and the few commands that hold a query (EXPLAIN, DECLARE, CREATE TABLE
AS) or look something up (CALL, SHOW). Of all others it reads the grammar alone until they run:
https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from liteorm._core.sql.lexer import tokens

_ANALYSED: Final = frozenset(
    {
        *("SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "WITH", "("),
        *("CALL", "SHOW"),
    }
)
_NAMELESS: Final = frozenset(
    {
        *("BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"),
        *("CHECKPOINT", "DISCARD", "LISTEN", "UNLISTEN", "NOTIFY"),
    }
)
"""Name nothing of a schema."""
_PREPARED: Final = frozenset({"FETCH", "MOVE", "CLOSE", "EXECUTE", "DEALLOCATE"})
"""Name a cursor or a prepared statement of the session."""
_TWO_WORDS: Final = frozenset(
    {"ALTER", "COMMENT", "CREATE", "DROP", "REFRESH", "REASSIGN", "SECURITY", "IMPORT", "SET"}
)
_MORE_WORDS: Final = frozenset(
    {
        *("OR", "REPLACE", "TEMP", "TEMPORARY", "LOCAL", "GLOBAL", "UNLOGGED", "RECURSIVE"),
        *("UNIQUE", "MATERIALIZED", "FOREIGN", "EVENT", "TEXT", "SEARCH", "DEFAULT", "TRUSTED"),
    }
)
_NO_SETTINGS: Final = frozenset(
    {"AUTHORIZATION", "CHARACTERISTICS", "CONSTRAINTS", "ROLE", "TRANSACTION"}
)
_NO_NAME: Final = frozenset({"ALL", "CATALOG", "NAMES", "SCHEMA", "SEED", "TIME", "XML"})
_DO: Final = "run it in a test: what it names is looked up only then"
_SESSION: Final = "run it in a test: what it gives is known only in the session that prepared it"


@attrs.frozen
class Inner:
    """A query that names what a command names, in pieces of the command's text and others."""

    pieces: tuple[tuple[str, int | None], ...]
    """Text, and where in the command it stands."""

    @property
    def sql(self) -> str:
        """The query."""
        return "".join(text for text, _ in self.pieces)

    def written(self, at: int) -> int | None:
        """Return where in the command a place in the query is."""
        for text, start in self.pieces:
            if at < len(text):
                return None if start is None else start + at
            at -= len(text)
        return None


@attrs.frozen
class Unread:
    """A command in which the server does not look at the names until it runs."""

    command: str
    """Its first words."""
    queries: tuple[Inner, ...] = ()
    """Name all that it names."""
    open: bool = False
    """What gives no rows by its description may give some."""
    parameters: bool = False
    """It takes parameters when it runs."""
    remedy: str | None = None
    """What is to be done if the queries are not all; None if they are."""


@attrs.frozen
class _Word:
    text: str
    """In capitals, quoted names and signs as they are."""
    start: int
    end: int
    depth: int


def unread_in(sql: str) -> Unread | None:
    """Return what the server does not look at in a statement, None if it looks at all of it."""
    first = next(_words(sql), None)
    if first is None or first.text in _ANALYSED:
        return None
    words = list(_words(sql))
    if words[0].text == "EXPLAIN":
        return _explained(words)
    if words[0].text == "DECLARE":
        return None
    reader = _READERS.get(words[0].text)
    found = None if reader is None else reader(sql, words)
    return found or _other(words)


def _words(sql: str) -> Iterator[_Word]:
    depth = 0
    for token in tokens(sql, placeholders=True):
        if token.kind in ("space", "comment", "end"):
            continue
        text = sql[token.start : token.end]
        depth -= text == ")"
        text = text.upper() if token.kind == "word" else text
        yield _Word(text, token.start, token.end, depth)
        depth += text == "("


def _other(words: list[_Word]) -> Unread | None:
    first = words[0].text
    if first in _NAMELESS or [word.text for word in words[:2]] == ["PREPARE", "TRANSACTION"]:
        return None
    if first in _PREPARED:
        gives = first in ("EXECUTE", "FETCH")
        return Unread(first, open=gives, remedy=_SESSION if gives else None)
    if first in ("SET", "RESET"):
        return _setting(words)
    command = _command(words)
    if command == "CREATE MATERIALIZED VIEW" or command == "CREATE TABLE":
        texts = [word.text for word in words if not word.depth]
        if "AS" in texts:
            if texts[texts.index("AS") + 1 :][:1] == ["EXECUTE"]:
                return Unread(f"{command} AS EXECUTE", remedy=_SESSION)
            return Unread(command, parameters=command == "CREATE TABLE")
    return Unread(command, remedy=_DO)


def _command(words: list[_Word]) -> str:
    """Return the words that name a command."""
    found = [words[0].text]
    if found[0] in _TWO_WORDS:
        skipped = ("OR", "REPLACE", "TEMP", "TEMPORARY", "LOCAL", "GLOBAL", "UNLOGGED", "RECURSIVE")
        for word in words[1:]:
            if word.text not in skipped:
                found.append(word.text)
            if word.text not in _MORE_WORDS:
                break
    return " ".join(found)


def _explained(words: list[_Word]) -> Unread | None:
    inner = [word for word in words[1:] if not word.depth and word.text not in "()"]
    skipped = ("ANALYZE", "ANALYSE", "VERBOSE")
    inner = [word for word in inner if word.text not in skipped]
    if inner and inner[0].text == "EXECUTE":
        return Unread("EXPLAIN EXECUTE", remedy=_SESSION)
    return None


def _setting(words: list[_Word]) -> Unread | None:
    rest = words[1:]
    if rest and words[0].text == "SET" and rest[0].text in ("LOCAL", "SESSION"):
        rest = rest[1:]
    if not rest or rest[0].text in _NO_NAME:
        return None
    if rest[0].text in _NO_SETTINGS:
        texts = [word.text for word in words]
        named = "CONSTRAINTS" in texts and "ALL" not in texts
        named = named or ("TRANSACTION" not in texts and texts[-1] not in ("NONE", "DEFAULT"))
        named = named and words[0].text == "SET" and "CHARACTERISTICS" not in texts
        return Unread(f"SET {rest[0].text}", remedy=_DO) if named else None
    if len(rest) > 1 and rest[1].text == ".":
        return None  # a setting of the application's own
    return Unread(f"{words[0].text} {rest[0].text.lower()}", (_named("SHOW ", rest[0]),))


def _named(before: str, first: _Word, last: _Word | None = None, sql: str = "") -> Inner:
    text = first.text.lower() if last is None else sql[first.start : last.end]
    return Inner(((before, None), (text, first.start)))


def _matching(words: list[_Word], index: int) -> int:
    """Return the index of the parenthesis that closes the one at `index`."""
    depth = words[index].depth
    closing = (n for n in range(index + 1, len(words)) if words[n].depth == depth)
    return next((n for n in closing if words[n].text == ")"), len(words) - 1)


def _after_name(words: list[_Word], index: int) -> int:
    """Return the index after a qualified name."""
    while index + 2 < len(words) and words[index + 1].text == ".":
        index += 2
    return index + 1


def _copied(sql: str, words: list[_Word]) -> Unread | None:
    if words[1:] and words[1].text == "(":
        inside = (sql[words[1].end : words[_matching(words, 1)].start], words[1].end)
        return Unread("COPY", (Inner((inside,)),))
    index = 2 if words[1:] and words[1].text == "BINARY" else 1
    if index >= len(words):
        return None
    after = _after_name(words, index)
    columns: tuple[str, int | None] = ("", None)
    name = (sql[words[index].start : words[after - 1].end], words[index].start)
    if after < len(words) and words[after].text == "(":
        closing = _matching(words, after)
        columns = (sql[words[after].end : words[closing].start], words[after].end)
    end = words[-1].end
    where = next((w for w in words[after:] if w.text == "WHERE" and not w.depth), None)
    condition = ("", 0) if where is None else (f" {sql[where.start : end]}", where.start - 1)
    query = Inner((("SELECT ", None), columns, (" FROM ", None), name, condition))
    return Unread("COPY", (query,))


def _viewed(sql: str, words: list[_Word]) -> Unread | None:
    texts = [word.text for word in words]
    named = next((n for n, text in enumerate(texts[:6]) if text == "VIEW"), None)
    if named is None or "MATERIALIZED" in texts[:named] or named + 1 >= len(words):
        return None
    start = next(
        (n for n in range(named, len(words)) if texts[n] == "AS" and not words[n].depth), 0
    )
    end = words[-1].end
    if texts[-2:] == ["CHECK", "OPTION"]:
        end = words[max(n for n, text in enumerate(texts) if text == "WITH")].start
    begin = words[start].end
    query: tuple[str, int | None] = (sql[begin:end], begin)
    if "RECURSIVE" not in texts[:named]:
        return Unread("CREATE VIEW", (Inner((query,)),))
    # Its query names the view itself.
    after = _after_name(words, named + 1)
    first, last = words[after - 1], words[_matching(words, after)]
    name: tuple[str, int | None] = (sql[first.start : last.end], first.start)
    pieces = (("WITH RECURSIVE ", None), name, (" AS (", None), query, (") SELECT", None))
    return Unread("CREATE VIEW", (Inner(pieces),))


def _prepared(sql: str, words: list[_Word]) -> Unread | None:
    if len(words) < 3 or words[1].text == "TRANSACTION":
        return None
    types: list[str] = []
    index = 2
    if words[2].text == "(":
        index = _matching(words, 2) + 1
        commas = [w for w in words[3:index] if w.text == "," and w.depth == words[2].depth + 1]
        starts = [words[2].end, *(comma.end for comma in commas)]
        ends = [*(comma.start for comma in commas), words[index - 1].start]
        types = [sql[begin:end].strip() for begin, end in zip(starts, ends, strict=True)]
    if index >= len(words) or words[index].text != "AS":
        return None
    # Its own parameters are no parameters of the statement: values of their types stand for them.
    pieces: list[tuple[str, int | None]] = []
    done = words[index].end
    for word in words[index:]:
        if word.text.startswith("$") and word.text[1:].isdigit():
            number = int(word.text[1:])
            known = 0 < number <= len(types) and types[number - 1].lower() != "unknown"
            if not known:
                return Unread("PREPARE", remedy="name the types: PREPARE name (type, …) AS …")
            value = f"NULL::{types[number - 1]}"
            pieces += [(sql[done : word.start], done), (f"({value})", None)]
            done = word.end
    return Unread("PREPARE", (Inner((*pieces, (sql[done:], done))),))


def _tables(sql: str, words: list[_Word]) -> Unread | None:
    """Read TRUNCATE and LOCK: a list of tables."""
    index = 2 if words[1:] and words[1].text == "TABLE" else 1
    found: list[Inner] = []
    while index < len(words):
        while index < len(words) - 1 and words[index].text in ("ONLY", "("):
            index += 1
        after = _after_name(words, index)
        found.append(_named("SELECT FROM ", words[index], words[after - 1], sql))
        while after < len(words) and words[after].text in ("*", ")"):
            after += 1
        if after == len(words) or words[after].text != ",":
            break
        index = after + 1
    return Unread(words[0].text, tuple(found)) if found else None


def _refreshed(sql: str, words: list[_Word]) -> Unread | None:
    index = 4 if [word.text for word in words[3:4]] == ["CONCURRENTLY"] else 3
    if len(words) <= index:
        return None
    # An empty one cannot be read, so its name alone is looked up.
    after = _after_name(words, index)
    query = _named("SELECT FROM ", words[index], words[after - 1], sql)
    return Unread("REFRESH MATERIALIZED VIEW", (query,))


_READERS: Final = {
    "COPY": _copied,
    "CREATE": _viewed,
    "LOCK": _tables,
    "PREPARE": _prepared,
    "REFRESH": _refreshed,
    "TRUNCATE": _tables,
}


def queries_in(sql: str) -> list[str]:
    """Return the queries that are asked about beside a statement itself."""
    unread = unread_in(sql)
    return [] if unread is None else [query.sql for query in unread.queries]
