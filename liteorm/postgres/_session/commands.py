"""What commands mean to a session: the server's answers, and text that must not be sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from typing import Any, Final, NamedTuple

from liteorm._core.patterns import pattern
from liteorm._core.sql import lexer
from liteorm._core.values.results import Result
from liteorm.errors import StatementError

__all__ = ["check_pooled", "check_text", "result_of", "transaction_command"]

_TRANSACTION_TAGS: Final = {
    *(b"BEGIN", b"START TRANSACTION", b"COMMIT", b"ROLLBACK"),
    *(b"SAVEPOINT", b"RELEASE", b"PREPARE TRANSACTION"),
}
# What stays behind on a connection, as far as the server's answer tells.
_LASTING_TAGS: Final = {b"SET", b"RESET", b"LISTEN", b"PREPARE", b"DECLARE CURSOR", b"LOAD"}
# What drops all prepared statements.
DEALLOCATING_TAGS: Final = frozenset({b"DISCARD ALL", b"DEALLOCATE ALL"})
# After these, what was learnt of tables and types is not so any more.
_TABLES: Final = {b"ALTER TABLE", b"DROP TABLE"}
_TYPES: Final = {
    *(b"ALTER TYPE", b"DROP TYPE", b"ALTER DOMAIN", b"DROP DOMAIN", b"DROP SCHEMA", b"DROP OWNED"),
    *(b"ALTER EXTENSION", b"DROP EXTENSION"),
}
RESHAPING_TAGS: Final = frozenset(_TABLES | _TYPES)
SPECIAL_TAGS: Final = frozenset(
    _TRANSACTION_TAGS | _LASTING_TAGS | DEALLOCATING_TAGS | RESHAPING_TAGS
)

_TRANSACTION: Final = {
    *("BEGIN", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"),
    *("START TRANSACTION", "PREPARE TRANSACTION"),
}
_ENDS: Final = {"COMMIT", "ROLLBACK"}
_LASTING: Final = {"RESET", "LISTEN", "UNLISTEN", "PREPARE", "DEALLOCATE", "DISCARD", "LOAD"}
_PASSING_SET: Final = {"LOCAL", "TRANSACTION", "CONSTRAINTS"}
_TEMPORARY: Final = {"TEMP", "TEMPORARY"}
_CLIENT: Final = frozenset({"STDIN", "STDOUT"})
# How a query begins; nothing stands for a parenthesis.
_QUERIES: Final = {"SELECT", "WITH", ""}
_BEFORE_TEMPORARY: Final = {"OR", "REPLACE", "LOCAL", "GLOBAL"}
_HIDDEN_SCHEMA: Final = {"PG_TEMP", '"pg_temp"'}
# Texts up to this length are judged once, as long as they are among the last ones used.
_REMEMBERED: Final = 10_000


class _Judgement(NamedTuple):
    """What a text holds: what is refused or leaves something behind.

    Its first transaction command, its first lasting one, whether it has a SET that stays, and a
    COPY from or to the client.
    """

    transaction: str | None
    lasting: str | None
    sets: bool
    copies: bool


def _judged(sql: str) -> _Judgement:
    return _judge_short(sql) if len(sql) < _REMEMBERED else _judge(sql)


def _judge(sql: str) -> _Judgement:
    transaction = lasting = None
    sets = copies = False
    # Without a semicolon it is one statement, and its first words are all that need be read.
    pieces = lexer.statements(sql) if ";" in sql else [(0, len(sql))]
    for start, end in pieces:
        first, second = (*islice(lexer.words(sql, start), 2), "", "")[:2]
        command = f"{first} {second}" if first in ("START", "PREPARE") else first
        if first in _ENDS and second == "PREPARED":
            continue  # ends what no session has any more; inside a transaction the server refuses
        if command in _TRANSACTION:
            transaction = transaction or command
        elif first == "COPY":
            copies = copies or not _CLIENT.isdisjoint(_signs(sql, start, end))
        elif first == "SET":
            stays = second not in _PASSING_SET or _is_qualified(sql, start, end)
            sets = sets or stays
            lasting = lasting or (first if stays else None)
        elif first in _LASTING or _makes_what_stays(first, sql, start, end):
            lasting = lasting or (first if first not in _QUERIES else "SELECT INTO")
        elif _SESSION_CALL.search(sql, start, end):
            lasting = lasting or _session_call(list(_signs(sql, start, end)))
    return _Judgement(transaction, lasting, sets, copies)


_judge_short = lru_cache(512)(_judge)


def _is_qualified(sql: str, start: int, end: int) -> bool:
    """Say whether the second word is one of two names, as in `SET local.tenant = 5`."""
    return [*islice(_signs(sql, start, end), 3)][2:] == ["."]


def _makes_what_stays(first: str, sql: str, start: int, end: int) -> bool:
    """Say whether a statement makes a cursor or a temporary object that outlives it."""
    signs = _signs(sql, start, end)
    if first == "DECLARE":
        return "WITH HOLD" in " ".join(takewhile(lambda word: word != "FOR", signs))
    if first == "CREATE":
        head = list(takewhile(lambda word: word not in ("(", "AS"), signs))
        what = [word for word in head[1:5] if word not in _BEFORE_TEMPORARY]
        return (bool(what) and what[0] in _TEMPORARY) or any(
            name in _HIDDEN_SCHEMA and dot == "." for name, dot in pairwise(head)
        )
    if first in _QUERIES and _INTO.search(sql, start, end):
        found = [*signs, "", "", ""]
        return any(
            word == "INTO"
            and found[at - 1] not in ("INSERT", "MERGE")
            and _is_temporary(*found[at + 1 : at + 4])
            for at, word in enumerate(found)
        )
    return False


def _session_call(signs: list[str]) -> str | None:
    """Return the function called that leaves something on the server session, if one is."""
    # For each parenthesis that is open: what stands before it, where its last argument begins.
    around: list[tuple[str, int]] = []
    for at, sign in enumerate(signs):
        if sign in ("(", "["):
            name = signs[at - 1].strip('"').lower() if at and sign == "(" else ""
            if _SESSION_LOCK.fullmatch(name):
                return name
            around.append((name, at + 1))
        elif sign == "," and around:
            around[-1] = (around[-1][0], at + 1)
        elif sign in (")", "]") and around and _sets_for_good(signs, *around.pop()):
            return _SET_CONFIG
    return _SET_CONFIG if any(_sets_for_good(signs, *each) for each in around) else None


def _sets_for_good(signs: list[str], name: str, last: int) -> bool:
    return name == _SET_CONFIG and last < len(signs) and signs[last].lower() in _FALSE


_SET_CONFIG: Final = "set_config"
_SESSION_LOCK: Final = pattern(r"pg_(try_)?advisory_(un)?lock(_shared|_all)?")
_SESSION_CALL: Final = pattern(r"(?i)pg_(try_)?advisory_(un)?lock|set_config")
_FALSE: Final = {"false", "'false'", "'f'", "'off'", "'no'", "'0'"}
_INTO: Final = pattern(r"(?i)\binto\b")


def _is_temporary(word: str, second: str, third: str) -> bool:
    """Say whether what follows INTO is a temporary table, and not one that is called `temp`."""
    if word in ("LOCAL", "GLOBAL"):
        word, second = second, third
    if word in _HIDDEN_SCHEMA:
        return second == "."
    return word in _TEMPORARY and (second[:1] == '"' or second.isidentifier()) and second != "FROM"


def _signs(sql: str, start: int, end: int) -> Iterator[str]:
    """Yield words in capitals, quoted names as they are, and other signs, of one statement."""
    for kind, begin, until, _ in lexer.tokens(sql, start):
        if begin >= end:
            return
        if kind == "word":
            yield sql[begin:until].upper()
        elif kind not in ("space", "comment"):
            yield sql[begin:until]


def is_transaction(tag: bytes) -> bool:
    """Say whether the server answered a transaction command."""
    return tag in _TRANSACTION_TAGS


def changes_types(tag: bytes) -> bool:
    """Say whether a command may have changed types, and not only a table."""
    return tag in _TYPES


def lasts(tag: bytes, sql: Any) -> bool:
    """Say whether the command left something behind that outlives the transaction."""
    if tag not in _LASTING_TAGS:
        return False
    return not (tag == b"SET" and isinstance(sql, str) and not _judged(sql).sets)


def may_last(sql: Any) -> bool:
    """Say whether a text may leave something behind, where the server's answer was not seen."""
    return isinstance(sql, str) and _judged(sql).lasting is not None


def begins_query(sql: str) -> bool:
    """Say whether a statement begins as one whose rows may have no columns."""
    return next(lexer.words(sql), "") in _QUERIES


def transaction_command(command: str) -> StatementError:
    """Return the refusal of a transaction command sent as text."""
    return StatementError(
        f"{' '.join(command.upper().split())} cannot be sent as text: "
        "the session keeps track of its transaction",
        hint="use session.transaction(), db.begin(), tx.commit() and tx.rollback()",
    )


def is_script(sql: str) -> bool:
    """Say whether a text has more than one statement."""
    if ";" not in sql:
        return False
    return _is_short_script(sql) if len(sql) < _REMEMBERED else _is_script(sql)


def _is_script(sql: str) -> bool:
    return len([*islice(lexer.statements(sql), 2)]) > 1


_is_short_script = lru_cache(512)(_is_script)


def count_statements(sql: str) -> int:
    """Return how many statements a script has, at least 1."""
    return max(1, sum(1 for _ in lexer.statements(sql)))


_WATCHED: Final = frozenset({"search_path", "statement_timeout", "client_encoding"})
_SETTABLE: Final = _WATCHED | {"role", "session_authorization"}
"""What changes one of these, given to set_config."""
_CHANGING_TAGS: Final = frozenset({b"SET", b"RESET", b"DISCARD ALL"})
_MENTIONED: Final = pattern(
    r"(?i)\b(?:search_path|statement_timeout|client_encoding|names|set_config|schema|role"
    r"|(?:session_)?authorization|reset|discard)\b"
)


def _mentioned(sql: str) -> frozenset[str]:
    """Return what a text has of the words without which it changes none of those."""
    return frozenset(match[0].lower() for match in _MENTIONED.finditer(sql))


_mentioned_in_short = lru_cache(512)(_mentioned)


def changes_settings(tag: bytes, sql: str, params: Any) -> bool:
    """Say whether a statement may have changed what has to be known of a transaction.

    That is the search_path, also as it depends on the role, the statement_timeout, and the
    client_encoding.
    """
    # Every statement comes by here: a look-up is what it takes.
    found = _mentioned_in_short(sql) if len(sql) < _REMEMBERED else _mentioned(sql)
    if not found:
        return False
    if tag in _CHANGING_TAGS or not found.isdisjoint(_WATCHED):
        return True
    if "set_config" not in found:
        return False
    if not found.isdisjoint(_SETTABLE):
        return True
    whole: Any = params
    given: Iterable[Any] = whole.values() if isinstance(params, Mapping) else whole or ()
    return any(isinstance(value, str) and value.lower() in _SETTABLE for value in given)


def copy_refused(sql: str | None = None) -> StatementError:
    """Return the refusal of COPY from or to the client, through whatever call it came."""
    return StatementError(
        "COPY from or to the client cannot be run as a statement",
        hint="load rows with insert_many, give the query itself to stream or copy_out",
        sql=sql,
    )


def check_text(sql: str) -> None:
    """Refuse transaction commands and COPY from or to the client, alone or in a script.

    Before anything is sent: afterwards the server would wait for the client to go on with it.
    """
    # Every statement comes by here: no call more than it takes.
    judged = _judge_short(sql) if len(sql) < _REMEMBERED else _judge(sql)
    refused = judged[0]
    if refused is not None:
        raise transaction_command(refused)
    if judged[3]:
        raise copy_refused(sql)


def check_pooled(sql: str) -> None:
    """Refuse what makes no sense through a pooler in transaction mode."""
    if command := _judged(sql).lasting:
        raise StatementError(
            f"{command} changes a server session, and behind a pooler in transaction mode "
            "the next statement may run in another one",
            hint=f"{_remedy(command)}, or connect to the server directly "
            '(a pooler in session mode: open with pooler="session")',
        )


def _remedy(command: str) -> str:
    if "advisory" in command:
        return "use pg_advisory_xact_lock in a transaction, which unlocks at its end"
    if command == "set_config":
        return "use settings= of a transaction, or set_config(name, value, true) in one"
    if command in ("PREPARE", "DEALLOCATE"):
        return "leave it to liteorm to prepare statements"
    return "use settings= or SET LOCAL in a transaction"


def result_of(results: list[Any]) -> Result:
    """Return what a statement did; of several, what the last one did."""
    if not results:
        return Result(0, "")
    last = results[-1]
    tag = (last.command_status or b"").decode()
    words = tag.rstrip("0123456789 ") if tag[-1:].isdigit() else tag
    return Result(last.command_tuples or 0, words)
